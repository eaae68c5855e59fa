"""hpo discard: trials are taken out of a search."""

from typing import Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import SomeTrials, Storage, StudyName
from hpo.cli.studies import opened


def discard(
    name: StudyName,
    trials: SomeTrials,
    *,
    reason: Annotated[
        str, typer.Option("--reason", "-r", metavar="TEXT", help="Why: it is told with the trial.", show_default=False)
    ],
    storage: Storage = None,
) -> None:
    """Take trials out: they never win, and nothing is learned from them.

    Whatever their state, also while they are in training. Their rows and curves stay, and their hyperparameters are not
    tried once more.
    """
    with opened(name, storage) as study:
        study.discard(*trials, reason=reason)
        person().print(f"discarded: {len(set(trials))} trial{'s' if len(set(trials)) > 1 else ''}")
