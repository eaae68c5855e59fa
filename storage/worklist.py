"""A study's work as one worker sees it: claim jobs, record measurements, report ends.

All of it goes through a few short transactions. An exchange takes the study's next revision, so that exchanges are in
one order, and that order is the study's history:

    exchange    report what has ended, take over what dead workers held, decide what is next, claim some of it
    record      write measurements and checkpoints of jobs still held, and renew their leases
    release     give back jobs, trained no further than their last checkpoint
    bury        give back what dead workers held; fail a trial that kills one worker after another

Whoever does not hold a job any longer (its lease ran out and another worker took it) can write nothing about it: the
results of a sleeper that wakes up late are refused. As training is deterministic, its successor writes the same ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import statements
from storage.codec import FORMAT, decode, digest
from storage.database import Database
from storage.errors import CheckpointError, StudyNotFound
from storage.studies import COMPLETE, StudyRecord
from storage.sync import LedgerCopy
from storage.tables import workers
from storage.work import Claim, Exchange, Progress, Report, Wanted
from storage.workers import Worker
from strategies import Done, History, Job, Params, Planned, State, Stop, Wait, trial_seed

LEASE: Final = 30.0
"""Seconds a job stays its worker's without a sign of life."""

MAX_ATTEMPTS: Final = 3
"""Workers that one trial may kill before it counts as failed."""

KEPT_BEST: Final = 5
"""Ended trials whose checkpoints are kept: the best ones."""



class _NothingChanged(Exception):  # noqa: N818 - no error: it rolls a transaction back that has nothing to say
    """An exchange had nothing to write. Its revision must not count: it would wake every idle worker for nothing."""


_Ready = tuple[Job, Params]
_Plan = Planned | Stop | Wait | Done


