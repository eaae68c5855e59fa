"""hpo db: what a database itself needs."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import write_rows

if TYPE_CHECKING:
    from storage.upkeep.integrity import Examined
    from storage.upkeep.sizes import Sizes

app = typer.Typer(no_args_is_help=True, help="Look after a database.")

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000


@app.command()
def upgrade(*, storage: Storage = None) -> None:
    """Bring a database that an older version made up to this one.

    All of it in one transaction: what is on record stays as it is, and an interruption leaves the database as it was.
    Nobody may be at work meanwhile. Older versions of the program will then refuse it.
    """
    from hpo.places import storage_url
    from storage.database import Database
    from storage.schema.tables import SCHEMA

    database = Database(storage_url(storage or "default"), older=True)
    try:
        before = database.upgrade()
        done = f"upgraded from schema {before} to {SCHEMA}"
        if before == SCHEMA:
            done = f"nothing to upgrade: schema {SCHEMA}; the views over all studies were made anew"
        person().print(f"{database.shown_url}: {done}", soft_wrap=True)
    finally:
        database.close()


@app.command()
def check(*, storage: Storage = None, form: Formatted = Format.TABLE) -> None:
    """Say whether a database is sound: the file, and whether what it holds agrees with itself.

    It only reads, one consistent state, also while workers work. Every fault is told with what to do; exit code 1.
    """
    from hpo.places import storage_url
    from storage.upkeep.integrity import examine

    examined = list(examine(storage_url(storage or "default")))
    columns = ["check", "verdict", "where", "what", "advice"]
    write_rows(columns, [line for each in examined for line in _lines(each)], form)
    faults = [fault for each in examined for fault in each.faults if not fault.harmless]
    if faults:
        person().print(f"{len(faults):,} faults", style="red")
        raise typer.Exit(1)
    person().print("sound")


def _lines(examined: "Examined") -> list[list[str]]:
    if not examined.faults:
        return [[examined.check, "sound", "", examined.about, ""]]
    verdicts = {True: "remark", False: "FAULT"}
    return [
        [examined.check, verdicts[fault.harmless], fault.where, fault.what, fault.advice] for fault in examined.faults
    ]


@app.command()
def size(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One study, table by table.", show_default=False)
    ] = None,
    *,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Say how much room a database takes: each study's trials, jobs, measurements and checkpoints."""
    from hpo.places import open_database
    from storage.studies import load_study
    from storage.upkeep.sizes import measure

    database = open_database(storage or "default", create=False)
    try:
        if name is not None:
            load_study(database, name)  # says which there are, if not this one
        sizes = measure(database)
    finally:
        database.close()
    columns, rows = _of_all(sizes) if name is None else _of_one(sizes, name)
    if form is Format.TABLE:
        rows = [[_readable(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows]
    write_rows(columns, rows, form)
    free = f", {_bytes(sizes.free)} of them free: what comes next fills them" if sizes.free else ""
    person().print(f"{database.shown_url}: {_bytes(sizes.total)}{free}", soft_wrap=True)


def _of_all(sizes: "Sizes") -> tuple[list[str], list[list[Any]]]:
    from storage.upkeep.sizes import PARTS

    tables = [table.name for table in PARTS]
    columns = ["study", "trials", "epochs", *(f"{table}_bytes" for table in tables), "bytes", "bytes_per_trial"]
    rows: list[list[Any]] = []
    for study in dict.fromkeys(part.study for part in sizes.parts):
        mine = {part.table: part for part in sizes.parts if part.study == study}
        total, trials = sum(part.bytes for part in mine.values()), mine["trials"].rows
        each = None if not trials else round(total / trials)
        rows.append(
            [study, trials, mine["measurements"].rows, *(mine[table].bytes for table in tables), total, each],
        )
    return columns, rows


def _of_one(sizes: "Sizes", name: str) -> tuple[list[str], list[list[Any]]]:
    rows = [
        [part.table, part.rows, part.bytes, round(part.bytes / part.rows) if part.rows else None]
        for part in sizes.parts
        if part.study == name
    ]
    return ["table", "rows", "bytes", "bytes_per_row"], rows


def _readable(column: str, cell: Any) -> Any:
    if isinstance(cell, int):
        return _bytes(cell) if "bytes" in column else f"{cell:,}"
    return cell


def _bytes(count: int) -> str:
    size, unit = float(count), 0
    while size >= _THOUSAND and unit < len(_UNITS) - 1:
        size, unit = size / _THOUSAND, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


@app.command()
def shrink(*, storage: Storage = None) -> None:
    """Rewrite a database without gaps, and say how much smaller it is. Nobody may be at work meanwhile.

    Seldom needed: each launch ends with giving back what it has freed.
    """
    from hpo.places import open_database
    from storage.upkeep.shrinking import shrink as shrink_database

    database = open_database(storage or "default", create=False)
    try:
        before, after = shrink_database(database)
    finally:
        database.close()
    gained = f"{_bytes(before)}, and {_bytes(after)} now" if after < before else f"{_bytes(after)}, as before"
    person().print(f"{database.shown_url}: {gained}", soft_wrap=True)
