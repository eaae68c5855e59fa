"""What stacks save: the default search on a data set, with trials of one shape trained together, and one by one.

    python benchmarks/stacks.py                  # 100 trials on digits, about a minute
    python benchmarks/stacks.py --data diabetes --trials 243

Both searches have the same seed and, bit for bit, the same outcome; they take turns in this process, with one worker.
It prints how large the stacks were, and the ratio of the two times: quote the ratio, machines are noisy.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hpo
from hpo.network_objective import NetworkObjective
from hpo.objectives import Beginning, EpochResult, Session


class Watched(NetworkObjective):
    """Notes how many trials each session has, and the seconds in which all of them trained."""

    sizes: list[int]
    seconds: list[float]

    def open(self, beginnings: Sequence[Beginning]) -> Session:
        self.sizes.append(len(beginnings))
        start = perf_counter()
        session = super().open(beginnings)
        self.seconds.append(perf_counter() - start)
        trained = session.train_epoch

        def train_epoch() -> list[EpochResult]:
            start = perf_counter()
            results = trained()
            self.seconds.append(perf_counter() - start)
            return results

        session.train_epoch = train_epoch
        return session


class Alone(Watched):
    """Trains every trial by itself."""

    stack = 1


@dataclass(frozen=True, slots=True)
class Search:
    """What came out, how long it took, and how long of that networks trained; the sizes of the stacks."""

    value: float
    seconds: float
    training: float
    sizes: list[int]


def searched(kind: type[Watched], data: hpo.Data, trials: int, strategy: str) -> Search:
    objective = kind(data)
    objective.sizes, objective.seconds = [], []
    study = hpo.create_study(objective=objective, strategy=strategy, seed=0, n_trials=trials, storage=None)
    # The schedules' horizon comes with a copy of the objective, which shares these lists.
    start = perf_counter()
    study.optimize()
    return Search(study.best_value, perf_counter() - start, sum(objective.seconds), objective.sizes)


def spread(over: Sequence[float], under: Sequence[float]) -> str:
    """Return the ratios in words: their median, and the lowest and the highest."""
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"{median(ratios):.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="a built-in data set or a file")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--strategy", default="random+halving", help="random+halving is the default search's")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data = hpo.load_data(arguments.data)
    together, alone = [], []
    for _ in range(arguments.rounds):
        together.append(searched(Watched, data, arguments.trials, arguments.strategy))
        alone.append(searched(Alone, data, arguments.trials, arguments.strategy))
    values = {search.value for search in (*together, *alone)}
    if len(values) > 1:
        sys.exit(f"the searches differ: best values {sorted(values)}")
    sizes = together[0].sizes
    print(f"{arguments.trials} trials on {data.name}, {arguments.strategy}: best value {values.pop():.6g} either way")
    print(f"{len(sizes)} stacks instead of {len(alone[0].sizes)} networks; how many of each size:")
    print("  " + ", ".join(f"{count} of {size}" for size, count in sorted(Counter(sizes).items(), reverse=True)))
    print(f"a network trains in a stack of {sum(size * size for size in sizes) / sum(sizes):.1f}, on average")
    print(f"one by one, training takes {spread([a.training for a in alone], [t.training for t in together])}")
    print(f"one by one, the search takes {spread([a.seconds for a in alone], [t.seconds for t in together])}")


if __name__ == "__main__":
    main()
