"""The trail: who changed a search by hand, when, where, and what. It outlives the studies that it tells of.

That a whole study has left or come is told of the database, under the name it had here: it does not travel with it.
"""

import getpass
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import StudyNotFound
from storage.exchange.sync import survey_of
from storage.schema.tables import interventions, studies
from storage.studies import StudyRecord, not_found

T = TypeVar("T")
Entry = tuple[int, float]
"""What tells a row of the trail from all others: its id, which a crashed server may give again, and its moment."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """What a person did to a study, or to one of its trials (None: to the whole study).

    `study` is the name that it had then, `before_job` the first job that was decided knowing of it.
    """

    at: float
    study: str
    action: str
    trial: int | None
    details: Mapping[str, Any]
    before_job: int | None
    by_user: str
    by_node: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One transaction in which a person changes a study: its row as it was, and the revision that this makes."""

    connection: Connection
    study: Row[Any]
    now: float
    before_job: int
    entries: list[Entry] = field(default_factory=list)
    """What it has entered in the trail."""

    @property
    def revision(self) -> int:
        """The study's revision from now on."""
        return int(self.study.revision)

    def change(self, values: Mapping[str, Any]) -> None:
        """Set columns of the study's row."""
        self.connection.execute(sa.update(studies).where(studies.c.id == self.study.id).values(dict(values)))

    def note(self, action: str, details: Mapping[str, Any], trial: int | None = None) -> None:
        """Enter in the trail what has been done."""
        about = {"study": self.study.name, "study_id": self.study.id, "trial": trial, "before_job": self.before_job}
        told = about | {"action": action, "details": dict(details), "at": self.now}
        self.entries.append(_enter(self.connection, told))


class Attempts(Generic[T]):
    """The attempts at one change, each entered in the trail within its transaction, and what each would have made.

    Where the line broke before a commit was answered, the trail tells whether it has happened. Whoever asks holds the
    lock that the attempts held: only then none of them is still on its way.
    """

    def __init__(self) -> None:
        self._made: list[tuple[Entry, T]] = []

    def made(self, entry: Entry, outcome: T) -> None:
        """Remember an attempt that is about to be committed."""
        self._made.append((entry, outcome))

    def happened(self, connection: Connection) -> Iterator[T]:
        """Yield the outcome of the one that has happened, if any has."""
        for (number, at), outcome in self._made:
            there = sa.select(interventions.c.at).where(interventions.c.id == number)
            if connection.execute(there).scalar_one_or_none() == at:
                yield outcome


def intervene(database: Database, record: StudyRecord, change: Callable[[Operation], T], *, alone: bool = False) -> T:
    """Let `change` work on a study in one transaction, in order with all exchanges of its workers; return what it does.

    Rolled back on an exception. Repeated while the database is out of reach, and yet done once. What notes nothing in
    the trail has to be what may happen twice. `alone` is for what changes names: nobody else makes or renames a study
    meanwhile. Raises StudyNotFound.
    """
    attempts: Attempts[T] = Attempts()

    @persistent
    def attempt() -> T:
        with database.alone() if alone else database.write() as connection:
            taken = sa.update(studies).where(studies.c.id == record.id).values(revision=studies.c.revision + 1)
            row = connection.execute(taken.returning(*studies.c)).one_or_none()  # who was here before is done now
            for outcome in attempts.happened(connection):
                return outcome
            if row is None:
                raise StudyNotFound(f"the study {record.spec.name!r} has been deleted from {database.shown_url}")
            survey = survey_of(connection, record.id)
            operation = Operation(connection, row, survey.now, survey.n_jobs)
            outcome = change(operation)
            if operation.entries:
                attempts.made(operation.entries[0], outcome)
        return outcome

    return attempt()


def note_move(connection: Connection, name: str, action: str, details: Mapping[str, Any], now: float) -> Entry:
    """Enter in the trail that a whole study has come, or was taken from here."""
    return _enter(connection, {"study": name, "action": action, "details": dict(details), "at": now})


@persistent
def list_interventions(database: Database, name: str | None = None) -> list[Intervention]:
    """Return the trail of all studies, or of the one that has that name or had it, the newest last.

    Of a study that was renamed, all that was done belongs to all its names. Raises StudyNotFound for a name that no
    study has, and that the trail knows nothing of.
    """
    order = (interventions.c.at, interventions.c.id)
    with database.read() as connection:
        if name is None:
            return _read(connection, sa.select(interventions).order_by(*order))
        now = sa.select(studies.c.id).where(studies.c.name == name)
        once = sa.select(interventions.c.study_id).where(interventions.c.study == name)
        its = interventions.c.study_id.in_(now.union(once))
        names = {name, *connection.execute(sa.select(interventions.c.study).where(its)).scalars()}
        moved = interventions.c.study_id.is_(None) & interventions.c.study.in_(names)
        found = _read(connection, sa.select(interventions).where(its | moved).order_by(*order))
        if not found and connection.execute(now).one_or_none() is None:
            raise not_found(connection, name, database)
    return found


@persistent
def interventions_in(database: Database, record: StudyRecord, *, trial: int | None = None) -> list[Intervention]:
    """Return the trail of a study, or of one of its trials, the newest last."""
    query = sa.select(interventions).where(interventions.c.study_id == record.id)
    if trial is not None:
        query = query.where(interventions.c.trial == trial)
    with database.read() as connection:
        return _read(connection, query.order_by(interventions.c.at, interventions.c.id))


def _read(connection: Connection, query: sa.Select[Any]) -> list[Intervention]:
    fields = Intervention.__dataclass_fields__
    return [Intervention(*(getattr(row, name) for name in fields)) for row in connection.execute(query)]


def _enter(connection: Connection, told: Mapping[str, Any]) -> Entry:
    row = {**told, "by_user": _user(), "by_node": socket.gethostname()}
    number = connection.execute(sa.insert(interventions).values(row).returning(interventions.c.id)).scalar_one()
    return int(number), told["at"]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as somebody who has no name
        return f"uid {os.getuid()}"
