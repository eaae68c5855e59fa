"""The mathematics of model selection under a budget of time.

Agarwal, Bartlett & Duchi, "Oracle inequalities for computationally adaptive model selection", COLT 2012, arXiv
1208.0129. A class of models has the risk (the loss) of its best model so far; its penalty says how far that may be from
the best that the class can do.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import log, sqrt


def coarse_grid(penalties: Sequence[float], slack: float) -> list[int]:
    """Return few classes that stand for all: each class has one in the grid of at most 1 + `slack` times its penalty.

    `penalties` rise strictly; they are those of the classes after the same time. The class that stands for another is
    no smaller: where classes are nested, it can do whatever the other can. The first and the last are in the grid,
    which has about log(last / first) / log(1 + slack) members. (Section 3.)
    """
    grid = [0]
    while grid[-1] < len(penalties) - 1:
        reach = bisect_right(penalties, (1 + slack) * penalties[grid[-1]]) - 1
        grid.append(max(reach, grid[-1] + 1))
    return grid


def criterion(risk: float, penalty: float, samples: float, classes: int, kappa: float = 1.0) -> float:
    """Return what the class to choose has least of, when each of `classes` classes had the same time (section 3)."""
    return risk + penalty + kappa / 2 * sqrt(log(classes) / samples)


def optimistic_risk(
    risk: float, penalty: float, final_penalty: float, *, samples: float, quanta: int, classes: int, kappa: float = 1.0
) -> float:
    """Return what the class that gets the next quantum of time has least of: the risk it may come to (section 4).

    `samples` are those it has had, `penalty` is for these, `final_penalty` for those it would have after all `quanta`.
    """
    return risk - penalty - kappa * sqrt((log(quanta) + log(classes)) / samples) + final_penalty
