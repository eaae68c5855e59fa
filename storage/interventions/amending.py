"""Settings of a study that may change at any time: how far it goes, and what its trials may cost. On record."""

from collections.abc import Mapping
from typing import Any, Final

from storage.database import Database
from storage.interventions.trail import Operation, intervene
from storage.studies import COMPLETE, OPEN, StudyRecord, reload_study

_TARGETS: Final = ("n_trials", "budget", "tolerance")
"""Settings that say when a study is complete; with another one it is open again."""

_POLICY: Final = ("trial_timeout", "retries")


def amend(
    database: Database, study: StudyRecord, settings: Mapping[str, float | None], *, parallelism: int | None = None
) -> StudyRecord:
    """Set the study's columns n_trials, budget, tolerance, trial_timeout and retries anew where given; None takes away.

    What differs from before is on record, each with its old value, but for a first bound before the first decision,
    which belongs to the study's making. Parallelism is set once for all. Where nothing differs nothing is written.
    Raises StudyNotFound.
    """
    targets = study.spec.targets
    known = {name: getattr(targets, name) for name in _TARGETS}
    known |= {name: getattr(study.spec, name) for name in _POLICY}
    first = parallelism is not None and study.spec.parallelism is None
    if first or any(known[name] != new for name, new in settings.items()):
        intervene(database, study, lambda change: _change(change, settings, parallelism))
    return reload_study(database, study)


def _change(change: Operation, settings: Mapping[str, float | None], parallelism: int | None) -> None:
    row = change.study
    new = {name: value for name, value in settings.items() if value != getattr(row, name)}
    values: dict[str, Any] = dict(new)
    if row.state == COMPLETE and any(name in new for name in _TARGETS):
        values |= {"state": OPEN, "ended_at": None}
    if row.parallelism is None and parallelism is not None:
        values["parallelism"] = parallelism
    if values:
        change.change(values)
    told = {name: [getattr(row, name), value] for name, value in new.items()}
    if change.before_job == 0:
        told = {name: [old, value] for name, (old, value) in told.items() if old is not None}
    if told:
        change.note("amend", told)
