"""Where everyone stands, and what that looks like on a terminal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from search.problems import Problem
from search.runs import CHECKPOINTS, Run

LEGEND = """\
* a rival. Lower is better throughout.
On a table only its rows can be evaluated, each once. Ours choose among the rows left; a rival does not know of rows, so
that for its proposal the nearest row left is evaluated, and it learns that row with its value.
Rank: what to expect when everyone shows one of their runs: one, and for every other contestant the share of pairs of
their runs in which the other has found something better, a tie by half. So all runs count, however many each has made.
Regret: how far the incumbent's true value is above the best, in units of what the median of a thousand random draws is;
the mean of the runs. By the best rival: by the mean regret of the rival whose is the lowest then.
CPU milliseconds a decision, the objective's own left out; the rivals' are those of the machine that made their runs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contestant does on a problem, or in the mean of many; by checkpoint."""

    runs: int
    ranks: tuple[float, ...]
    regrets: tuple[float, ...]
    seconds: float


def standings(problem: Problem, runs: Mapping[str, Sequence[Run]]) -> dict[str, Standing]:
    """Return the standing of every contestant, each with one run at least."""
    regrets = {name: np.array([[problem.regret(v) for v in one.values] for one in own]) for name, own in runs.items()}
    return {
        name: Standing(
            runs=len(own),
            ranks=tuple(1 + sum(_beaten(regrets[name], regrets[other]) for other in runs if other != name)),
            regrets=tuple(regrets[name].mean(axis=0)),
            seconds=mean(one.seconds for one in own),
        )
        for name, own in runs.items()
    }


def overall(by_problem: Sequence[Mapping[str, Standing]]) -> dict[str, Standing]:
    """Return the mean over problems, of those contestants that have run on all."""
    everywhere = [name for name in by_problem[0] if all(name in one for one in by_problem)]
    return {
        name: Standing(
            runs=sum(one[name].runs for one in by_problem),
            ranks=tuple(np.mean([one[name].ranks for one in by_problem], axis=0)),
            regrets=tuple(np.mean([one[name].regrets for one in by_problem], axis=0)),
            seconds=mean(one[name].seconds for one in by_problem),
        )
        for name in everywhere
    }


def print_standings(title: str, standing: Mapping[str, Standing], rivals: Collection[str]) -> None:
    """Print a line for each contestant, by rank at the last checkpoint; a star marks the rivals."""
    narrow, wide = ("".join(f"{one:>{width}}" for one in CHECKPOINTS) for width in (7, 9))
    print(f"\n{title}")
    print(f"  {'':26}     {'rank after':>21}  {'regret after':>27}  {'by the best rival':>27}   CPU ms a")
    print(f"  {'':26}runs {narrow}  {wide}  {wide}   decision")
    lowest = [
        min((one.regrets[i] for name, one in standing.items() if name in rivals), default=0.0)
        for i in range(len(CHECKPOINTS))
    ]
    for name, one in sorted(standing.items(), key=lambda item: item[1].ranks[-1]):
        ranks = "".join(f"{rank:7.2f}" for rank in one.ranks)
        regrets = "".join(f"{regret:9.2g}" for regret in one.regrets)
        ratios = "".join(_ratio(own, best) for own, best in zip(one.regrets, lowest, strict=True))
        marked = f"{name} *" if name in rivals else name
        print(f"  {marked:26}{one.runs:4} {ranks}  {regrets}  {ratios} {one.seconds * 1e3:10.2f}")


def _beaten(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by checkpoint the share of pairs of runs in which the other's regret is lower, ties by half."""
    pairs = other[:, None] - own
    return ((pairs < 0) + 0.5 * (pairs == 0)).mean(axis=(0, 1))


def _ratio(own: float, best: float) -> str:
    return f"{own / best:9.3g}" if best > 0 else f"{'-':>9}"
