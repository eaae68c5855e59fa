"""Our side: strategies by name, each decided by the ledger as in a study with one worker."""

from collections.abc import Sequence
from dataclasses import dataclass

import strategies
from search.problems import Problem
from search.runs import EVALUATIONS, Objective, Run, run


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of our strategies; with `stride` 2, it evaluates twice as often and counts half."""

    name: str
    strategy: strategies.Strategy
    stride: int = 1

    def run(self, problem: Problem, seed: int) -> Run:
        """Search the problem."""

        def search(objective: Objective) -> None:
            _search(self.strategy, problem.space, seed, EVALUATIONS * self.stride, objective)

        return run(search, problem, seed, self.stride)


CONTROLS = (
    Contestant("random", strategies.parse_strategy("random")),
    Contestant("random, twice as often", strategies.parse_strategy("random"), stride=2),
)
"""What everyone should beat."""


def contestants(names: Sequence[str]) -> list[Contestant]:
    """Return the controls and the strategies of these names; raises StrategyError for one that is unknown."""
    known = {control.name for control in CONTROLS}
    return [*CONTROLS, *(Contestant(name, strategies.parse_strategy(name)) for name in names if name not in known)]


def searchers(problems: Sequence[Problem]) -> list[str]:
    """Return the names of all our searchers that can search these problems without settings."""
    return [entry.name for entry in strategies.table() if entry.kind == "searcher" and _takes(entry.name, problems)]


def _takes(name: str, problems: Sequence[Problem]) -> bool:
    try:
        for problem in problems:
            strategies.parse_strategy(name).check(problem.space, max_epochs=1)
    except strategies.StrategyError:
        return False
    return True


def _search(
    strategy: strategies.Strategy, space: strategies.Space, seed: int, evaluations: int, objective: Objective
) -> None:
    targets = strategies.Targets(max_epochs=1, n_trials=evaluations)
    ledger = strategies.Ledger(strategy, space, seed, targets, lag=1)
    while isinstance(plan := ledger.decide(), strategies.Planned | strategies.Stop):
        ledger.enter(plan)
        if isinstance(plan, strategies.Planned):
            value = objective(ledger.trial(plan.job.trial).params)
            ledger.close_job(plan.job.number, strategies.State.COMPLETE, (value,))
