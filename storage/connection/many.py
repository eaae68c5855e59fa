"""Very many rows written at once: on PostgreSQL by COPY, elsewhere by an INSERT that is run for each."""

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError


def insert_many(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that have the same keys, to the same bits as an INSERT of each would.

    Raises SQLAlchemy's DBAPIError, whichever way they are written.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(sa.insert(table), rows)
        return
    quote = connection.dialect.identifier_preparer.quote
    columns = [table.c[name] for name in rows[0]]
    into = f"{quote(table.name)} ({', '.join(quote(column.name) for column in columns)})"
    bind = [column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns]
    copying = f"COPY {into} FROM STDIN"
    driver: Any = connection.connection  # SQLAlchemy knows no COPY
    try:
        with driver.cursor() as cursor, cursor.copy(copying) as copy:
            for row in rows:
                pairs = [(process, row[column.name]) for process, column in zip(bind, columns, strict=True)]
                copy.write_row([value if process is None else process(value) for process, value in pairs])
    except psycopg.Error as error:
        raise DBAPIError(copying, None, error, connection_invalidated=driver.driver_connection.closed) from error


def ready_for_references(connection: Connection, table: sa.Table) -> None:
    """Prepare for very many rows that point to those just written here, until the end of the transaction.

    PostgreSQL looks for the row that each of them points to. As long as it has not heard of rows that this transaction
    has written, it may take another index than the key's, and look through all of them each time.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {connection.dialect.identifier_preparer.quote(table.name)}")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")  # and not think about it for each row
