"""A worker's copy of a study's ledger, kept equal to the database by reading only what has changed."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage.studies import StudySpec
from storage.tables import jobs, measurements, trials
from strategies import Done, Job, Ledger, Planned, State, Stop, Targets, Wait

_CHUNK: Final = 500  # trials named in one statement
_TRIALS = (
    sa.select(trials.c.number, trials.c.params, trials.c.state, trials.c.bracket, trials.c.parent)
    .where(trials.c.study_id == sa.bindparam("study"), trials.c.revision > sa.bindparam("known"))
    .order_by(trials.c.number)
)
_JOBS = (
    sa.select(
        jobs.c.number,
        jobs.c.trial,
        jobs.c.from_epoch,
        jobs.c.until_epoch,
        jobs.c.bracket,
        jobs.c.rung,
        jobs.c.seen,
        jobs.c.outcome,
        jobs.c.end_epoch,
    )
    .where(jobs.c.study_id == sa.bindparam("study"), jobs.c.revision > sa.bindparam("known"))
    .order_by(jobs.c.number)
)
_CURVES = (
    sa.select(measurements.c.trial, measurements.c.epoch, measurements.c.value)
    .where(measurements.c.study_id == sa.bindparam("study"))
    .order_by(measurements.c.trial, measurements.c.epoch)
)
_CURVES_OF = _CURVES.where(measurements.c.trial.in_(sa.bindparam("chosen", expanding=True)))


class LedgerCopy:
    """The ledger as of `revision`. What this worker writes itself it enters itself, and need not read."""

    def __init__(self, study_id: int, spec: StudySpec) -> None:
        self._id = study_id
        self._spec = spec
        self.forget()

    def forget(self) -> None:
        """Start afresh: the next `catch_up` reads everything."""
        spec = self._spec
        self.ledger = Ledger(spec.strategy, spec.space, spec.seed, spec.targets, spec.lag)
        self.revision = -1

    def catch_up(self, connection: Connection, study: Row[Any]) -> None:
        """Read what others wrote up to the revision before `study.revision`, and the study's targets."""
        self.ledger.targets = Targets(study.max_epochs, study.n_trials, study.budget)
        if self.revision == study.revision - 1:
            return
        since = {"study": self._id, "known": self.revision}
        moved = connection.execute(_TRIALS, since).all()
        for trial in moved:
            if trial.number >= self.ledger.n_trials:
                self.ledger.start(trial.number, trial.params, trial.bracket, trial.parent)
        changed = connection.execute(_JOBS, since).all()
        curves = self.read_curves(connection, [job.trial for job in changed if job.outcome])
        for job in changed:
            if job.number >= self.ledger.n_jobs:
                self.ledger.open_job(Job(*job[:7]))
            if job.outcome and job.number in self.ledger.pending:
                self.ledger.close_job(job.number, State(job.outcome), self._lower(curves[job.trial][: job.end_epoch]))
        for trial in moved:
            state = State(trial.state)
            if state.ended and not self.ledger.trial(trial.number).state.ended:
                self.ledger.end_trial(trial.number, state)
        self.revision = study.revision - 1

    def close(self, number: int, outcome: State, curve: Iterable[float]) -> None:
        """Enter the end of a job of this worker's, with its trial's curve in the study's direction."""
        self.ledger.close_job(number, outcome, self._lower(curve))

    def read_curves(self, connection: Connection, chosen: list[int]) -> dict[int, list[float]]:
        """Return the curves of the chosen trials, in the study's direction; an empty one for a trial without values."""
        curves: dict[int, list[float]] = defaultdict(list)
        if self.revision < 0:  # the first look: all of them
            rows: list[Any] = list(connection.execute(_CURVES, {"study": self._id}))
        else:
            rows = []
            for start in range(0, len(chosen), _CHUNK):
                part = {"study": self._id, "chosen": chosen[start : start + _CHUNK]}
                rows.extend(connection.execute(_CURVES_OF, part))
        for trial, _, value in rows:
            curves[trial].append(value)
        return curves

    def decide(self) -> Planned | Stop | Wait | Done:
        """Return the next decision (see `Ledger.decide`)."""
        return self.ledger.decide()

    def _lower(self, curve: Iterable[float]) -> tuple[float, ...]:
        sign = self._spec.sign
        return tuple(sign * value for value in curve)
