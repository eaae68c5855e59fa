"""How workers end, and what that says about the trials that they were training.

A trial fails of a death only if it was trained alone then: of several, each is tried again by itself first. Where
nobody saw how a worker ended, its host or its network may be at fault, so that more attempts are granted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.exchange.workers import host_of, lives_here
from strategies import Job

UNSEEN: Final = 3
"""Attempts granted beyond a study's retries where nobody saw how the worker ended."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that is no more, with the cause, in words that follow "the trial failed:".

    `training`: the jobs that it trained (None: any that it held). `seen`: it is known how its process ended.
    `final`: to try again would end the same.
    """

    worker: str
    cause: str
    training: frozenset[int] | None = None
    seen: bool = False
    final: bool = False

    def suspects(self, held: Sequence[Job]) -> list[Job]:
        """Return those of the jobs that it held which it may have died of."""
        return [job for job in held if self.training is None or job.number in self.training]

    def error(self, attempts: int, retries: int) -> str | None:
        """Return what a trial fails with that it was training alone, with so many attempts; None if one more is due."""
        if not self.final and attempts <= retries + (0 if self.seen else UNSEEN):
            return None
        return self.cause if attempts == 1 else f"{self.cause}, in the last of {attempts} attempts"


def vanished(worker: str) -> Death:
    """Return the death of a worker that nobody saw."""
    return Death(worker, f"its worker vanished from {host_of(worker)}")


def innocent(worker: str) -> Death:
    """Return the end of a worker that nothing it was training is to blame for."""
    return Death(worker, "its worker left", frozenset(), seen=True)


def lapse(worker: str) -> Death:
    """Return what it means that a worker's lease has run out: here, where it lives, it has merely slept."""
    return innocent(worker) if lives_here(worker) else vanished(worker)
