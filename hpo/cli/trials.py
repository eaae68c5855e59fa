"""hpo trials: a study's trials, or one of them in full."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpo.cli.consoles import answers, printable
from hpo.cli.options import MOST, Format, Formatted, Storage, StudyName
from hpo.cli.output import shown, write_record, write_rows
from hpo.cli.studies import local_time, opened

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.questions.queries import TrialRecord


def trials(
    name: StudyName,
    *,
    state: Annotated[str | None, typer.Option(help="Only those: running, paused, complete, stopped, failed …")] = None,
    best_first: Annotated[
        bool, typer.Option("--best-first", help="Best first, without those that have no value.")
    ] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, max=MOST, help="No more than these.")] = None,
    trial: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=MOST, help="One trial in full, with its traceback.")
    ] = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """List a study's trials, or show one in full."""
    from storage.questions.queries import list_trials

    with opened(name, storage) as study:
        if trial is not None:
            _show_one(study.trial(trial), form)
            return
        states = () if state is None else (_state(state),)
        found = list_trials(study.database, study.record, states=states, best_first=best_first, limit=limit)
        _write(study, found, form)


def _write(study: "Study", found: "list[TrialRecord]", form: Format) -> None:
    names = list(study.space.parameters)
    if form is Format.TABLE:
        columns = ["trial", "state", study.spec.metric, "epochs", *names, "seconds", "error"]
        rows = [
            [t.number, t.state.value, t.value, t.epochs, *map(t.params.get, names), t.train_seconds, t.error]
            for t in found
        ]
        if not any(t.error for t in found):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        write_rows(columns, rows, form)
        return
    records = [_record(trial) for trial in found]
    if form is Format.CSV:
        for record in records:
            params = record.pop("params")
            record.update({f"params_{parameter}": params.get(parameter) for parameter in names})
    columns = list(records[0]) if records else ["number"]
    write_rows(columns, [[record[column] for column in columns] for record in records], form)


def _show_one(trial: "TrialRecord", form: Format) -> None:
    record = _record(trial)
    if form is not Format.TABLE:
        write_record(record, form)
        return
    say, traceback = answers().print, record.pop("traceback")
    width = max(map(len, record))
    for field, value in record.items():
        if value is not None:
            say(f"{field:{width}}  {local_time(value) if field.endswith('_at') else shown(value)}")
    if traceback:
        say(printable(traceback.rstrip()))


def _record(trial: "TrialRecord") -> dict[str, Any]:
    return {field.name: getattr(trial, field.name) for field in fields(trial)} | {"state": trial.state.value}


def _state(text: str) -> Any:
    from hpo.errors import SettingError
    from strategies import State

    try:
        return State(text)
    except ValueError:
        raise SettingError(f"there is no state {text!r}: use one of {', '.join(State)}") from None
