"""hpo rename: another name for a study."""

from typing import Annotated

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import Storage, StudyName
from hpo.cli.studies import opened


def rename(
    name: StudyName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on.", show_default=False)],
    *,
    storage: Storage = None,
) -> None:
    """Give a study another name, also while it runs; its view is renamed as well."""
    with opened(name, storage) as study:
        study.rename(new)
        person().print(f"{printable(name)} is {printable(study.name)} now, with the view {study.record.view}")
