"""Questions to PostgreSQL.

Locks one behind the other, so that a superuser's question is no more dangerous than another's:

- the transaction is READ ONLY, and each statement in it has a time limit;
- the query is declared as a cursor, through the protocol that takes one statement: COPY, SET, DO, CALL are no syntax;
- functions that act (files, other sessions, settings, sleep, locks, SQL in a text) are refused by name beforehand: the
  catalog knows which ones are volatile;
- a superuser asks as `pg_read_all_data`, a role that can do nothing else.

Views, operators and casts are their makers': what they call is not looked at, but the other locks hold for it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors, postgres
from psycopg.adapt import Loader
from psycopg.types.string import TextLoader
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from storage.connection.engines import open_engine
from storage.connection.outages import explained
from storage.errors import StorageError
from storage.passwords import shown
from storage.questions.readonly import (
    Allowance,
    Rows,
    check_version,
    more_than_one,
    not_reading,
    not_there,
    nothing_to_run,
)
from storage.questions.tokens import Token, functions_in, tokens_of
from storage.schema.tables import VERSION_TABLE
from storage.schema.versions import VERSION

_Connection = psycopg.Connection[tuple[Any, ...]]

_ROWS: Final = 1000  # fetched at once
_READ_ALL_DATA: Final = 140_000  # the first version that has this role
_BEGINNINGS: Final = ("select", "with", "values", "table")

_HARMLESS: Final = [
    *("random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7", "bernoulli", "system"),
    *("clock_timestamp", "timeofday", "current_query", "pg_blocking_pids", "pg_is_in_recovery"),
    *("pg_database_size", "pg_indexes_size", "pg_relation_size", "pg_table_size", "pg_total_relation_size"),
]
"""Functions that are volatile and do nothing but answer."""

_ACTING: Final = """
    SELECT DISTINCT p.proname
    FROM pg_catalog.pg_proc p
    WHERE (p.proname = ANY(%(called)s)
           OR p.proname = ANY(%(of_rows)s) AND p.pronargs > 0
              AND (SELECT t.typtype FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0]) IN ('c', 'p'))
      AND p.proname <> ALL(%(harmless)s)
      AND (p.provolatile = 'v'
           OR p.provolatile = 's' AND p.oid >= 16384
           OR p.proname ~ '_to_xml|^lo_|^pg_(read|ls|file)_|^dblink')
    ORDER BY 1
"""
"""Volatile functions; stable ones that are not PostgreSQL's own (some run SQL that they are handed); XML of queries."""

_VISIBLE: Final = """
    pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND c.relnamespace <> 'pg_catalog'::regnamespace
      AND pg_catalog.pg_table_is_visible(c.oid)
"""
_NAMES: Final = {
    "table": f"SELECT c.relname FROM {_VISIBLE} ORDER BY 1",
    "column": f"""
        SELECT DISTINCT a.attname FROM pg_catalog.pg_attribute a
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN (SELECT c.oid FROM {_VISIBLE}) ORDER BY 1
    """,
}


@contextmanager
def ask(url: URL, query: str, allowance: Allowance) -> Iterator[Rows]:
    """Give the answer to a query; see `readonly.read_only_query`."""
    tokens = _one_statement(query)
    with _connection(url) as connection, _clear_errors(connection, query, allowance):
        _lock(connection)
        _check_version(connection, url)
        _refuse_acting(connection, tokens)
        statement = query[: tokens[-1].start] if tokens[-1].text == ";" else query
        _give(connection, allowance)
        if tokens[0].text == "explain":
            yield _plan(connection, statement, tokens, allowance)
            return
        with connection.cursor("hpo_sql", scrollable=False) as cursor:
            with allowance:
                cursor.execute(_encoded(statement))
            yield Rows([column.name for column in cursor.description or ()], _fetched(connection, cursor, allowance))


def _one_statement(query: str) -> list[Token]:
    tokens = tokens_of(query)
    ends = [index for index, token in enumerate(tokens) if token.kind == "symbol" and token.text == ";"]
    if not tokens or ends[:1] == [0]:
        raise nothing_to_run()
    if ends and ends[0] < len(tokens) - 1:
        raise more_than_one()
    return tokens


@contextmanager
def _connection(url: URL) -> Iterator[_Connection]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            yield connection.connection.driver_connection  # type: ignore[misc]  # SQLAlchemy cannot know whose it is
    except DBAPIError as error:
        raise explained(error, shown(url)) from error
    finally:
        engine.dispose()


class _Number(Loader):
    """A numeric: a whole number, or the nearest float."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


def _lock(connection: _Connection) -> None:
    """Begin a transaction that can only read."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute("SET LOCAL standard_conforming_strings = on")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '1h'")  # whoever pages through an answer
    _plain_types(connection)
    (is_superuser,) = _one(connection, "SELECT pg_catalog.current_setting('is_superuser') = 'on'")
    if not is_superuser:
        return
    if connection.info.server_version < _READ_ALL_DATA:
        raise StorageError("before PostgreSQL 14 hpo sql takes no superuser's question: connect as another role")
    schemas = "SELECT pg_catalog.set_config('search_path', pg_catalog.string_agg(pg_catalog.quote_ident(s), ','), true)"
    connection.execute(
        f"{schemas} FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) s"
    )  # "$user" is the one so far
    connection.execute("SET LOCAL ROLE pg_read_all_data")


