"""A statement for one row made into one for many, which PostgreSQL runs at little more than the cost of one.

The values of the rows come as one JSON parameter, and the statement is joined with them.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

ROWS: Final = "rows_as_json"
"""The name of that parameter: a list of objects with a value for each of the statement's own parameters."""


@cache
def joined(statement: sa.ClauseElement) -> sa.ClauseElement:
    """Return the statement for many rows of an INSERT (an upsert by its key, too), UPDATE or DELETE."""
    if isinstance(statement, sa.Insert):
        return _inserted_together(statement)
    parts: Iterable[Any] = visitors.iterate(statement)
    types = {each.key: each.type for each in parts if _is_open(each)}
    if isinstance(statement, sa.Update):
        columns = statement.table.c
        types |= {value.key: columns[name].type for name, value in _written(statement).items() if _is_open(value)}
    given = _given(types)
    together: Any = visitors.replacement_traverse(
        statement, {}, lambda element, **_: given[element.key] if _is_open(element) else None
    )
    return cast("sa.ClauseElement", together)


def _inserted_together(statement: sa.Insert) -> sa.Insert:
    table: Any = statement.table
    names = list(_written(statement))
    given = _given({name: table.c[name].type for name in names})
    together = postgresql.insert(table).from_select(names, sa.select(*given.values()))
    if statement._post_values_clause is None:  # noqa: SLF001 - there is no public way to ask
        return together
    key = [column.name for column in table.primary_key]
    changed = {name: together.excluded[name] for name in names if name not in key}
    return together.on_conflict_do_update(index_elements=key, set_=changed)


def _written(statement: sa.Insert | sa.Update) -> dict[str, Any]:
    """Return what a statement writes, by column."""
    values: Mapping[Any, Any] = statement._values or {}  # noqa: SLF001 - likewise
    return {getattr(column, "key", column): value for column, value in values.items()}


def _given(types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns, by name, of a table of rows that come as one JSON parameter; JSON within it is text."""
    is_json = {name: isinstance(kind, sa.JSON) for name, kind in types.items()}
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name, sa.Text() if is_json[name] else kind) for name, kind in types.items()
    ]
    source = sa.func.json_to_recordset(sa.bindparam(ROWS, type_=sa.JSON()))
    rows = source.table_valued(*columns, name="given").render_derived(with_types=True)
    return {name: sa.cast(rows.c[name], sa.JSON()) if is_json[name] else rows.c[name] for name in types}


def _is_open(element: Any) -> bool:
    return isinstance(element, sa.BindParameter) and element.required
