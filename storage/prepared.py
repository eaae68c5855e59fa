"""Statements prepared once for a dialect, so that running one costs what the database costs.

SQLAlchemy builds them (`statements`) and compiles them; from then on text and values go to the driver as they are. What
runs while a worker keeps the database to itself is kept short this way, and nothing is compiled meanwhile.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.sql import visitors

from strategies.spelling import storable

_ROWS: Final = "rows_as_json"

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
        return connection.exec_driver_sql(prepared.text, prepared.bind({_ROWS: json.dumps(list(values))}))
    prepared = _prepare(statement, dialect)
    return connection.exec_driver_sql(prepared.text, [prepared.bind(row) for row in values])


@cache
def joined(statement: sa.ClauseElement) -> sa.ClauseElement:
    """Return the statement that takes the values of many rows as one JSON parameter, for PostgreSQL."""
    if isinstance(statement, sa.Insert):
        return _inserted_together(statement)
    types = {each.key: each.type for each in visitors.iterate(statement) if _is_open(each)}
    written = statement._values or {} if isinstance(statement, sa.Update) else {}  # noqa: SLF001 - no public way to ask
    columns: Any = statement.table.c if written else {}
    types |= {value.key: columns[getattr(name, "key", name)].type for name, value in written.items() if _is_open(value)}
    given = _given(types)
    return visitors.replacement_traverse(
        statement, {}, lambda element, **_: given[element.key] if _is_open(element) else None
    )


def _inserted_together(statement: sa.Insert) -> sa.Insert:
    table: Any = statement.table
    names = [getattr(column, "key", column) for column in statement._values]  # noqa: SLF001 - likewise
    given = _given({name: table.c[name].type for name in names})
    together = postgresql.insert(table).from_select(names, sa.select(*given.values()))
    if statement._post_values_clause is None:  # noqa: SLF001 - likewise
        return together
    key = [column.name for column in table.primary_key]
    written = {name: together.excluded[name] for name in names if name not in key}
    return together.on_conflict_do_update(index_elements=key, set_=written)


def _given(types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns, by name, of a table of rows that come as one JSON parameter; JSON within it is text."""
    is_json = {name: isinstance(kind, sa.JSON) for name, kind in types.items()}
    columns = [sa.column(name, sa.Text() if is_json[name] else kind) for name, kind in types.items()]
    source = sa.func.json_to_recordset(sa.bindparam(_ROWS, type_=sa.JSON()))
    rows = source.table_valued(*columns, name="given").render_derived(with_types=True)
    return {name: sa.cast(rows.c[name], sa.JSON()) if is_json[name] else rows.c[name] for name in types}


def _is_open(element: Any) -> bool:
    return isinstance(element, sa.BindParameter) and element.required


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
