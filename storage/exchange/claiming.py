"""What an exchange hands out: which of the ready jobs, and all that is needed to train them on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from storage.codec import decode, digest
from storage.connection.prepared import from_json, run
from storage.errors import CheckpointError
from storage.exchange import statements
from storage.exchange.recording import write_decisions
from storage.exchange.sync import Knowledge
from storage.exchange.work import Claim, Moment, Wanted
from storage.studies import StudyRecord
from strategies import Job, Params, Planned, Stop, trial_seed


class Work(NamedTuple):
    """A job that is ready, with its trial's params; a suspect has lost a worker, and is to be trained alone."""

    job: Job
    params: Params
    suspect: bool = False


class Asked(NamedTuple):
    """What is asked for, among how many workers, and under which lease: `worker` and `lease_until`."""

    wanted: Wanted
    n_workers: int
    lease: dict[str, Any]


def read_ready(moment: Moment, most: int) -> list[Work]:
    """Return at most `most` jobs that nobody holds, those of the oldest trials."""
    rows = run(moment.connection, statements.ready_jobs, {"study": moment.study.id, "most": most})
    return [Work(Job(*row[:7]), from_json(row.params), suspect=row.attempts > 0) for row in rows]


def hand_out(
    moment: Moment, known: Knowledge, ready: Sequence[Work], decided: Sequence[Planned | Stop], asked: Asked
) -> list[Claim]:
    """Choose among ready and newly decided jobs; write down the decisions and what the worker holds now."""
    plans = {plan.job.number: plan for plan in decided if isinstance(plan, Planned)}
    new = [Work(plan.job, known.params(plan.job.trial)) for plan in plans.values()]
    chosen = choose([*ready, *new], asked.wanted, asked.n_workers)
    write_decisions(moment, decided, claimed={work.job.number for work in chosen}, lease=asked.lease)
    _mark_claimed(moment, [work for work in chosen if work.job.number not in plans], asked.lease)
    claims = []
    for work in chosen:
        plan = plans.get(work.job.number)
        fresh = plan is not None and plan.params is not None and plan.parent is None
        claims.append(_claim_new(moment.study, work) if fresh else _claim_continued(moment, work))
    return claims


def choose(work: Sequence[Work], wanted: Wanted, workers: int) -> list[Work]:
    """Choose what to claim: from the oldest trial on, each with those that train well beside it.

    The oldest trials first: so rungs fill up, and promotions are not kept waiting by later brackets. A stack takes no
    more than its worker's share of the work, as it can not be divided later. With a suspect goes nothing else.
    """
    share = -(-len(work) // max(1, workers))
    stack = max(1, min(wanted.stack, share))
    groups: dict[Any, list[Work]] = {}
    for each in sorted(work, key=lambda item: item.job.trial):
        job, key = each.job, wanted.key(each.params)
        group = ("alone", job.number) if key is None or each.suspect else (key, job.from_epoch, job.until)
        groups.setdefault(group, []).append(each)
    chosen: list[Work] = []
    for members in groups.values():
        if len(chosen) >= wanted.jobs:
            break
        if not members[0].suspect:
            chosen.extend(members[:stack])
        elif not chosen:
            return members
    return chosen


def _mark_claimed(moment: Moment, work: Sequence[Work], lease: dict[str, Any]) -> None:
    """Write that ready jobs are now held under `lease`."""
    rows = [
        {
            "study": moment.study.id,
            "job": job.number,
            "trial": job.trial,
            "me": lease["worker"],
            "until": lease["lease_until"],
            "now": moment.now,
        }
        for job, *_ in work
    ]
    if rows:
        run(moment.connection, statements.claim_job, rows)
        run(moment.connection, statements.run_trial, rows)


def _claim_new(study: StudyRecord, work: Work) -> Claim:
    """Return the claim of a job that begins from scratch."""
    return Claim(work.job, work.params, trial_seed(study.spec.seed, work.job.trial))


def _claim_continued(moment: Moment, work: Work) -> Claim:
    """Return the claim of a job with what its trial has reached: its checkpoint, its curve up to there.

    Raises CheckpointError when the checkpoint is damaged.
    """
    connection, study = moment.connection, moment.study
    claim = _claim_new(study, work)
    key = {"study": study.id, "trial": claim.job.trial}
    measured, parent = run(connection, statements.standing, key).one()
    claim = replace(claim, measured=measured, parent=parent)
    kept = run(connection, statements.checkpoint_of, key).one_or_none()
    if kept is None:
        return claim
    if digest(kept.data) != kept.sha256:
        raise CheckpointError(
            f"the checkpoint of trial {claim.job.trial} does not match its SHA-256: the database is damaged"
        )
    curve, seconds = read_curve(connection, study, claim.job.trial, kept.epoch)
    state = decode(kept.data)
    return replace(claim, epochs=kept.epoch, curve=curve, seconds=seconds, state=state)


def read_curve(connection: Connection, study: StudyRecord, trial: int, epochs: int) -> tuple[tuple[float, ...], float]:
    """Return the values of a trial's first `epochs` epochs, in the study's direction, and the seconds they took."""
    key = {"study": study.id, "trial": trial, "until": epochs}
    rows = run(connection, statements.curve_until, key).all()
    return tuple(row.value for row in rows), sum(row.seconds for row in rows)
