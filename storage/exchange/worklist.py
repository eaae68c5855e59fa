"""A study's work as one worker sees it: claim jobs, record measurements, report ends.

All of it goes through a few short transactions. An exchange takes the study's next revision, so that exchanges are in
one order, and that order is the study's history:

    exchange    report what has ended, take over what dead workers held, decide what is next, claim some of it
    record      write measurements and checkpoints of jobs still held, and renew their leases
    release     give back jobs, trained no further than their last checkpoint
    bury        give back what dead workers held; fail a trial that kills one worker after another (see `deaths`)

Whoever does not hold a job any longer (its lease ran out and another worker took it) can write nothing about it: the
results of a sleeper that wakes up late are refused. As training is deterministic, its successor writes the same ones.

Each is repeated while the database is out of reach. Repeated, they are harmless: what has been reported is not held any
more, and what was claimed when the line broke, so that nobody here knows of it, is given back.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from storage.connection.outages import persistent
from storage.connection.prepared import prepare_all, run
from storage.database import Database
from storage.errors import StudyNotFound
from storage.exchange import statements
from storage.exchange.claiming import Asked, hand_out, read_ready
from storage.exchange.deaths import Death, innocent, vanished
from storage.exchange.deciding import decide, enter_prepared
from storage.exchange.recording import close_jobs, write_ends, write_measurements, write_progress
from storage.exchange.sync import Survey, knowledge_of, survey_of, targets_in
from storage.exchange.takeover import count_attempt, free, take_over
from storage.exchange.work import Exchange, Moment, Progress, Report, Wanted
from storage.exchange.workers import Worker
from storage.studies import CLOSED, COMPLETE, StudyRecord
from strategies import Done, History, Job, Plan, Planned, Stop, Wait

LEASE: Final = 30.0
"""Seconds a job stays its worker's without a sign of life."""

_THINK: Final = 1.0  # seconds that slow decisions may be taken ahead: meanwhile nobody trains here


class _NothingChanged(Exception):  # noqa: N818 - no error: it rolls a transaction back that has nothing to say
    """An exchange had nothing to write. Its revision must not count: it would wake every idle worker for nothing."""


class _TooEarly(Exception):  # noqa: N818 - likewise, one that has said what does not hold
    """Measurements were written before their turn that may not be: a job is not held any more."""


