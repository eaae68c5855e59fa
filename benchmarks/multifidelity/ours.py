"""Our side: strategies by name, replayed by the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time

from multifidelity.runs import Run, run_of
from multifidelity.tables import Table
from strategies import ASHA, CurveExtrapolation, Random, Strategy, StrategyError, parse_strategy
from strategies.replay import replay


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of our strategies; with `stride` 2, it trains twice as long and counts half."""

    name: str
    strategy: Strategy
    stride: int = 1

    @property
    def is_slow(self) -> bool:
        """Whether its decisions take so long that it has fewer seeds, and a bound on its epochs."""
        parts = (self.strategy.searcher, self.strategy.scheduler)
        return any(part.slow for part in parts) or isinstance(self.strategy.stopper, CurveExtrapolation)

    def run(self, table: Table, seed: int, budget: int | None, workers: int) -> Run:
        """Search the table; raises StrategyError when it cannot."""
        began = process_time()
        found = replay(
            self.strategy, table.recording, seed=seed, budget=budget, workers=workers, sign=table.curves.sign
        )
        return run_of(table, found.best, found.trials, process_time() - began, self.stride)


RANDOM = Contestant("random", parse_strategy("random"))
CONTROLS = (
    RANDOM,
    Contestant("random, twice as fast", parse_strategy("random"), stride=2),
)
"""What everyone should beat."""

STOPPING = Contestant("asha, stopping", Strategy(Random(), ASHA(variant="stopping")))
NAMES = (
    "tpe",
    "gp",
    "bayes",
    "one-epoch",
    "halving",
    "hyperband",
    "infinite-hyperband",
    "asha",
    "pasha",
    "bohb",
    "tpe+asha",
    "tpe+hyperband",
    "gp+halving",
    "gp+hyperband",
    "bayes+hyperband",
    "gp+asha",
    "freeze-thaw",
    "metamax",
    "budgeted",
    "budgeted-bandit",
    "pbt",
    "random+median",
    "tpe+median",
    "random+curves",
    "tpe+curves",
)


def contestants(names: Sequence[str] | None) -> list[Contestant]:
    """Return random search, and the strategies of these names; all if there is none. Raises StrategyError."""
    special = {each.name: each for each in (*CONTROLS, STOPPING)}
    chosen = [*special, *NAMES] if names is None else [RANDOM.name, *names]
    return [special.get(name) or Contestant(name, parse_strategy(name)) for name in dict.fromkeys(chosen)]


def excuse(error: StrategyError) -> str:
    """Return the reason why a strategy cannot search a table, in a line."""
    return str(error).split("\n", maxsplit=1)[0]