def _check_version(connection: _Connection, url: URL) -> None:
    """Raise StorageError where the schema is ours, and another program's; who may not read that may not be told."""
    table = f"pg_catalog.to_regclass('{VERSION_TABLE}')"
    (readable,) = _one(connection, f"SELECT pg_catalog.has_table_privilege({table}, 'SELECT')")
    if readable:
        check_version(connection.execute(str(VERSION)).fetchone(), url)


def _plain_types(connection: _Connection) -> None:
    """Let values come as numbers, bytes and truth values, and all others as the text that the server writes."""
    kept = {"bool", "int2", "int4", "int8", "float4", "float8", "oid", "bytea"}
    for kind in postgres.types:
        if kind.name not in kept:
            connection.adapters.register_loader(kind.oid, _Number if kind.name == "numeric" else TextLoader)
        connection.adapters.register_loader(kind.array_oid, TextLoader)


def _refuse_acting(connection: _Connection, tokens: Sequence[Token]) -> None:
    called, of_rows = functions_in(tokens)
    names = {"called": list(called), "of_rows": list(of_rows), "harmless": _HARMLESS}
    acting = [name for (name,) in connection.execute(_ACTING, names)]
    if acting:
        raise not_reading(f"{', '.join(acting)} can do more")


def _plan(connection: _Connection, statement: str, tokens: Sequence[Token], allowance: Allowance) -> Rows:
    """Answer an EXPLAIN, if a cursor could be declared for what it explains (with ANALYZE that runs)."""
    asked = _explained_statement(statement, tokens)
    with allowance:
        with connection.cursor("hpo_sql", scrollable=False) as cursor:
            cursor.execute(_encoded(asked))
        answer = connection.execute(_encoded(statement), prepare=True)
    return Rows([column.name for column in answer.description or ()], iter(answer))


def _explained_statement(statement: str, tokens: Sequence[Token]) -> str:
    at = 1
    if len(tokens) > 1 and tokens[1].text == "(":
        brackets = 0
        for at, token in enumerate(tokens[1:], 2):  # noqa: B007 - where it ends is what is looked for
            brackets += (token.text == "(") - (token.text == ")")
            if not brackets:
                break
    while at < len(tokens) and tokens[at].text in ("analyze", "analyse", "verbose"):
        at += 1
    if at >= len(tokens):
        raise nothing_to_run()
    if tokens[at].text not in (*_BEGINNINGS, "("):
        raise not_reading(f"EXPLAIN of {tokens[at].text.upper()}")
    return statement[tokens[at].start :]


def _give(connection: _Connection, allowance: Allowance) -> None:
    """Let the next statement take what is left of the allowance."""
    left = max(1, round(allowance.left * 1000))
    connection.execute(f"SET LOCAL statement_timeout = {min(left, 2**31 - 1)}")


def _fetched(
    connection: _Connection, cursor: psycopg.ServerCursor[Any], allowance: Allowance
) -> Iterator[tuple[Any, ...]]:
    while True:
        with allowance:
            rows = cursor.fetchmany(_ROWS)
        yield from rows
        if len(rows) < _ROWS:
            return
        _give(connection, allowance)


def _one(connection: _Connection, query: str) -> tuple[Any, ...]:
    return connection.execute(query).fetchone() or ()


def _encoded(statement: str) -> bytes:
    """Return a statement in UTF-8, as the connection speaks it. Raises ValueError for what cannot be sent."""
    if "\0" in statement:
        raise ValueError("a statement cannot hold a NUL character")
    return statement.encode()


@contextmanager
def _clear_errors(connection: _Connection, query: str, allowance: Allowance) -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, ValueError) as error:
        raise _explained(error, connection, query, allowance) from error


def _explained(error: Exception, connection: _Connection, query: str, allowance: Allowance) -> StorageError:
    message = (error.diag.message_primary if isinstance(error, psycopg.Error) else None) or str(error)
    match error:
        case errors.QueryCanceled():
            return allowance.used_up()
        case errors.UndefinedTable() | errors.UndefinedColumn():
            return _not_there(message, connection, "column" if isinstance(error, errors.UndefinedColumn) else "table")
        case errors.ReadOnlySqlTransaction() | errors.InvalidCursorDefinition() | errors.InsufficientPrivilege():
            return not_reading(message)
        case errors.FeatureNotSupported() if "DECLARE" in message:
            return not_reading(message)
        case errors.SyntaxError() if "INTO" in message or tokens_of(query)[0].text not in (*_BEGINNINGS, "explain"):
            return not_reading(message)
    return StorageError(f"the query cannot be run: {message}")


def _not_there(message: str, connection: _Connection, kind: str) -> StorageError:
    """Return the error for a name that is not there: the message has it in quotes, or as the one word with a dot."""
    quoted = message.split('"')[1:2]
    dotted = [word for word in message.split() if "." in word]
    connection.rollback()
    _lock(connection)
    names = [name for (name,) in connection.execute(_NAMES[kind])]
    return not_there(kind, (quoted or dotted or [message])[0], names)
