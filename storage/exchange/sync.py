"""A worker's knowledge of where its study stands, brought up to date within each exchange.

Two kinds with one interface: a copy of the whole ledger, kept equal to the database by reading only what has changed;
and for strategies that do not look back a tally, counted anew. What a worker writes itself it enters itself.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from operator import neg
from typing import Any, Final, NamedTuple

from sqlalchemy.engine import Connection, Row

from storage.connection.bulk import decoded, fetch, no_garbage_collected
from storage.connection.prepared import from_json, run
from storage.exchange import statements
from storage.exchange.curves import all_curves, curves_of
from storage.exchange.work import Claim
from storage.studies import StudyRecord, StudySpec
from strategies import (
    History,
    Job,
    Ledger,
    Params,
    Plan,
    Planned,
    State,
    Stop,
    Tally,
    Targets,
    Trial,
    looks_back,
)

_STATES: Final = {state.value: state for state in State}  # quicker than State(...) for very many


def knowledge_of(study: StudyRecord) -> "Knowledge":
    """Return the kind of knowledge that decisions of the study need, empty as yet."""
    spec, widened = study.spec, study.edition > 0
    kind = LedgerCopy if looks_back(spec.strategy, spec.space, spec.targets, widened=widened) else TallyCopy
    return kind(study.id, spec, widened=widened)


def targets_in(study: Row[Any]) -> Targets:
    """Return the targets in a study's row as it stands."""
    queue = tuple(from_json(study.queue) or ())
    return Targets(study.max_epochs, study.n_trials, study.budget, study.tolerance, queue)


class Survey(NamedTuple):
    """What a few numbers tell of a study: the database's time, its workers, trials and jobs, and jobs not yet ended.

    Of the latter no more are counted than were asked for, and one for each worker: as many trials may fail by deaths.
    """

    now: float
    n_workers: int
    n_trials: int
    n_jobs: int
    n_pending: int
    any_ready: bool


def survey_of(connection: Connection, study_id: int, enough: int = 1) -> Survey:
    """Return the survey of a study; `enough` jobs that have not ended are enough to count."""
    key = {"study": study_id, "enough": enough, "now": time.time()}
    return Survey(*run(connection, statements.survey[connection.dialect.name], key).one())


class Knowledge(ABC):
    """Where a study stands as of `revision`."""

    def __init__(self, study_id: int, spec: StudySpec, *, widened: bool = False) -> None:
        self.revision = -1
        self._id = study_id
        self._spec = spec
        self._widened = widened
        self._decided_on: tuple[Any, ...] = ()
        self.forget()

    def catch_up(self, connection: Connection, revision: int, targets: Targets, survey: Survey) -> None:
        """Bring it up to `revision` of the study, with the targets that it has now and what a survey tells."""
        self._catch_up(connection, revision, targets, survey)
        self.revision = revision

    @abstractmethod
    def suffices(self, targets: Targets) -> bool:
        """Tell whether decisions towards these targets need no other kind of knowledge."""

    @property
    @abstractmethod
    def is_unread(self) -> bool:
        """Whether the next `catch_up` reads the whole record, which may take long."""

    @abstractmethod
    def forget(self) -> None:
        """Start afresh: the next `catch_up` trusts nothing that is known."""

    @abstractmethod
    def _catch_up(self, connection: Connection, revision: int, targets: Targets, survey: Survey) -> None: ...

    @abstractmethod
    def close(self, claim: Claim, outcome: State, curve: Iterable[float]) -> None:
        """Enter the end of a claimed job, with its trial's curve in the study's direction."""

    def decide(self) -> Plan:
        """Return the next decision, without entering it."""
        self._decided_on = self._standing
        return self._decide()

    def allows(self, plan: Plan) -> bool:
        """Tell whether what `decide` returned last, some time ago, still holds and can be entered.

        Not so when somebody has decided meanwhile, when the targets are others, or when a person has changed a trial.
        """
        if self._decided_on != self._standing:
            return False
        if isinstance(plan, Stop):
            return self._is_paused(plan.trial)
        return not isinstance(plan, Planned) or plan.params is not None or self._is_paused(plan.job.trial)

    @abstractmethod
    def _decide(self) -> Plan: ...

    @property
    @abstractmethod
    def _standing(self) -> tuple[Any, ...]:
        """What changes with the study, but for results: see `Ledger.standing`."""

    @abstractmethod
    def enter(self, plan: Planned | Stop) -> None:
        """Enter what `decide` returned."""

    @abstractmethod
    def _is_paused(self, trial: int) -> bool: ...

    @abstractmethod
    def params(self, trial: int) -> Params:
        """Return the params of a trial that a decision was about."""

    @abstractmethod
    def history(self, job: Job) -> History:
        """Return what the decision that made `job` had seen."""

    @property
    @abstractmethod
    def anything_pending(self) -> bool:
        """Whether a job has not ended."""


