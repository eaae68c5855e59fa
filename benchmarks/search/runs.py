"""A run: one search of one problem, with what it had found after so many evaluations."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from search.problems import Problem
from strategies import Params, trial_seed

CHECKPOINTS = (25, 50, 100)
EVALUATIONS = CHECKPOINTS[-1]
DIGITS = 7  # of a value: all that is kept of the rivals', so that an equal one of ours ties

Objective = Callable[[Params], float]


def rounded(value: float, digits: int = DIGITS) -> float:
    """Return the value as it is kept."""
    return float(f"{value:.{digits}g}")


@dataclass(frozen=True, slots=True)
class Run:
    """The true values of the best points seen by each of the checkpoints, and the processor's seconds a decision."""

    values: tuple[float, ...]
    seconds: float


class Evaluations:
    """The objective that a search calls; it keeps the incumbent, which is the point with the lowest value *seen*.

    Where there is noise, that value flatters; the incumbent's true one counts. The noise of the n-th evaluation follows
    from the seed and n, so that it is the same for all. With `stride` 2, twice as many evaluations count as one.
    """

    def __init__(self, problem: Problem, seed: int, stride: int = 1) -> None:
        self.values: list[float] = []
        self.count = 0
        self.seconds = 0.0
        self._problem, self._seed = problem, seed
        self._ends = {checkpoint * stride for checkpoint in CHECKPOINTS}
        self._lowest, self._incumbent = inf, None

    def __call__(self, params: Params) -> float:
        """Return the value of `params`, as this search sees it."""
        began = time.process_time()
        value = self._problem.evaluate(params, trial_seed(self._seed, self.count))
        self.count += 1
        if value < self._lowest:
            self._lowest, self._incumbent = value, params
        if self.count in self._ends:
            self.values.append(rounded(self._problem.truth(self._incumbent)))
        self.seconds += time.process_time() - began
        return value


def run(search: Callable[[Objective], None], problem: Problem, seed: int, stride: int = 1) -> Run:
    """Let `search` call the objective as often as it shall; raises RuntimeError when it does not."""
    evaluations = Evaluations(problem, seed, stride)
    began = time.process_time()
    search(evaluations)
    seconds = time.process_time() - began - evaluations.seconds
    if evaluations.count != EVALUATIONS * stride:
        raise RuntimeError(f"{evaluations.count} evaluations of {problem.name} instead of {EVALUATIONS * stride}")
    return Run(tuple(evaluations.values), seconds / evaluations.count)
