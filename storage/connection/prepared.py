"""Statements prepared once for a dialect, so that running one costs what the database costs.

SQLAlchemy builds them (`statements`) and compiles them; from then on text and values go to the driver as they are. What
runs while a worker keeps the database to itself is kept short this way, and nothing is compiled meanwhile.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, Dialect

from storage.connection.joining import ROWS, joined
from strategies.spelling import storable

Values = Mapping[str, Any]
Rows = CursorResult[*tuple[Any, ...]]


class _Prepared:
    """A statement's text, and what puts the values of a row in the driver's order."""

    def __init__(self, statement: sa.ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self._constants = dict(compiled.params)
        self._order: Sequence[str] | None = compiled.positiontup if compiled.positional else None

    def bind(self, values: Values) -> Any:
        """Return the values, with the statement's own constants, as the driver wants them."""
        together = {**self._constants, **values}
        return together if self._order is None else tuple([together[name] for name in self._order])


def run(connection: Connection, statement: sa.ClauseElement, values: Values | Sequence[Values]) -> Rows:
    """Run a statement with the values of its parameters; with a sequence of them, once for each.

    PostgreSQL gets a sequence as one statement that joins its rows: so they cost little more than one.
    """
    dialect = connection.dialect
    if isinstance(values, Mapping):
        prepared = _prepare(statement, dialect)
        return connection.exec_driver_sql(prepared.text, prepared.bind(values))
    if dialect.name == "postgresql" and not any(isinstance(value, bytes) for value in values[0].values()):
        prepared = _prepare(joined(statement), dialect)
        return connection.exec_driver_sql(prepared.text, prepared.bind({ROWS: json.dumps(list(values))}))
    prepared = _prepare(statement, dialect)
    return connection.exec_driver_sql(prepared.text, [prepared.bind(row) for row in values])


def prepare_all(statements: Iterable[sa.ClauseElement], dialect: Dialect) -> None:
    """Prepare statements before they are needed."""
    for statement in statements:
        _prepare(statement, dialect)


def _prepare(statement: sa.ClauseElement, dialect: Dialect) -> _Prepared:
    key = (dialect.name, dialect.driver, statement)
    if key not in _prepared:
        _prepared[key] = _Prepared(statement, dialect)
    return _prepared[key]


_prepared: Final[dict[tuple[str, str, sa.ClauseElement], _Prepared]] = {}  # every database of a kind shares them


def to_json(value: Any) -> str | None:
    """Return a JSON value as text, as the database keeps it; None stays none."""
    return None if value is None else json.dumps(_storable(value), ensure_ascii=False, separators=(",", ":"))


def _storable(value: Any) -> Any:
    """Return the value with null for NaN and infinity, which JSON does not know, and without unstorable signs.

    A plug-in's reason, or what an objective measures, may hold either.
    """
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(kept: Any) -> Any:
    """Return the value of a JSON column, whether the driver has decoded it or not."""
    return json.loads(kept) if isinstance(kept, str) else kept
