"""All trials of a study as columns: for tables of very many of them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from storage.connection.bulk import decoded, fetch, no_garbage_collected
from storage.connection.outages import persistent
from storage.database import Database
from storage.schema.tables import trials
from storage.studies import StudyRecord


@persistent
def trial_columns(database: Database, study: StudyRecord, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return columns of the table of trials by name, in the order of the trials' numbers; JSON is decoded."""
    chosen = [trials.c[name] for name in names]
    query = sa.select(*chosen).where(trials.c.study_id == sa.bindparam("study")).order_by(trials.c.number)
    with no_garbage_collected(), database.read() as connection:
        rows = list(fetch(connection, query, {"study": study.id}))
    columns = (
        dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}
    )
    for column in chosen:
        if isinstance(column.type, sa.JSON):
            columns[column.name] = decoded(columns[column.name])
    return columns
