"""hpo why: a trial's story."""

from typing import Annotated

import typer

from hpo.cli.consoles import answers, printable
from hpo.cli.options import MOST, Format, Formatted, Storage, StudyName
from hpo.cli.output import write_record
from hpo.cli.studies import opened


def why(
    name: StudyName,
    trial: Annotated[
        int, typer.Argument(metavar="TRIAL", min=0, max=MOST, help="The trial's number.", show_default=False)
    ],
    *,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Tell a trial's story: why it was started, trained on and stopped.

    Each reason was stored when the decision was taken; as data they are in the view `decisions`.
    """
    from hpo.story import story
    from storage.questions.queries import list_decisions

    with opened(name, storage) as study:
        told = story(study, trial)
        if form is Format.TABLE:
            for sentence in told:
                answers().print(printable(sentence), highlight=False)
            return
        decisions = [
            {"decision": each.number, "from": each.from_epoch, "until": each.until_epoch, "reason": dict(each.reason)}
            for each in list_decisions(study.database, study.record, trial)
        ]
        stopped = study.trial(trial).stop_reason
        write_record({"trial": trial, "story": told, "decisions": decisions, "stop_reason": stopped}, form)
