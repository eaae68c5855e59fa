"""Jobs that change hands: those of workers that are no more, and those that nobody has renewed the lease of."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from storage.connection.prepared import run
from storage.exchange import statements
from storage.exchange.claiming import read_curve
from storage.exchange.deaths import Death, lapse
from storage.exchange.work import Claim, Moment, Progress, Report
from storage.studies import StudyRecord
from strategies import Job, State


class TakenOver(NamedTuple):
    """Whether any job was taken over, the ends of jobs whose trials have failed by it, how many workers are gone."""

    any: bool
    ends: Sequence[Report]
    n_gone: int


def take_over(moment: Moment, dead: Sequence[Death], *, lapsed_but: str | None = None) -> TakenOver:
    """Make jobs ready again that `dead` workers held, or whose lease has run out: of any worker but one that is named.

    Who asks is alive: whatever has befallen its own leases, nobody has taken those jobs. The ends are not yet written.
    """
    connection, study = moment.connection, {"study": moment.study.id}
    held: dict[str, list[Job]] = {}
    n_gone = 0
    for death in dead:
        rows = run(connection, statements.jobs_of_worker, study | {"me": death.worker})
        held[death.worker] = [Job(*row) for row in rows]
        n_gone += run(connection, statements.forget_worker, {"me": death.worker}).rowcount
    lapsed: dict[str, list[Job]] = {}
    if lapsed_but is not None:
        due = study | {"me": lapsed_but, "now": moment.now}
        for *job, worker in run(connection, statements.lapsed_jobs, due):
            if worker not in held:
                lapsed.setdefault(worker, []).append(Job(*job))
    held |= lapsed
    free(connection, moment.study, [job for jobs in held.values() for job in jobs])
    ends = [end for death in (*dead, *map(lapse, lapsed)) for end in _suspect(moment, death, held[death.worker])]
    return TakenOver(any(held.values()), ends, n_gone)


def free(connection: Connection, study: StudyRecord, jobs: Iterable[Job]) -> None:
    """Make jobs ready, for anyone."""
    rows = [
        {"study": study.id, "job": job.number, "trial": job.trial}
        for job in sorted(jobs, key=lambda job: job.number)  # as everybody locks them, so that none blocks another
    ]
    if rows:
        run(connection, statements.release_job, rows)
        run(connection, statements.pause_trial, rows)


def count_attempt(connection: Connection, study: StudyRecord, job: Job) -> int:
    """Count a job's trial as having lost a worker once more; return how often it has."""
    return int(run(connection, statements.count_attempt, {"study": study.id, "trial": job.trial}).scalar_one())


def _suspect(moment: Moment, death: Death, held: Sequence[Job]) -> Iterable[Report]:
    """Count a death against those of the jobs whose trials may have caused it; end the one that surely has."""
    suspects = death.suspects(held)
    if not suspects:
        return
    retries = run(moment.connection, statements.retries, {"study": moment.study.id}).scalar_one()
    for job in suspects:
        error = death.error(count_attempt(moment.connection, moment.study, job), retries)
        if error is not None and len(suspects) == 1:
            # What of this job has been written is a matter of chance: no decision may depend on it.
            curve, seconds = read_curve(moment.connection, moment.study, job.trial, job.from_epoch)
            yield Report(Progress(Claim(job, {}, 0), curve, seconds), State.FAILED, error=error)
