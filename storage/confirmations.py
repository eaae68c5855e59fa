"""Confirmations on record: leaders trained again from fresh seeds."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from storage.database import Database
from storage.studies import StudyRecord
from storage.tables import confirmations


@dataclass(frozen=True, slots=True)
class Repeat:
    """One training of a trial's params from a fresh seed; `value` is the best of its curve (None: it failed)."""

    trial: int
    repeat: int
    seed: int
    epochs: int
    value: float | None
    best_epoch: int | None
    metrics: Mapping[str, float] | None
    error: str | None
    seconds: float


def write_repeat(database: Database, study: StudyRecord, repeat: Repeat) -> None:
    """Write a training down, in place of one with the same number."""
    row = {name: getattr(repeat, name) for name in Repeat.__dataclass_fields__}
    key = (confirmations.c.study_id == study.id) & (confirmations.c.trial == repeat.trial)
    with database.write() as connection:
        connection.execute(sa.delete(confirmations).where(key, confirmations.c.repeat == repeat.repeat))
        row |= {"study_id": study.id, "confirmed_at": database.now(connection)}
        row["metrics"] = dict(repeat.metrics) if repeat.metrics else None
        connection.execute(sa.insert(confirmations).values(row))


def read_repeats(database: Database, study: StudyRecord) -> list[Repeat]:
    """Return every training on record, by trial and repeat."""
    columns = [confirmations.c[name] for name in Repeat.__dataclass_fields__]
    query = sa.select(*columns).where(confirmations.c.study_id == study.id)
    with database.read() as connection:
        rows = connection.execute(query.order_by(confirmations.c.trial, confirmations.c.repeat)).all()
    return [Repeat(*row) for row in rows]
