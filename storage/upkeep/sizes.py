"""How much room a database takes: in all, and which study's what.

What a table takes with its indexes is measured; of that each study has its share, by the bytes of its rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from storage.connection.outages import persistent
from storage.database import Database
from storage.schema.tables import checkpoints, confirmations, jobs, measurements, metadata, studies, trials

PARTS: Final = (trials, jobs, measurements, checkpoints, confirmations)
"""The tables that a study's rows are in."""

_PER_ROW: Final = 8  # bytes that SQLite adds to a row, about: lengths, types, its place
_NUMBER: Final = 5  # bytes of a number, about: small ones take less


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one study in one table, and the bytes that they take with their share of the indexes."""

    study: str
    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """The bytes of a database in all, those that are free within, and what each study takes."""

    total: int
    free: int
    parts: list[Part]


@persistent
def measure(database: Database) -> Sizes:
    """Measure a database. Reads every row but for what is long in it: seconds for some million rows."""
    with database.read() as connection:
        taken = _taken(connection)
        parts = [part for table in PARTS for part in _shares(connection, table, taken[table.name])]
        free = _free(connection) if connection.dialect.name == "sqlite" else 0
        return Sizes(bytes_in_all(connection), free, parts)


def bytes_in_all(connection: Connection) -> int:
    """Return the bytes of an SQLite file (without its log), or of our tables in PostgreSQL with their indexes."""
    if connection.dialect.name == "sqlite":
        return _product(connection, "page_count")
    return sum(_relations(connection).values())


def _free(connection: Connection) -> int:
    return _product(connection, "freelist_count")


def _product(connection: Connection, pages: str) -> int:
    ask = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in (pages, "page_size")]
    return int(ask[0] * ask[1])


def _relations(connection: Connection) -> dict[str, int]:
    size = sa.func.pg_total_relation_size(sa.func.to_regclass(sa.bindparam("name")))
    return {
        table.name: connection.execute(sa.select(size), {"name": table.name}).scalar_one()
        for table in metadata.sorted_tables
    }


def _taken(connection: Connection) -> dict[str, int]:
    """Return the bytes of each table with its indexes."""
    if connection.dialect.name == "postgresql":
        return _relations(connection)
    try:
        query = """
            SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name
            WHERE s.aggregate = 1 GROUP BY m.tbl_name
        """
        found = {name: int(size) for name, size in connection.exec_driver_sql(query)}
    except DBAPIError:  # an SQLite without dbstat: what is in use, by the rows' bytes
        payload = {table.name: sum(row.bytes for row in _payload(connection, table)) for table in PARTS}
        used = bytes_in_all(connection) - _free(connection)
        found = {name: used * size // max(1, sum(payload.values())) for name, size in payload.items()}
    return dict.fromkeys((table.name for table in PARTS), 0) | found


def _shares(connection: Connection, table: sa.Table, taken: int) -> Iterable[Part]:
    rows = _payload(connection, table)
    payload = max(1, sum(row.bytes for row in rows))
    return [Part(row.name, table.name, row.n, round(taken * row.bytes / payload)) for row in rows]


def _payload(connection: Connection, table: sa.Table) -> list[Any]:
    """Return every study with its number of rows in a table and their bytes, about."""
    size: sa.ColumnElement[int]
    if connection.dialect.name == "postgresql":
        size = sa.func.coalesce(sa.func.sum(sa.func.pg_column_size(sa.literal_column(table.name))), 0)
    else:
        each = [_length(column) for column in table.c]
        there = table.c.study_id.is_not(None)  # a study without rows in this table has one of nulls
        size = sa.func.coalesce(sa.func.sum(sa.case((there, sum(each[1:], each[0]) + _PER_ROW))), 0)
    count = sa.func.count(table.c.study_id)
    query = (
        sa.select(studies.c.name, count.label("n"), sa.cast(size, sa.BigInteger).label("bytes"))
        .outerjoin_from(studies, table, table.c.study_id == studies.c.id)
        .group_by(studies.c.id, studies.c.name)
        .order_by(studies.c.id)
    )
    return list(connection.execute(query).all())


def _length(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    if isinstance(column.type, sa.LargeBinary | sa.Text | sa.JSON):
        return sa.func.coalesce(sa.func.length(sa.type_coerce(column, sa.Text)), 0)
    return sa.literal_column(str(_NUMBER), sa.Integer)
