"""hpo stop: trials, or a whole study, end where they are."""

from typing import Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Storage, StudyName, Trials
from hpo.cli.studies import next_command, opened


def stop(
    name: StudyName,
    trials: Trials = None,
    *,
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", metavar="TEXT", help="Why: it is told with the trial.")
    ] = None,
    storage: Storage = None,
) -> None:
    """End running and paused trials where they are; without TRIAL the whole study.

    What was measured counts. A study that was stopped goes on only with more: see hpo extend.
    """
    with opened(name, storage) as study:
        study.stop(*(trials or ()), reason=reason)
        say = person().print
        if trials:
            say(f"stopped: {len(set(trials))} trial{'s' if len(set(trials)) > 1 else ''}")
            return
        say(f"stopped study {study.name}; workers finish their epochs and leave")
        say(f"for more: {next_command(study.database, 'extend', study.name, '--trials', 'N')}", soft_wrap=True)
