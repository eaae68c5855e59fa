"""hpo retry: failed trials are trained again."""

from typing import Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Storage, StudyName, Trials
from hpo.cli.studies import next_command, opened


def retry(
    name: StudyName,
    trials: Trials = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All that have failed.")] = False,
    storage: Storage = None,
) -> None:
    """Let failed trials be trained again.

    With the same hyperparameters and seed: from a checkpoint if one is kept, else from scratch. Works while the study
    runs; a complete one is open again.
    """
    from hpo.errors import SettingError
    from storage.studies import reload_study

    if bool(trials) == failed:
        raise SettingError("say which trials: their numbers, or --failed for all that have failed")
    with opened(name, storage) as study:
        again, say = study.retry(*(trials or ())), person().print
        if not again:
            say("no trial has failed that could be trained again")
            return
        listed = ", ".join(map(str, again[:10])) + (f" and {len(again) - 10:,} more" if again[10:] else "")
        say(f"to be trained again: trial{'s' if again[1:] else ''} {listed}")
        if not study.overview().workers or reload_study(study.database, study.record).state != "open":
            say(f"go on with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)
