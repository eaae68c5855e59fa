"""hpo sql: any question, in SQL."""

from itertools import islice
from typing import Annotated, Final

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import write_rows

_SHOWN: Final = 1000
"""Rows that a person is shown at most."""


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='One statement, such as "SELECT * FROM leaderboard".')],
    *,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Question the history in SQL.

    It only reads: no statement can change anything.
    Every study has a view of its own (see hpo show); leaderboard, learning_curves and decisions tell of all studies.
    """
    from hpo.study import storage_url
    from storage.readonly import read_only_query

    with read_only_query(storage_url(storage or "default"), query) as answer:
        if form is not Format.TABLE:
            write_rows(answer.columns, answer.rows, form)
            return
        rows = list(islice(answer.rows, _SHOWN))
        write_rows(answer.columns, [["NULL" if cell is None else cell for cell in row] for row in rows], form)
        if next(answer.rows, None) is not None:
            person().print(f"the first {_SHOWN:,} rows; --format csv or json writes all of them")
