"""hpo sql: any question, in SQL."""

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Final

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import write_rows
from hpo.cli.studies import local_time

_SHOWN: Final = 1000
"""Rows that a person is shown at most."""


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='One statement, such as "SELECT * FROM leaderboard".')],
    *,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="The most that the database may work at it: 90, 90s, 10m, 2h.")
    ] = "60s",
) -> None:
    """Question the history in SQL.

    It only reads: no statement can change anything.
    Every study has a view of its own (see hpo show); leaderboard, learning_curves and decisions tell of all studies.
    A table shows what is called *_at as local time; csv and json give it in full, in seconds since 1970.
    """
    from hpo.cli.durations import parse_duration
    from hpo.places import storage_url
    from storage.questions.readonly import read_only_query

    with read_only_query(storage_url(storage or "default"), query, timeout=parse_duration(timeout)) as answer:
        if form is not Format.TABLE:
            write_rows(answer.columns, answer.rows, form)
            return
        rows = list(islice(answer.rows, _SHOWN))
        write_rows(answer.columns, [_readable(answer.columns, row) for row in rows], form)
        if next(answer.rows, None) is not None:
            person().print(f"the first {_SHOWN:,} rows; --format csv or json writes all of them")


def _readable(columns: Sequence[str], row: Sequence[Any]) -> list[Any]:
    return [_cell(column, value) for column, value in zip(columns, row, strict=True)]


def _cell(column: str, value: Any) -> Any:
    if value is None:
        return "NULL"
    if isinstance(value, float) and (column == "at" or column.endswith("_at")):
        try:
            return local_time(value)
        except (ValueError, OverflowError):  # NaN, or no moment that a calendar knows
            return value
    return value
