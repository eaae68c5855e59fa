"""Studies: making, finding and listing them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import StudyExists, StudyNotFound
from storage.schema.tables import USABLE, studies, trials
from storage.schema.views import create_view, view_name
from strategies import Space, Strategy, Targets
from strategies.spelling import nearest

Direction = Literal["minimize", "maximize"]
JobOrder = Literal["reproducible", "free"]

OPEN: Final = "open"
COMPLETE: Final = "complete"
PAUSED: Final = "paused"
STOPPED: Final = "stopped"
CLOSED: Final = (PAUSED, STOPPED)
"""States in which a study hands out no work: a person has paused it, or ended it."""


@dataclass(frozen=True, slots=True)
class StudySpec:
    """All that defines a study: enough to resume it from the database alone."""

    name: str
    space: Space
    strategy: Strategy
    objective: Mapping[str, Any]
    seed: int
    targets: Targets
    direction: Direction = "minimize"
    metric: str = "value"
    parallelism: int | None = None
    job_order: JobOrder = "reproducible"
    chosen: str | None = None
    """Why the strategy was chosen for it, in a sentence; None when the user chose."""
    horizon: int | None = None
    """The epochs that schedules are laid out for: max_epochs as it was at first. None: as it is."""
    trial_timeout: float | None = None
    """Seconds of training after which a job counts as hanging; None: never."""
    retries: int = 2
    """How often a trial that loses its worker is tried again before it counts as failed."""

    @property
    def sign(self) -> float:
        """What turns a value of this study into one of which lower is better, and back."""
        return -1.0 if self.direction == "maximize" else 1.0

    @property
    def schedule_epochs(self) -> int:
        """The epochs that an objective's schedules are laid out for."""
        return self.targets.max_epochs if self.horizon is None else self.horizon

    @property
    def lag(self) -> int | None:
        """The lag of the study's decisions; None when results count as they arrive (also as long as none is fixed)."""
        return None if self.job_order == "free" else self.parallelism


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as the database holds it."""

    id: int
    spec: StudySpec
    view: str
    state: str
    created_at: float
    ended_at: float | None
    edition: int = 0


@dataclass(frozen=True, slots=True)
class StudySummary:
    """One line of a list of studies."""

    name: str
    state: str
    trials: int
    n_trials: int | None
    best_value: float | None
    direction: Direction
    metric: str
    strategy: str
    objective: str
    created_at: float
    view: str


def is_by_hand(objective: Mapping[str, Any]) -> bool:
    """Tell whether what a study has on record as its objective is none: it is driven by ask and tell."""
    return objective.get("kind") == "none"


def create_study(database: Database, spec: StudySpec) -> StudyRecord:
    """Write a new study and its typed view. Raises StudyExists when the name is taken."""
    return _create_study(database, spec, set())


@persistent
def _create_study(database: Database, spec: StudySpec, tried: set[tuple[float, int]]) -> StudyRecord:
    """Write a study; one of the moments and seeds `tried` is this one, made by a commit whose answer was lost."""
    with database.alone() as connection:
        same_name = sa.select(studies.c.created_at, studies.c.seed).where(studies.c.name == spec.name)
        found = connection.execute(same_name).one_or_none()
        if found is not None and tuple(found) in tried:
            return _record(_find(connection, spec.name, database))
        if found is not None:
            resume = f"hpo resume {shlex.quote(spec.name)}"
            raise StudyExists(
                f"the study {spec.name!r} exists already in {database.shown_url}: go on with `{resume}`, "
                "or choose another name with --name"
            )
        others = set(sa.inspect(connection).get_table_names()) | set(sa.inspect(connection).get_view_names())
        view = view_name(spec.name, others)
        now = database.now(connection)
        row = {
            "name": spec.name,
            "view": view,
            "direction": spec.direction,
            "metric": spec.metric,
            "space": spec.space.to_dict(),
            "strategy": spec.strategy.to_dict(),
            "objective": dict(spec.objective),
            "seed": spec.seed,
            "parallelism": spec.parallelism,
            "job_order": spec.job_order,
            "n_trials": spec.targets.n_trials,
            "max_epochs": spec.targets.max_epochs,
            "budget": spec.targets.budget,
            "tolerance": spec.targets.tolerance,
            "queue": list(spec.targets.queue) or None,
            "chosen": spec.chosen,
            "horizon": spec.horizon,
            "trial_timeout": spec.trial_timeout,
            "retries": spec.retries,
            "state": OPEN,
            "revision": 0,
            "created_at": now,
        }
        tried.add((now, spec.seed))
        study_id = connection.execute(sa.insert(studies).values(row).returning(studies.c.id)).scalar_one()
        connection.exec_driver_sql(create_view(connection.dialect, view, study_id, spec.space))
        return _record(_find(connection, spec.name, database))


@persistent
def load_study(database: Database, name: str) -> StudyRecord:
    """Return the study of that name. Raises StudyNotFound with the nearest name."""
    with database.read() as connection:
        return _record(_find(connection, name, database))


def reload_study(database: Database, record: StudyRecord) -> StudyRecord:
    """Return a study as it stands now, as `study_once_called` does."""
    return study_once_called(database, record.spec.name, record.id)


@persistent
def study_once_called(database: Database, name: str, study_id: int) -> StudyRecord:
    """Return the study of that id as it stands now, whatever its name has become.

    Raises StudyNotFound if it has been deleted, and StorageError when the schema has become another program's.
    """
    with database.read() as connection:
        database.check_version(connection)
        row = connection.execute(sa.select(studies).where(studies.c.id == study_id)).one_or_none()
    if row is None:
        raise StudyNotFound(f"the study {name!r} has been deleted from {database.shown_url}")
    return _record(row)


@persistent
def list_studies(database: Database) -> list[StudySummary]:
    """Return every study in the order of their making, with its number of trials and its best value."""
    mine = trials.c.study_id == studies.c.id
    ranked = sa.select(trials.c.value).where(mine, sa.text(USABLE)).limit(1)  # three looks into an index for each
    query = sa.select(
        studies,
        sa.select(sa.func.max(trials.c.number) + 1).where(mine).scalar_subquery().label("n"),
        ranked.order_by(trials.c.value).scalar_subquery().label("lowest"),
        ranked.order_by(trials.c.value.desc()).scalar_subquery().label("highest"),
    ).order_by(studies.c.id)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        StudySummary(
            row.name,
            row.state,
            row.n or 0,
            row.n_trials,
            row.highest if row.direction == "maximize" else row.lowest,
            row.direction,
            row.metric,
            "+".join(part["name"] for part in row.strategy.values()),  # a plug-in may be missing here
            str(row.objective.get("shown", "")),
            row.created_at,
            row.view,
        )
        for row in rows
    ]


def _find(connection: Connection, name: str, database: Database) -> Row[Any]:
    row = connection.execute(sa.select(studies).where(studies.c.name == name)).one_or_none()
    if row is None:
        raise not_found(connection, name, database)
    return row


def not_found(connection: Connection, name: str, database: Database) -> StudyNotFound:
    """Return the error that no study has that name, with the nearest one."""
    names = list(connection.execute(sa.select(studies.c.name).order_by(studies.c.id)).scalars())
    return StudyNotFound(f"there is no study {name!r} in {database.shown_url}{_nearest(name, names)}")


def _nearest(name: str, names: Sequence[str]) -> str:
    near = nearest(name, names)
    if near:
        return f"; did you mean {near!r}?"
    return f"; there are: {', '.join(names[:10])}" if names else "; it holds no studies yet"


def _record(row: Row[Any]) -> StudyRecord:
    spec = StudySpec(
        name=row.name,
        space=Space.from_dict(row.space),
        strategy=Strategy.recorded(row.strategy),
        objective=row.objective,
        seed=row.seed,
        targets=Targets(row.max_epochs, row.n_trials, row.budget, row.tolerance, tuple(row.queue or ())),
        direction=row.direction,
        metric=row.metric,
        parallelism=row.parallelism,
        job_order=row.job_order,
        chosen=row.chosen,
        horizon=row.horizon,
        trial_timeout=row.trial_timeout,
        retries=row.retries,
    )
    return StudyRecord(row.id, spec, row.view, row.state, row.created_at, row.ended_at, row.edition)
