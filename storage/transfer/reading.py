"""A study read from a database, row by row, as of one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import Database
from storage.errors import StudyNotFound
from storage.schema import tables
from storage.studies import StudyRecord
from storage.transfer.records import COLUMNS, Row

_AT_A_TIME: Final = 2000


@final
class StudyInDatabase:
    """A study's rows, in the order in which they are written; what was running is ready."""

    def __init__(self, connection: Connection, record: StudyRecord, *, checkpoints: bool) -> None:
        self._connection = connection
        self._record = record
        self._checkpoints = checkpoints

    @property
    def study(self) -> Row:
        """The study's row."""
        query = sa.select(*_columns(tables.studies, "study")).where(tables.studies.c.id == self._record.id)
        row = self._connection.execute(query).mappings().one_or_none()
        if row is None:
            raise StudyNotFound(f"the study {self._record.spec.name!r} has just been deleted")
        return dict(row)

    def rows(self, table: str) -> Iterator[Row]:
        """Yield a table's rows; those of checkpoints with their `data`, one at a time, if they come along."""
        if table == "checkpoints" and not self._checkpoints:
            return
        source = tables.metadata.tables[table]
        columns = _columns(source, table) + ([source.c.data] if table == "checkpoints" else [])
        order = [source.c.id] if table == "interventions" else list(source.primary_key.columns)
        query = sa.select(*columns).where(source.c.study_id == self._record.id).order_by(*order)
        at_a_time = 1 if table == "checkpoints" else _AT_A_TIME
        streaming = self._connection.execution_options(stream_results=True, max_row_buffer=at_a_time)
        for part in streaming.execute(query).mappings().partitions(at_a_time):
            for row in part:
                yield _settled(table, dict(row))


@contextmanager
def study_in(database: Database, record: StudyRecord, *, checkpoints: bool) -> Iterator[StudyInDatabase]:
    """Give a study's rows as of one moment, whoever goes on writing meanwhile."""
    with database.read() as connection:
        yield StudyInDatabase(connection, record, checkpoints=checkpoints)


def _columns(source: sa.Table, table: str) -> list[sa.Column[Any]]:
    return [source.c[name] for name in COLUMNS[table] if name != "size"]


def _settled(table: str, row: Row) -> Row:
    """Return a row as it is when nobody is at work."""
    if table == "trials" and row["state"] == "running":
        row["state"] = "paused"
    elif table == "jobs" and row["state"] != "done":
        row |= {"worker": None, "state": "ready"}
    return row
