"""The engine: turns a study's record into its next decision. Pure; the one place that knows of order and lag.

The **ledger** is the record: every trial, every job with its outcome. Workers keep a copy each and bring it up to date
from the database; whatever is decided from equal ledgers is equal.

Strategies whose outcome cannot depend on timing (grid or random with full or halving) see the ledger live: every result
that is in. Adaptive ones see it with a **lag**, so that they too give the same search with any number of workers:

    decision k sees the results of jobs 0 … k-P exactly, and every later job as pending, finished or not,

where P is the study's parallelism. When that view makes the scheduler wait, one more job is shown, and so on, which is
again a function of the job log alone. `order="free"` (`lag=None` here) shows results as they arrive.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from strategies.base import DONE, WAIT, Stop, Wait
from strategies.pages import Pages
from strategies.planning import Job, Plan, Planned, Targets, check_wait, plan_next
from strategies.space import Space
from strategies.strategy import Strategy
from strategies.trial import History, Params, Point, State, Trial, point


class Ledger:
    """The record of one study, and the decisions that follow from it.

    `start`, `open_job`, `close_job` and `move_trial` write the record in the order of the study's job log; `decide`
    reads it. Curves are "lower is better".
    """

    def __init__(
        self,
        strategy: Strategy,
        space: Space,
        seed: int,
        targets: Targets,
        lag: int | None,
        *,
        sign: int = 1,
        widened: bool = False,
    ) -> None:
        self.strategy = strategy
        self.targets = targets
        self._space = space
        self._seed = seed
        self._sign = sign
        self._widened = widened
        self._lag = lag if strategy.adaptive or targets.tolerance is not None else None
        self._taken: dict[Point, int] = {}
        self._pages = Pages()
        self._entered: dict[int, Trial] = {}  # what the pages do not show yet
        self._n_trials = 0
        self._jobs: list[Job] = []
        self._first_jobs: list[int] = []  # by trial: the number of the job that started it
        self._pending: dict[int, Job] = {}
        self._finished_prefix = 0  # jobs 0 … prefix-1 have all ended
        self._moves = 0
        self._epochs = 0  # spent by ended jobs, promised to pending ones

    # --- the record -----------------------------------------------------------------------------------------------

    @property
    def n_jobs(self) -> int:
        """How many jobs have been decided."""
        return len(self._jobs)

    @property
    def n_trials(self) -> int:
        """How many trials have started."""
        return self._n_trials

    @property
    def pending(self) -> Mapping[int, Job]:
        """The jobs that have not ended, by number."""
        return self._pending

    def trial(self, number: int) -> Trial:
        """Return trial `number` as it stands, with every result that is in."""
        return self._entered.get(number) or self._pages[number]

    def enter_record(self, trials: Sequence[Trial], log: Sequence[Job]) -> None:
        """Enter a whole record into an empty ledger: the trials as they stand, by number, and every job."""
        if self._jobs or self._n_trials:
            raise ValueError("a whole record is entered after other trials")
        self._pages = Pages.of(trials)
        self._n_trials = len(trials)
        self._jobs = list(log)
        for trial in trials:
            self._taken.setdefault(point(trial.params), trial.number)
        for job in log:
            if job.trial == len(self._first_jobs):
                self._first_jobs.append(job.number)
        self._pending = {job.number: job for job in log if job.outcome is None}
        self._finished_prefix = next(iter(self._pending), len(log))
        self._epochs = sum(job.epochs for job in log)

    def start(self, number: int, params: Params, bracket: int = 0, parent: int | None = None) -> None:
        """Enter a new trial; numbers come in order."""
        if number != self._n_trials:
            raise ValueError(f"trial {number} is entered after {self._n_trials} trials")
        self._n_trials += 1
        self._entered[number] = Trial(number, params, State.PAUSED, bracket=bracket, parent=parent)
        self._taken.setdefault(point(params), number)

    def open_job(self, job: Job) -> None:
        """Enter a decided job; its trial counts as running from now on.

        A job may begin below what its trial has reached: a person has the trial try again, as if its last job had not
        been.
        """
        if job.number != len(self._jobs):
            raise ValueError(f"job {job.number} is entered after {len(self._jobs)} jobs")
        self._jobs.append(job)
        if job.trial == len(self._first_jobs):
            self._first_jobs.append(job.number)
        self._pending[job.number] = job
        self._epochs += job.epochs
        trial = self.trial(job.trial)
        curve = trial.curve[: job.from_epoch]
        self._put(Trial(job.trial, trial.params, State.RUNNING, curve, job.bracket, job.rung, trial.parent))

    def close_job(self, number: int, outcome: State, curve: tuple[float, ...]) -> None:
        """Enter a job's end: the state it left its trial in, and the trial's whole curve so far."""
        job = self._pending.pop(number)
        self._epochs -= job.epochs
        ended = replace(job, outcome=outcome, end_epoch=len(curve))
        self._jobs[number] = ended
        self._epochs += ended.epochs
        while self._finished_prefix < len(self._jobs) and self._finished_prefix not in self._pending:
            self._finished_prefix += 1
        trial = self.trial(job.trial)
        self._put(Trial(job.trial, trial.params, outcome, curve, trial.bracket, trial.rung, trial.parent))

    def move_trial(self, number: int, state: State) -> None:
        """Enter a state that no job brought about: a scheduler stopped the trial, or a person changed it.

        A person may discard it, stop it, or let a complete one go on: then it is paused.
        """
        self._moves += 1
        self._put(replace(self.trial(number), state=state))

    @property
    def standing(self) -> tuple[Any, ...]:
        """What tells whether a decision that was computed some time ago may still be entered.

        It changes with every decision, with the targets, and with whatever a person does to a trial; not with results.
        """
        return self.n_jobs, self._moves, self.targets

    def _put(self, trial: Trial) -> None:
        if trial.state is State.DISCARDED:
            trial = replace(trial, curve=())
        self._entered[trial.number] = trial

    # --- decisions ------------------------------------------------------------------------------------------------

    def decide(self) -> Plan:
        """Return what comes next, without entering it. Raises StrategyError when the strategy breaks its contract."""
        if self._lag is None:
            return self._checked(self._plan(self.view(), None))
        for last in range(max(-1, self.n_jobs - self._lag), self.n_jobs):
            if last >= self._finished_prefix:
                return WAIT
            plan = self._plan(self.view(last), last)
            if not isinstance(plan, Wait):
                return plan
        return self._checked(WAIT)

    def enter(self, plan: Planned | Stop) -> None:
        """Enter what `decide` returned."""
        if isinstance(plan, Stop):
            self.move_trial(plan.trial, State.STOPPED)
            return
        if plan.params is not None:
            self.start(plan.job.trial, plan.params, plan.job.bracket, plan.parent)
        self.open_job(plan.job)

    def view(self, last: int | None = None) -> History:
        """Return the history as it shows when the jobs after `last` are pending (None: every result that is in)."""
        return self._history(self._shown(last), self._taken)

    def seen_by(self, job: Job) -> History:
        """Return the history that the decision for `job` had seen, with the trial it started: what a stopper judges by.

        Without a lag there is no such moment, and it is what is known now.
        """
        if job.seen is None:
            return self.view()
        known = bisect_right(self._first_jobs, job.number)
        return self._history(self._shown(job.seen).first(known), None)

    def _history(self, trials: Pages, taken: Mapping[Point, int] | None) -> History:
        targets = self.targets
        return History(
            self._space,
            trials,
            trials.open,
            targets.max_epochs,
            targets.n_trials,
            targets.budget,
            self._seed,
            self._sign,
            targets.queue,
            taken,
            self._widened,
        )

    def _shown(self, last: int | None) -> Pages:
        """Return the trials as they show when the jobs after `last` are pending."""
        shown: dict[int, Trial] = {}
        for job in reversed(self._hidden(last)):  # the earliest hidden job of a trial has the last word
            trial = shown.get(job.trial) or self.trial(job.trial)
            if trial.state is State.DISCARDED:  # what a person does is no result: it shows at once
                continue
            shown[job.trial] = replace(trial, state=State.RUNNING, curve=trial.curve[: job.from_epoch], rung=job.rung)
        return self._known().put(*shown.values()) if shown else self._known()

    def _known(self) -> Pages:
        """Return the trials as they stand: a page with several that changed is written once."""
        if self._entered:
            self._pages, self._entered = self._pages.put(*self._entered.values()), {}
        return self._pages

    def _hidden(self, last: int | None) -> list[Job]:
        """Return the jobs that have ended but show as pending when nothing after job `last` shows."""
        return [] if last is None else [job for job in self._jobs[last + 1 :] if job.outcome is not None]

    def _plan(self, history: History, seen: int | None) -> Plan:
        if self._is_enough(history):
            history = replace(history, n_trials=len(history.trials))
        plan = plan_next(self.strategy, history, job=self.n_jobs, seen=seen)
        return self._within_budget(plan, seen) if isinstance(plan, Planned) else plan

    def _is_enough(self, history: History) -> bool:
        """Tell whether to start no further trial, as it can be expected to improve too little."""
        tolerance = self.targets.tolerance
        return tolerance is not None and self.strategy.searcher.expected_gain(history) < tolerance

    def _within_budget(self, plan: Planned, seen: int | None) -> Plan:
        """Let a job pass that the budget can pay, counting every pending job as far as it may go."""
        budget = self.targets.budget
        if budget is None:
            return plan
        hidden = self._hidden(seen)
        promised = self._epochs + sum(job.until - job.from_epoch - job.epochs for job in hidden)
        if promised + plan.job.epochs <= budget:
            return plan
        return WAIT if self._pending or hidden else DONE

    def _checked(self, plan: Plan) -> Plan:
        return check_wait(self.strategy, plan, anything_pending=bool(self._pending))
