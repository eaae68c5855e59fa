"""hpo db: what a database itself needs."""

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Storage

app = typer.Typer(no_args_is_help=True, help="Look after a database.")


@app.callback()
def _group() -> None:
    """Keep `upgrade` a word of its own: Typer would take an only command for the group itself."""


@app.command()
def upgrade(*, storage: Storage = None) -> None:
    """Bring a database that an older version made up to this one.

    All of it in one transaction: what is on record stays as it is, and an interruption leaves the database as it was.
    Older versions of the program will then refuse it.
    """
    from hpo.study import storage_url
    from storage.database import Database
    from storage.tables import SCHEMA

    database = Database(storage_url(storage or "default"), older=True)
    try:
        before = database.upgrade()
        done = f"upgraded from schema {before} to {SCHEMA}" if before != SCHEMA else f"nothing to do: schema {SCHEMA}"
        person().print(f"{database.shown_url}: {done}", soft_wrap=True)
    finally:
        database.close()
