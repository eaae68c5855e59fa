"""The ledger of a strategy that does not look back: only counts, and the trials that are paused.

Grid or random search where every trial trains in full needs to know how many trials there are, not what became of them.
A worker on such a study reads a few numbers, however long the history; so many workers cost no more than one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Never, overload

from strategies.base import Stop
from strategies.errors import StrategyError
from strategies.planning import Plan, Planned, Targets, check_wait, plan_next
from strategies.space import Space
from strategies.strategy import Strategy
from strategies.trial import History, State, Trial


def looks_back(strategy: Strategy, space: Space, targets: Targets, *, widened: bool = False) -> bool:
    """Tell whether decisions depend on past trials: a tally is enough for those that do not.

    They do also where a point might be tried twice: with guesses of the user's, where no parameter that is always
    active is continuous, and where the space has been `widened`, so that a sequence over it begins anew.
    """
    bounded = targets.budget is not None or targets.tolerance is not None
    repeats = widened or bool(targets.queue) or space.may_repeat
    return strategy.adaptive or strategy.scheduler.looks_back or bounded or repeats


class Tally:
    """Where a study stands, for the strategy of which `looks_back` is false."""

    def __init__(self, strategy: Strategy, space: Space, seed: int, targets: Targets, *, sign: int = 1) -> None:
        self.targets = targets
        self.n_trials = 0
        self.n_jobs = 0
        self.n_pending = 0
        self._strategy = strategy
        self._space = space
        self._seed = seed
        self._sign = sign
        self._paused: dict[int, Trial] = {}

    def stand(self, *, n_trials: int, n_jobs: int, n_pending: int, paused: Iterable[Trial]) -> None:
        """Enter where the study stands: how many trials and jobs there are, and the paused trials without a job."""
        self.n_trials, self.n_jobs, self.n_pending = n_trials, n_jobs, n_pending
        self._paused = {trial.number: trial for trial in paused}

    @property
    def standing(self) -> tuple[Any, ...]:
        """What tells whether a decision that was computed some time ago may still be entered."""
        return self.n_jobs, self.targets

    def decide(self) -> Plan:
        """Return what comes next, without entering it."""
        plan = plan_next(self._strategy, self.view(), job=self.n_jobs, seen=None)
        return check_wait(self._strategy, plan, anything_pending=self.n_pending > 0)

    def enter(self, plan: Planned | Stop) -> None:
        """Enter what `decide` returned."""
        number = plan.trial if isinstance(plan, Stop) else plan.job.trial
        self._paused.pop(number, None)
        if isinstance(plan, Planned):
            self.n_jobs += 1
            self.n_trials = max(self.n_trials, number + 1)
            self.n_pending += 1

    def close(self, trial: Trial) -> None:
        """Enter the end of a job, with its trial as it stands then."""
        self.n_pending -= 1
        if trial.state is State.PAUSED:
            self._paused = dict(sorted([*self._paused.items(), (trial.number, trial)]))

    def view(self) -> History:
        """Return the history as far as it is known: how many trials, and which are paused."""
        unread = _Unread(self.n_trials)
        targets = self.targets
        return History(
            self._space,
            unread,
            self._paused,
            targets.max_epochs,
            targets.n_trials,
            seed=self._seed,
            sign=self._sign,
            taken={},
        )


class _Unread(Sequence[Trial]):
    """Trials that were not read: they can only be counted."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Never: ...
    @overload
    def __getitem__(self, index: slice) -> Never: ...
    def __getitem__(self, index: int | slice) -> Never:
        raise StrategyError("a strategy looks at past trials although its scheduler says that it does not look back")
