"""Guesses of a person: points that are tried before any that the strategy proposes. Each is on record."""

from collections.abc import Callable

from storage.database import Database
from storage.interventions.trail import Operation, intervene
from storage.studies import StudyRecord, reload_study
from strategies import Params


def enqueue(database: Database, study: StudyRecord, guess: Callable[[int], Params]) -> StudyRecord:
    """Add a point of the study's space to those that are tried before any other.

    `guess` makes it from its place 0, 1 … in that queue, which is nobody else's. Raises StudyNotFound.
    """
    intervene(database, study, lambda change: _enqueue(change, guess))
    return reload_study(database, study)


def _enqueue(change: Operation, guess: Callable[[int], Params]) -> None:
    queue = change.study.queue or []
    point = guess(len(queue))
    change.change({"queue": [*queue, point]})
    change.note("enqueue", {"place": len(queue), "params": point})