class LedgerCopy(Knowledge):
    """The whole ledger."""

    def suffices(self, targets: Targets) -> bool:  # noqa: ARG002 - it holds everything
        return True

    @property
    def is_unread(self) -> bool:
        return self.revision < 0

    def forget(self) -> None:
        spec = self._spec
        self.revision = -1
        self._is_new = True
        self._ledger = Ledger(
            spec.strategy,
            spec.space,
            spec.seed,
            spec.targets,
            spec.lag,
            sign=int(spec.sign),
            widened=self._widened,
        )

    def _catch_up(self, connection: Connection, revision: int, targets: Targets, survey: Survey) -> None:  # noqa: ARG002 - it counts itself
        self._ledger.targets = targets
        if self.is_unread:
            with no_garbage_collected():
                self._read_all(connection)
        elif self.revision != revision:
            self._read_changes(connection)

    def _read_all(self, connection: Connection) -> None:
        """Read the whole record, as reading it change by change would have left the ledger."""
        everything = {"study": self._id, "known": -1}
        log = [
            Job(*(*about, _STATES[outcome] if outcome else None, end))
            for *about, outcome, end in fetch(connection, statements.jobs_since, everything)
        ]
        last = {job.trial: job for job in log}
        curves = all_curves(connection, self._id)
        trials = []
        rows = list(fetch(connection, statements.trials_since, everything))
        for (number, _, state, bracket, parent), params in zip(rows, decoded([row[1] for row in rows]), strict=True):
            job = last.get(number)
            if job is None:
                trials.append(Trial(number, params, _STATES[state], (), bracket, parent=parent))
                continue
            reached = job.from_epoch if job.outcome is None else job.end_epoch
            curve = () if state == State.DISCARDED else _lower(self._spec, curves[number][:reached])
            now = State.RUNNING if job.outcome is None else _STATES[state]
            trials.append(Trial(number, params, now, curve, job.bracket, job.rung, parent))
        self._ledger.enter_record(trials, log)

    def _read_changes(self, connection: Connection) -> None:
        """Read what has changed since the revision that is known."""
        ledger = self._ledger
        since = {"study": self._id, "known": self.revision}
        moved = list(fetch(connection, statements.trials_since, since))
        for number, params, _, bracket, parent in moved:
            if number >= ledger.n_trials:
                ledger.start(number, from_json(params), bracket, parent)
        changed = [(Job(*row[:7]), *row[7:]) for row in fetch(connection, statements.jobs_since, since)]
        curves = curves_of(connection, self._id, [job.trial for job, outcome, _ in changed if outcome])
        for job, outcome, end in changed:
            if job.number >= ledger.n_jobs:
                ledger.open_job(job)
            if outcome and job.number in ledger.pending:
                ledger.close_job(job.number, _STATES[outcome], _lower(self._spec, curves[job.trial][:end]))
        at_work = {job.trial for job in ledger.pending.values()}
        for number, _, state, _, _ in moved:
            if number not in at_work and _STATES[state] is not ledger.trial(number).state:
                ledger.move_trial(number, _STATES[state])

    def close(self, claim: Claim, outcome: State, curve: Iterable[float]) -> None:
        self._ledger.close_job(claim.job.number, outcome, _lower(self._spec, curve))

    def _decide(self) -> Plan:
        if not self._is_new:
            return self._ledger.decide()
        with no_garbage_collected():  # for once, a strategy looks at every trial, and notes something of each
            plan = self._ledger.decide()
        self._is_new = False
        return plan

    @property
    def _standing(self) -> tuple[Any, ...]:
        return self._ledger.standing

    def enter(self, plan: Planned | Stop) -> None:
        self._ledger.enter(plan)

    def _is_paused(self, trial: int) -> bool:
        return self._ledger.trial(trial).state is State.PAUSED

    def params(self, trial: int) -> Params:
        return self._ledger.trial(trial).params

    def history(self, job: Job) -> History:
        return self._ledger.seen_by(job)

    @property
    def anything_pending(self) -> bool:
        return bool(self._ledger.pending)


class TallyCopy(Knowledge):
    """Counts, and the paused trials that have no job."""

    def suffices(self, targets: Targets) -> bool:
        return not looks_back(self._spec.strategy, self._spec.space, targets, widened=self._widened)

    @property
    def is_unread(self) -> bool:
        return False

    def forget(self) -> None:
        spec = self._spec
        self._tally = Tally(spec.strategy, spec.space, spec.seed, spec.targets, sign=int(spec.sign))
        self._params: dict[int, Params] = {}

    def _catch_up(self, connection: Connection, revision: int, targets: Targets, survey: Survey) -> None:  # noqa: ARG002 - counted anew
        key = {"study": self._id}
        self._tally.targets = targets
        idle = run(connection, statements.idle_trials, key).all()
        curves = curves_of(connection, self._id, [trial.number for trial in idle])
        self._params = {trial.number: from_json(trial.params) for trial in idle}
        self._tally.stand(
            n_trials=survey.n_trials,
            n_jobs=survey.n_jobs,
            n_pending=survey.n_pending,
            paused=[
                Trial(
                    trial.number,
                    self._params[trial.number],
                    State.PAUSED,
                    _lower(self._spec, curves[trial.number]),
                    trial.bracket,
                    parent=trial.parent,
                )
                for trial in idle
            ],
        )

    def close(self, claim: Claim, outcome: State, curve: Iterable[float]) -> None:
        job = claim.job
        self._params[job.trial] = claim.params
        self._tally.close(Trial(job.trial, claim.params, outcome, _lower(self._spec, curve), job.bracket, job.rung))

    def _decide(self) -> Plan:
        return self._tally.decide()

    @property
    def _standing(self) -> tuple[Any, ...]:
        return self._tally.standing

    def enter(self, plan: Planned | Stop) -> None:
        self._tally.enter(plan)
        if isinstance(plan, Planned) and plan.params is not None:
            self._params[plan.job.trial] = plan.params

    def _is_paused(self, trial: int) -> bool:
        return trial in self._tally.view().open

    def params(self, trial: int) -> Params:
        return self._params[trial]

    def history(self, job: Job) -> History:  # noqa: ARG002 - it is the same for every job
        return self._tally.view()

    @property
    def anything_pending(self) -> bool:
        return self._tally.n_pending > 0


def _lower(spec: StudySpec, curve: Iterable[float]) -> tuple[float, ...]:
    return tuple(map(neg, curve) if spec.sign < 0 else curve)
