"""hpo trail: what people have done to searches by hand."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import write_rows
from hpo.cli.studies import local_time
from hpo.telling import changed

if TYPE_CHECKING:
    from storage.interventions.trail import Intervention


def trail(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The study's name, also an old one.", show_default=False)
    ] = None,
    *,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """List what was changed by hand, the newest last: who, when, where, what, and why.

    Of all studies or of one, deleted ones included.
    """
    from hpo.places import open_database
    from storage.interventions.trail import Intervention, list_interventions

    database = open_database(storage or "default", create=False)
    try:
        found = list_interventions(database, name)
    finally:
        database.close()
    if form is not Format.TABLE:
        columns = [field.name for field in fields(Intervention)]
        write_rows(columns, [[getattr(each, column) for column in columns] for each in found], form)
        return
    write_rows(["when", "study", "what", "trial", "details", "by", "on"], map(_line, found), form)


def _line(each: "Intervention") -> list[Any]:
    trial = None if each.trial is None else str(each.trial)
    return [local_time(each.at), each.study, each.action, trial, changed(each.details), each.by_user, each.by_node]