class Worklist:
    """The work of one study for one worker. Not for use by two threads at a time."""

    def __init__(self, database: Database, study: StudyRecord, worker: Worker, lease: float = LEASE) -> None:
        self.worker = worker
        self._database = database
        self._study = study
        self._id = study.id
        self._lease = lease
        self._copy = LedgerCopy(study.id, study.spec)
        strategy = study.spec.strategy
        self._slow = strategy.searcher.slow or strategy.scheduler.slow

    # --- transactions ---------------------------------------------------------------------------------------------

    def exchange(self, reports: Sequence[Report], wanted: Wanted, dead: Sequence[str] = ()) -> Exchange:
        """Report ended jobs, take over the jobs of `dead` workers and of run-out leases, decide, and claim.

        Atomic: on an exception nothing of it has happened, and it may be tried again. A slow strategy's decision is
        computed between two transactions, and counts only if nobody has taken a decision meanwhile.
        """
        if not self._slow or not wanted.jobs:
            return self._transact(reports, wanted, dead, None)
        reported = self._transact(reports, Wanted(jobs=0), dead, None)
        plan = None if reported.complete else self._copy.ledger.decide()
        return self._transact((), replace(wanted, jobs=1, ahead=1), (), plan)

    def record(self, progress: Sequence[Progress]) -> set[int]:
        """Write new measurements and checkpoints, renew every lease; return the numbers of the jobs still held."""
        with self._database.write() as connection:
            held = self._held(connection)
            now = self._database.now(connection)
            self._write(connection, [item for item in progress if item.claim.job.number in held])
            lease = {"study": self._id, "me": self.worker.id, "until": now + self._lease}
            connection.execute(statements.renew_leases, lease)
            connection.execute(statements.seen_alive, {"me": self.worker.id, "now": now})
        return held

    def release(self, progress: Sequence[Progress]) -> None:
        """Give back jobs, with what has been measured and checkpointed so far; anyone may claim them."""
        with self._database.write() as connection:
            held = self._held(connection)
            mine = [item for item in progress if item.claim.job.number in held]
            self._write(connection, mine)
            self._free(connection, [item.claim.job for item in mine])
            if mine:
                connection.execute(statements.next_revision, {"study": self._id})

    def bury(self, dead: Sequence[str]) -> None:
        """Give back what `dead` workers held; a trial that has lost MAX_ATTEMPTS workers in a row fails.

        For whoever saw them die while others lived on: then the trial is a suspect.
        """
        with self._database.write() as connection:
            row = self._next_revision(connection)
            now = self._database.now(connection)
            self._copy.catch_up(connection, row)
            lost = self._take_over(connection, now, dead)
            for job in lost:
                key = {"study": self._id, "trial": job.trial}
                attempts, epochs = connection.execute(statements.count_attempt, key).one()
                if attempts >= MAX_ATTEMPTS:
                    claim = Claim(self._copy.ledger.pending[job.number], {}, 0, measured=epochs)
                    curve, seconds = self._curve(connection, job.trial, epochs)
                    error = f"{attempts} workers died, one after another, while training it"
                    report = Report(Progress(claim, curve, seconds), State.FAILED, error=error)
                    self._end(connection, [report], now, row.revision)
        self._copy.revision = row.revision

    def look(self) -> tuple[int, str | None]:
        """Return the study's revision and what somebody requests of this worker: a cheap look without a lock."""
        with self._database.read() as connection:
            revision = connection.execute(statements.revision, {"study": self._id}).scalar_one_or_none()
            request = connection.execute(statements.request, {"me": self.worker.id}).scalar_one_or_none()
        if revision is None:
            raise self._gone()
        return revision, request

    @property
    def revision(self) -> int:
        """The study's revision at the last exchange."""
        return self._copy.revision

    def history(self, job: Job) -> History:
        """Return what the decision that made `job` had seen: what a stopper may judge by."""
        return self._copy.ledger.view(job.seen)

    # --- within a transaction -------------------------------------------------------------------------------------

    def _transact(
        self, reports: Sequence[Report], wanted: Wanted, dead: Sequence[str], prepared: _Plan | None
    ) -> Exchange:
        claims: list[Claim] = []
        try:
            with self._database.write() as connection:
                row = self._next_revision(connection)
                now = self._database.now(connection)
                self._copy.catch_up(connection, row)
                lost = self._take_over(connection, now, dead)
                held = self._held(connection) if reports else set()
                self._end(connection, [r for r in reports if r.progress.claim.job.number in held], now, row.revision)
                count = connection.execute(statements.count_workers, {"study": self._id}).scalar_one()
                ready = self._ready(connection, wanted)
                decided, complete = self._decide(wanted, len(ready), prepared)
                chosen = _choose([*ready, *_new_work(decided, self._params_of(connection, decided))], wanted, count)
                self._enter(connection, decided, {job.number for job, _ in chosen}, now, row.revision)
                claims = self._claim(connection, chosen, decided, now)
                completed = complete and row.state != COMPLETE
                if completed:
                    connection.execute(statements.complete_study, {"study": self._id, "now": now})
                if not (reports or dead or lost or decided or claims or completed):
                    raise _NothingChanged
        except _NothingChanged:
            return Exchange([], complete, count)
        except BaseException:
            self._copy.forget()  # it may have entered what was rolled back
            raise
        self._copy.revision = row.revision
        return Exchange(claims, complete, count)

    def _next_revision(self, connection: Connection) -> Row[Any]:
        row = connection.execute(statements.next_revision, {"study": self._id}).one_or_none()
        if row is None:
            raise self._gone()
        return row

    def _take_over(self, connection: Connection, now: float, dead: Sequence[str]) -> Sequence[Row[Any]]:
        lost = connection.execute(statements.lost_jobs, {"study": self._id, "now": now, "dead": list(dead)}).all()
        self._free(connection, [self._copy.ledger.pending[row.number] for row in lost])
        if dead:
            connection.execute(sa.delete(workers).where(workers.c.id.in_(list(dead))))
        return lost

    def _free(self, connection: Connection, jobs: Iterable[Job]) -> None:
        rows = [{"study": self._id, "job": job.number, "trial": job.trial} for job in jobs]
        if rows:
            connection.execute(statements.release_job, rows)
            connection.execute(statements.pause_trial, rows)

    def _held(self, connection: Connection) -> set[int]:
        return set(connection.execute(statements.held_jobs, {"study": self._id, "me": self.worker.id}).scalars())

    def _write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """Write what is new of some trials. A row of a trial never falls behind what has been measured of it."""
        measured: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        kept: list[dict[str, Any]] = []
        better = max if self._study.spec.direction == "maximize" else min
        for item in progress:
            key = {"study_id": self._id, "trial": item.claim.job.trial}
            measured.extend(
                key | {"epoch": new.epoch, "value": new.value, "metrics": new.metrics or None, "seconds": new.seconds}
                for new in item.new
            )
            if item.new and len(item.curve) >= item.claim.measured:
                best = better(item.curve)
                moved.append(
                    {
                        "study": self._id,
                        "trial": item.claim.job.trial,
                        "now_epochs": len(item.curve),
                        "best": best,
                        "at_epoch": item.curve.index(best) + 1,
                        "spent": item.seconds,
                    }
                )
            if item.checkpoint is not None:
                data = item.checkpoint.data
                made = {"epoch": item.checkpoint.epoch, "format": FORMAT, "data": data, "sha256": digest(data)}
                kept.append(key | made)
        dialect = connection.dialect.name
        if measured:
            connection.execute(statements.upsert_measurements[dialect], measured)
        if moved:
            connection.execute(statements.progress_trial, moved)
        if kept:
            connection.execute(statements.upsert_checkpoints[dialect], kept)

    def _end(self, connection: Connection, reports: Sequence[Report], now: float, revision: int) -> None:
        if not reports:
            return
        self._write(connection, [report.progress for report in reports])
        rows = []
        for report in reports:
            job, curve = report.progress.claim.job, report.progress.curve
            self._copy.close(job.number, report.outcome, curve)
            rows.append(
                {
                    "study": self._id,
                    "job": job.number,
                    "trial": job.trial,
                    "result": report.outcome,
                    "end": len(curve),
                    "now": now,
                    "finished": now if report.outcome.ended else None,
                    "reason": report.stop_reason,
                    "message": report.error,
                    "trace": report.traceback,
                    "rev": revision,
                }
            )
        connection.execute(statements.close_job, rows)
        connection.execute(statements.leave_trial, rows)
        if any(report.outcome.ended for report in reports):
            self._free_checkpoints(connection)

    def _decide(self, wanted: Wanted, ready: int, prepared: _Plan | None) -> tuple[list[Planned | Stop], bool]:
        """Decide until there is enough to choose from; return the decisions and whether the study is complete."""
        ledger = self._copy.ledger
        decided: list[Planned | Stop] = []
        missing = max(wanted.jobs, wanted.ahead) - ready if wanted.jobs else 0
        while missing > 0:
            plan = ledger.decide() if not self._slow else prepared
            if plan is None or isinstance(plan, Wait):
                break
            if isinstance(plan, Done):
                return decided, not ledger.pending
            if isinstance(plan, Planned) and plan.job.number != ledger.n_jobs:
                break  # computed beforehand, and somebody was quicker
            ledger.enter(plan)
            decided.append(plan)
            missing -= isinstance(plan, Planned)
            prepared = None
        return decided, False

    def _ready(self, connection: Connection, wanted: Wanted) -> list[_Ready]:
        if not wanted.jobs:
            return []
        most = max(wanted.jobs, wanted.ahead)
        rows = connection.execute(statements.ready_jobs, {"study": self._id, "most": most})
        return [(Job(*row[:7]), row.params) for row in rows]

    def _params_of(self, connection: Connection, decided: Sequence[Planned | Stop]) -> dict[int, Params]:
        """Return the params of the trials that are decided to go on; those of new ones come with the decision."""
        ledger = self._copy.ledger
        resumed = [plan.job.trial for plan in decided if isinstance(plan, Planned) and plan.params is None]
        return {number: ledger.trial(number).params for number in resumed}

    def _enter(
        self, connection: Connection, decided: Sequence[Planned | Stop], chosen: set[int], now: float, revision: int
    ) -> None:
        """Write decisions down; the chosen jobs as claimed."""
        if not decided:
            return
        lease = {"worker": self.worker.id, "lease_until": now + self._lease}
        free = {"worker": None, "lease_until": None}
        started, moved, stopped, opened = [], [], [], []
        for plan in decided:
            if isinstance(plan, Stop):
                row = {"study": self._id, "trial": plan.trial, "reason": dict(plan.reason), "now": now}
                stopped.append(row | {"rev": revision})
                continue
            job, mine = plan.job, plan.job.number in chosen
            opened.append(
                {
                    "study_id": self._id,
                    "number": job.number,
                    "trial": job.trial,
                    "from_epoch": job.from_epoch,
                    "until_epoch": job.until,
                    "bracket": job.bracket,
                    "rung": job.rung,
                    "seen": job.seen,
                    "reason": dict(plan.reason),
                    "state": "running" if mine else "ready",
                    "decided_at": now,
                    "decided_revision": revision,
                    "revision": revision,
                }
                | (lease if mine else free)
            )
            state = State.RUNNING if mine else State.PAUSED
            if plan.params is None:
                at = {"study": self._id, "trial": job.trial, "to_rung": job.rung, "to_state": state}
                moved.append(at | {"rev": revision})
                continue
            started.append(
                {
                    "study_id": self._id,
                    "number": job.trial,
                    "params": plan.params,
                    "seed": trial_seed(self._study.spec.seed, job.trial),
                    "bracket": job.bracket,
                    "rung": job.rung,
                    "parent": plan.parent,
                    "state": state,
                    "epochs": 0,
                    "attempts": 0,
                    "started_at": now if mine else None,
                    "train_seconds": 0.0,
                    "revision": revision,
                }
            )
        for statement, rows in (
            (statements.insert_trials, started),
            (statements.insert_jobs, opened),
            (statements.move_trial, moved),
            (statements.stop_trial, stopped),
        ):
            if rows:
                connection.execute(statement, rows)
        for plan in decided:
            if isinstance(plan, Planned) and plan.parent is not None:  # it starts from the parent's weights as they are now
                heir = {"study": self._id, "heir": plan.job.trial, "parent": plan.parent}
                connection.execute(statements.inherit_checkpoint, heir)
        if stopped:
            self._free_checkpoints(connection)

    def _claim(
        self, connection: Connection, chosen: Sequence[_Ready], decided: Sequence[Planned | Stop], now: float
    ) -> list[Claim]:
        """Mark jobs as this worker's and return them with all that is needed to train them on."""
        fresh = {plan.job.number: plan for plan in decided if isinstance(plan, Planned)}
        rows = [
            {
                "study": self._id,
                "job": job.number,
                "trial": job.trial,
                "me": self.worker.id,
                "now": now,
                "until": now + self._lease,
            }
            for job, _ in chosen
            if job.number not in fresh
        ]
        if rows:
            connection.execute(statements.claim_job, rows)
            connection.execute(statements.run_trial, rows)
        seed = self._study.spec.seed
        claims = []
        for job, params in chosen:
            claim = Claim(job, params, trial_seed(seed, job.trial))
            plan = fresh.get(job.number)
            if plan is None or plan.params is None or plan.parent is not None:
                claim = self._continued(connection, claim)
            claims.append(claim)
        return claims

    def _continued(self, connection: Connection, claim: Claim) -> Claim:
        """Return the claim with what its trial has reached: its checkpoint, its curve up to there."""
        key = {"study": self._id, "trial": claim.job.trial}
        measured = connection.execute(statements.measured_epochs, key).scalar_one()
        kept = connection.execute(statements.checkpoint_of, key).one_or_none()
        if kept is None:
            return replace(claim, measured=measured)
        if digest(kept.data) != kept.sha256:
            raise CheckpointError(
                f"the checkpoint of trial {claim.job.trial} does not match its SHA-256: the database is damaged"
            )
        curve, seconds = self._curve(connection, claim.job.trial, kept.epoch)
        state = decode(kept.data)
        return replace(claim, epochs=kept.epoch, curve=curve, seconds=seconds, measured=measured, state=state)

    def _curve(self, connection: Connection, trial: int, epochs: int) -> tuple[tuple[float, ...], float]:
        rows = connection.execute(statements.curve_until, {"study": self._id, "trial": trial, "until": epochs}).all()
        return tuple(row.value for row in rows), sum(row.seconds for row in rows)

    def _free_checkpoints(self, connection: Connection) -> None:
        """Drop the checkpoints of ended trials but of the best."""
        rows = connection.execute(statements.ended_checkpoints, {"study": self._id}).all()
        sign = self._study.spec.sign
        usable = [row for row in rows if row.state != State.FAILED and row.value is not None]
        best = sorted(usable, key=lambda row: (sign * row.value, row.trial))[:KEPT_BEST]
        spare = {row.trial for row in rows} - {row.trial for row in best}
        if spare:
            connection.execute(statements.free_checkpoints, {"study": self._id, "chosen": sorted(spare)})

    def _gone(self) -> StudyNotFound:
        name = self._study.spec.name
        return StudyNotFound(f"the study {name!r} has been deleted from {self._database.shown_url} while it was worked on")


def _new_work(decided: Sequence[Planned | Stop], params_of: dict[int, Params]) -> list[_Ready]:
    return [
        (plan.job, params_of[plan.job.trial] if plan.params is None else plan.params)
        for plan in decided
        if isinstance(plan, Planned)
    ]


def _choose(work: Sequence[_Ready], wanted: Wanted, workers_count: int) -> list[_Ready]:
    """Choose what to claim: from the oldest trial on, each with those that train well beside it, leaving others a share.

    The oldest trials first: then rungs fill up, and promotions are not kept waiting by later brackets.
    """
    share = -(-len(work) // max(1, workers_count))
    most = min(wanted.jobs, max(1, share))
    groups: dict[Any, list[_Ready]] = {}
    alone = 0
    for job, params in sorted(work, key=lambda item: item[0].trial):
        key = wanted.key(params)
        if key is None:
            alone += 1
        group = ("alone", alone) if key is None else (key, job.from_epoch, job.until)
        groups.setdefault(group, []).append((job, params))
    chosen: list[_Ready] = []
    for members in groups.values():
        if len(chosen) >= most:
            break
        chosen.extend(members[: wanted.stack])
    return chosen
