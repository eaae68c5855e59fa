"""hpo list: every study."""

from typing import TYPE_CHECKING

from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import shown, write_rows
from hpo.cli.studies import local_time

if TYPE_CHECKING:
    from storage.studies import StudySummary


def list_(*, storage: Storage = None, form: Formatted = Format.TABLE) -> None:
    """List the studies, with their best values."""
    from hpo.places import open_database
    from storage.studies import StudySummary, list_studies

    database = open_database(storage or "default", create=False)
    studies = list_studies(database)
    database.close()
    if form is not Format.TABLE:
        columns = list(StudySummary.__dataclass_fields__)
        write_rows(columns, [[getattr(study, column) for column in columns] for study in studies], form)
        return
    columns = ["study", "state", "trials", "best", "strategy", "objective", "made"]
    write_rows(columns, [_line(study) for study in studies], form)


def _line(study: "StudySummary") -> list[object]:
    total = "" if study.n_trials is None else f" of {study.n_trials:,}"
    best = None if study.best_value is None else f"{study.metric} {shown(study.best_value)}"
    return [
        study.name,
        study.state,
        f"{study.trials:,}{total}",
        best,
        study.strategy,
        study.objective,
        local_time(study.created_at),
    ]