class Worklist:
    """The work of one study for one worker. Not for use by two threads at a time."""

    def __init__(self, database: Database, study: StudyRecord, worker: Worker, lease: float = LEASE) -> None:
        self.worker = worker
        self._database = database
        self._study = study
        self._lease = lease
        self._known = knowledge_of(study)
        self._mine: set[int] = set()  # jobs that this worker knows it holds
        self._unsure = False  # whether the last transaction may have happened or not
        self._writers_meet = database.engine.dialect.name != "sqlite"  # there one at a time writes anything at all
        prepare_all(statements.EVERY[database.engine.dialect.name], database.engine.dialect)
        strategy = study.spec.strategy
        self._slow = strategy.searcher.slow or strategy.scheduler.slow

    @property
    def revision(self) -> int:
        """The study's revision at the last exchange."""
        return self._known.revision

    def history(self, job: Job) -> History:
        """Return what the decision that made `job` had seen: what a stopper may judge by."""
        return self._known.history(job)

    # --- transactions ---------------------------------------------------------------------------------------------

    def exchange(self, reports: Sequence[Report], wanted: Wanted, dead: Sequence[str] = ()) -> Exchange:
        """Report ended jobs, take over the jobs of `dead` workers and of run-out leases, decide, and claim.

        Nobody saw how the `dead` ended; who names itself leaves without a word about its jobs.
        Atomic: on an exception nothing of it has happened, and it may be tried again. A slow strategy's decisions are
        computed between transactions, after that of the reports; each counts only if nobody was quicker.
        """
        spec = self._study.spec
        if spec.lag is None and spec.strategy.adaptive:  # who decides far ahead learns nothing meanwhile
            most = spec.parallelism or wanted.jobs
            wanted = replace(wanted, jobs=min(wanted.jobs, most), ahead=min(wanted.ahead, most))
        result = self._transact(reports, wanted, dead)
        if self._slow and wanted.jobs and not (result.claims or result.closed or result.outdated or wanted.over()):
            return self._think(wanted, result)
        return result

    def record(self, progress: Sequence[Progress]) -> set[int]:
        """Write new measurements and checkpoints, renew every lease; return the numbers of the jobs still held."""
        held = self._record(progress)
        self._mine &= held
        return held

    @persistent
    def _record(self, progress: Sequence[Progress]) -> set[int]:
        with self._database.write() as connection:
            held = self._held(connection)
            now = self._database.now(connection)
            write_progress(connection, self._study, [item for item in progress if item.claim.job.number in held])
            lease = {"study": self._study.id, "me": self.worker.id, "until": now + self._lease}
            run(connection, statements.renew_leases, lease)
            run(connection, statements.seen_alive, {"me": self.worker.id, "now": now})
        return held

    def release(self, progress: Sequence[Progress], *, suspect: bool = False) -> None:
        """Give back jobs, with what has been measured and checkpointed so far: to anyone, suspects to train alone."""
        self._release(progress, suspect=suspect)
        self._mine -= {item.claim.job.number for item in progress}

    @persistent
    def _release(self, progress: Sequence[Progress], *, suspect: bool) -> None:
        with self._database.write() as connection:
            held = self._held(connection)
            mine = [item for item in progress if item.claim.job.number in held]
            write_progress(connection, self._study, mine)
            free(connection, self._study, [item.claim.job for item in mine])
            for item in mine if suspect else ():
                count_attempt(connection, self._study, item.claim.job)
            if mine:
                self._next_revision(connection)

    @persistent
    def bury(self, dead: Sequence[Death]) -> None:
        """Give back what `dead` workers held; a trial that one after another has died of, alone, fails."""
        self._read_up(deciding=False)
        try:
            with self._database.write() as connection:
                row, _, moment = self._begin(connection, len(dead))
                self._end(moment, take_over(moment, dead, lapsed_but=self.worker.id).ends)
        except BaseException:
            self._known.forget()
            raise
        self._known.revision = row.revision

    @persistent
    def look(self) -> tuple[int, str | None]:
        """Return the study's revision and what somebody requests of this worker: a cheap look without a lock."""
        with self._database.glance() as connection:
            row = run(connection, statements.look, {"study": self._study.id, "me": self.worker.id}).one_or_none()
        if row is None:
            raise self._gone()
        return row.revision, row.request

    def _think(self, wanted: Wanted, result: Exchange) -> Exchange:
        """Decide until there is enough to choose from, or until that has taken long; then claim.

        Each decision is entered at once: its job is ready, for anyone. Whoever finds that another was quicker takes
        what there is.
        """
        thoughts, until = 0, monotonic() + _THINK
        while True:
            known = self._known.revision
            plan = self._known.decide()
            if isinstance(plan, Wait) and not thoughts:
                return result
            over = isinstance(plan, Wait | Done)
            thoughts += isinstance(plan, Planned)
            enough = over or thoughts >= max(wanted.jobs, wanted.ahead) or (thoughts > 0 and monotonic() > until)
            result = self._transact((), wanted, (), plan, claiming=enough)
            left = result.complete or result.closed or result.outdated or wanted.over()
            if result.claims or left or (over and self._known.revision == known):
                return result

    # --- within a transaction -------------------------------------------------------------------------------------

    def _transact(
        self,
        reports: Sequence[Report],
        wanted: Wanted,
        dead: Sequence[str],
        prepared: Plan | None = None,
        *,
        claiming: bool = True,
    ) -> Exchange:
        """Carry out an exchange; a slow strategy's decision comes `prepared`, and unless `claiming` is left ready."""
        try:
            result = self._attempt(reports, wanted, dead, prepared, claiming=claiming, early=self._writers_meet)
        except _TooEarly:
            result = self._attempt(reports, wanted, dead, prepared, claiming=claiming, early=False)
        self._mine -= {report.progress.claim.job.number for report in reports}
        self._mine |= {claim.job.number for claim in result.claims}
        return result

    @persistent
    def _attempt(
        self,
        reports: Sequence[Report],
        wanted: Wanted,
        dead: Sequence[str],
        prepared: Plan | None,
        *,
        claiming: bool,
        early: bool,
    ) -> Exchange:
        result = Exchange([], complete=False, workers=0)
        self._read_up(deciding=wanted.jobs > 0)
        came = monotonic()
        try:
            with self._database.write() as connection:
                waited = monotonic() - came
                if early:
                    self._write_early(connection, reports)
                came = monotonic()
                row, survey, moment = self._begin(connection, len(reports) + len(dead))
                waited += monotonic() - came
                came = monotonic()
                gone = [innocent(each) if each == self.worker.id else vanished(each) for each in dead]
                taken = take_over(moment, gone, lapsed_but=self.worker.id if wanted.lapsed else None)
                self._end(moment, taken.ends)
                lost = taken.any or self._give_back_unknown(moment)
                ended = self._write_ends(moment, reports, row.max_epochs, early=early)
                decided: Sequence[Planned | Stop] = ()
                result = self._refusal(row)
                if wanted.over():
                    wanted = replace(wanted, jobs=0)
                if not (result.closed or result.outdated):
                    survey = survey._replace(
                        n_workers=survey.n_workers - taken.n_gone, any_ready=survey.any_ready or lost
                    )
                    decided, result = self._decide_and_claim(moment, wanted, survey, prepared, claiming=claiming)
                result = replace(result, refused=len(reports) - len(ended))
                completed = result.complete and row.state != COMPLETE
                if completed:
                    run(connection, statements.complete_study, {"study": self._study.id, "now": moment.now})
                self._roll_back_unless(ended or dead or lost or decided or result.claims or completed)
        except _NothingChanged:
            return result
        except BaseException:
            self._known.forget()  # it may have entered what was rolled back
            self._unsure = True
            raise
        self._known.revision = row.revision
        self._unsure = False
        return replace(result, waited=waited, took=monotonic() - came)

    def _read_up(self, *, deciding: bool) -> None:
        """Read a record that may be long before the study's turn is taken: nobody has to wait meanwhile."""
        if not self._known.is_unread:
            return
        with self._database.read() as connection:
            row = run(connection, statements.study_now, {"study": self._study.id}).one_or_none()
            if row is None:
                raise self._gone()
            survey = survey_of(connection, self._study.id)
            self._known.catch_up(connection, row.revision, targets_in(row), survey)
        if deciding and not self._slow:
            with suppress(Exception):  # what is wrong with it is told in its turn
                self._known.decide()  # once, a strategy looks at every trial

    def _write_early(self, connection: Connection, reports: Sequence[Report]) -> None:
        """Write measurements before the study's turn is taken, beside other writers."""
        try:
            write_measurements(connection, self._study, [report.progress for report in reports])
        except IntegrityError as error:
            raise _TooEarly from error  # there is no such trial any more

    def _write_ends(self, moment: Moment, reports: Sequence[Report], max_epochs: int, *, early: bool) -> list[Report]:
        """Write the ends of jobs that are held still, and return those; measurements may have been written `early`.

        Raises _TooEarly when one was written then that is not to be.
        """
        ended = [report.as_of(max_epochs) for report in reports]
        if not early:
            held = self._held(moment.connection) if reports else set()
            ended = [report for report in ended if report.progress.claim.job.number in held]
            self._end(moment, ended)
        elif ended:
            if not close_jobs(moment, ended, held_by=self.worker.id):
                raise _TooEarly
            write_ends(moment, ended)
            self._enter_ends(ended)
        return ended

    def _refusal(self, row: Row[Any]) -> Exchange:
        """Return an exchange that brings nothing, with what keeps a study in that state from handing out work."""
        outdated = row.edition != self._study.edition
        return Exchange([], complete=False, workers=0, closed=row.state in CLOSED, outdated=outdated)

    def _give_back_unknown(self, moment: Moment) -> bool:
        """Make jobs ready again that were claimed in a transaction that may have happened, and nobody trains."""
        unknown = self._held(moment.connection) - self._mine if self._unsure else set()
        if unknown:
            running = run(moment.connection, statements.jobs_of_worker, {"study": self._study.id, "me": self.worker.id})
            free(moment.connection, self._study, [job for row in running if (job := Job(*row)).number in unknown])
        return bool(unknown)

    def _begin(self, connection: Connection, n_ends: int) -> tuple[Row[Any], Survey, Moment]:
        """Take the study's next revision, look around, and bring what is known up to the revision before.

        It is enough to know of one job more than may end now: whether any is left.
        """
        row = self._next_revision(connection)
        targets = targets_in(row)
        if not self._known.suffices(targets):  # a bound or a guess has come meanwhile
            self._known = knowledge_of(replace(self._study, spec=replace(self._study.spec, targets=targets)))
        survey = survey_of(connection, self._study.id, n_ends + 1)
        self._known.catch_up(connection, row.revision - 1, targets, survey)
        return row, survey, Moment(connection, self._study, survey.now, row.revision)

    @staticmethod
    def _roll_back_unless(changed: object) -> None:
        if not changed:
            raise _NothingChanged

    def _next_revision(self, connection: Connection) -> Row[Any]:
        if self._writers_meet:
            run(connection, statements.turn, {"study": self._study.id})
        row = run(connection, statements.next_revision, {"study": self._study.id}).one_or_none()
        if row is None:
            raise self._gone()
        return row

    def _held(self, connection: Connection) -> set[int]:
        key = {"study": self._study.id, "me": self.worker.id}
        return set(run(connection, statements.held_jobs, key).scalars())

    def _end(self, moment: Moment, ended: Sequence[Report]) -> None:
        if ended:
            write_measurements(moment.connection, self._study, [report.progress for report in ended])
            close_jobs(moment, ended)
            write_ends(moment, ended)
            self._enter_ends(ended)

    def _enter_ends(self, ended: Sequence[Report]) -> None:
        for report in ended:
            self._known.close(report.progress.claim, report.outcome, report.progress.curve)

    def _decide_and_claim(
        self, moment: Moment, wanted: Wanted, survey: Survey, prepared: Plan | None, *, claiming: bool
    ) -> tuple[Sequence[Planned | Stop], Exchange]:
        if not wanted.jobs:
            return [], Exchange([], complete=False, workers=survey.n_workers)
        ready = read_ready(moment, max(wanted.jobs, wanted.ahead)) if survey.any_ready else []
        missing = max(wanted.jobs, wanted.ahead) - len(ready)
        known = self._known
        decided, complete = enter_prepared(known, prepared, missing) if self._slow else decide(known, missing)
        taken = wanted if claiming or not decided else replace(wanted, jobs=0)
        lease = {"worker": self.worker.id, "lease_until": moment.now + self._lease}
        claims = hand_out(moment, known, ready, decided, Asked(taken, survey.n_workers, lease))
        return decided, Exchange(claims, complete, survey.n_workers)

    def _gone(self) -> StudyNotFound:
        name, url = self._study.spec.name, self._database.shown_url
        return StudyNotFound(f"the study {name!r} has been deleted from {url} while it was worked on")
