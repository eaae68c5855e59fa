"""A study written into a database, within one transaction."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.connection.many import insert_many, ready_for_references
from storage.errors import StudyExists
from storage.schema import tables
from storage.schema.views import create_view, free_view_name
from storage.transfer.checking import TABLES, CheckedStudy
from storage.transfer.records import Row

_AT_A_TIME: Final = 2000


def write_study(connection: Connection, study: CheckedStudy, url: str) -> None:
    """Write a study's row, its typed view and all its rows. Raises StudyExists when its name is taken at `url`."""
    row, studies = study.study, tables.studies
    if connection.execute(sa.select(studies.c.id).where(studies.c.name == row["name"])).one_or_none() is not None:
        raise StudyExists(f"the study {row['name']!r} exists already in {url}: choose another name with --name")
    view = free_view_name(connection, row["name"])
    added = sa.insert(studies).values(row | {"view": view}).returning(studies.c.id)
    study_id = connection.execute(added).scalar_one()
    connection.exec_driver_sql(create_view(connection.dialect, view, study_id, study.space))
    for name in TABLES:
        rows, table = study.rows(name), tables.metadata.tables[name]
        at_a_time = 1 if name == "checkpoints" else _AT_A_TIME
        while part := list(islice(rows, at_a_time)):
            insert_many(connection, table, list(_placed(part, study_id)))
        if name == "trials":
            ready_for_references(connection, table)


def _placed(rows: list[Row], study_id: int) -> Iterator[Row]:
    for row in rows:
        row.pop("size", None)  # of a checkpoint, whose data are here
        row["study_id"] = study_id
        yield row
