"""Confirmations on record: leaders trained again from fresh seeds."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import StudyNotFound
from storage.schema.tables import confirmations, studies
from storage.studies import StudyRecord
from strategies.spelling import storable


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


@persistent
def write_repeat(database: Database, study: StudyRecord, repeat: Repeat) -> None:
    """Write a training down, in place of one with the same number. Raises StudyNotFound when the study is gone."""
    row = {name: getattr(repeat, name) for name in Repeat.__dataclass_fields__}
    row["metrics"] = dict(repeat.metrics) if repeat.metrics else None
    row["error"] = repeat.error and storable(repeat.error)
    with database.write() as connection:
        there = sa.select(studies.c.id).where(studies.c.id == study.id).with_for_update(read=True, key_share=True)
        if connection.execute(there).one_or_none() is None:
            name, url = study.spec.name, database.shown_url
            raise StudyNotFound(f"the study {name!r} has been deleted from {url} while its leaders were confirmed")
        row |= {"study_id": study.id, "confirmed_at": database.now(connection)}
        insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(confirmations).values(row)
        key = [column.name for column in confirmations.primary_key]
        written = {name: insert.excluded[name] for name in row if name not in key}
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=written))


@persistent
def read_repeats(database: Database, study: StudyRecord) -> list[Repeat]:
    """Return every training on record, by trial and repeat."""
    columns = [confirmations.c[name] for name in Repeat.__dataclass_fields__]
    query = sa.select(*columns).where(confirmations.c.study_id == study.id)
    with database.read() as connection:
        rows = connection.execute(query.order_by(confirmations.c.trial, confirmations.c.repeat)).all()
    return [Repeat(*row) for row in rows]
