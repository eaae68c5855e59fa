"""Results from elsewhere, brought into a study: trials that had ended before its own first one.

Each is on record as any other: a trial, a job that has ended, a measurement for each epoch. They belong to none of the
scheduler's brackets and rungs (both are ELSEWHERE); to searchers, models and stoppers they are trials like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.connection.many import insert_many, ready_for_references
from storage.database import Database
from storage.errors import StorageError
from storage.interventions.trail import Operation, intervene
from storage.schema.tables import jobs, measurements, trials
from storage.studies import StudyRecord, load_study
from strategies import Params, State, trial_seed
from strategies.trial import ELSEWHERE


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a point of the space: how it ended, and its learning curve, in the study's direction."""

    place: str
    """Where it stands in its source, for people."""
    params: Params
    state: State
    curve: Sequence[float]
    error: str | None = None
    seconds: float = 0.0


def bring(database: Database, record: StudyRecord, results: Sequence[Result], origin: str) -> StudyRecord:
    """Write results down as the study's next trials, all or none of them.

    Raises StorageError when a trial of its own has begun: decisions were taken without them.
    """
    intervene(database, record, lambda change: _bring(change, record, results, origin))
    return load_study(database, record.spec.name)


def _bring(change: Operation, record: StudyRecord, results: Sequence[Result], origin: str) -> None:
    first = _first_number(change.connection, record)
    trial_rows, job_rows, measured = [], [], []
    for number, result in enumerate(results, first):
        key = {"study_id": record.id, "revision": change.revision}
        trial_rows.append(key | _trial(record, number, result, change.now))
        job_rows.append(key | _job(number, result, origin, change))
        measured.extend(_measurements(record.id, number, result))
    insert_many(change.connection, trials, trial_rows)
    ready_for_references(change.connection, trials)
    for table, rows in ((jobs, job_rows), (measurements, measured)):
        insert_many(change.connection, table, rows)
    change.change({"edition": change.study.edition + 1})  # whoever is at work begins anew, knowing of them
    change.note("import", {"from": origin, "first_trial": first, "trials": len(results)})


def _first_number(connection: Connection, record: StudyRecord) -> int:
    """Return the number of the next trial. Raises StorageError when one of the study's own has begun."""
    mine = trials.c.study_id == record.id
    own = sa.select(sa.func.count()).where(mine, trials.c.bracket != ELSEWHERE)
    if begun := connection.execute(own).scalar_one():
        raise StorageError(
            f"{begun:,} trials of the study {record.spec.name!r} have begun, decided without these results: "
            "bring the best of them in as guesses (--as guesses), or all of them into a new study"
        )
    return int(connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one())


def _trial(record: StudyRecord, number: int, result: Result, now: float) -> dict[str, Any]:
    better = max if record.spec.direction == "maximize" else min
    best = better(result.curve, default=None)
    return {
        "number": number,
        "params": result.params,
        "seed": trial_seed(record.spec.seed, number),
        "bracket": ELSEWHERE,
        "rung": ELSEWHERE,
        "state": result.state.value,
        "epochs": len(result.curve),
        "value": best,
        "best_epoch": None if best is None else list(result.curve).index(best) + 1,
        "error": result.error,
        "attempts": 0,
        "started_at": now,
        "finished_at": now,
        "train_seconds": result.seconds,
    }


def _job(number: int, result: Result, origin: str, change: Operation) -> dict[str, Any]:
    return {
        "number": number,
        "trial": number,
        "from_epoch": 0,
        "until_epoch": max(1, len(result.curve)),
        "bracket": ELSEWHERE,
        "rung": ELSEWHERE,
        "reason": {"by": "import", "from": f"{origin}, {result.place}"},
        "state": "done",
        "outcome": result.state.value,
        "end_epoch": len(result.curve),
        "decided_at": change.now,
        "decided_revision": change.revision,
        "ended_at": change.now,
    }


def _measurements(study_id: int, number: int, result: Result) -> list[dict[str, Any]]:
    each = result.seconds / max(1, len(result.curve))
    key = {"study_id": study_id, "trial": number, "metrics": None, "seconds": each}
    return [key | {"epoch": epoch, "value": value} for epoch, value in enumerate(result.curve, 1)]
