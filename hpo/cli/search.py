"""A search in a terminal: watched, interruptible, and its outcome told. What `run` and `resume` have in common."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

import typer

from hpo.cli.confirm import confirm_after
from hpo.cli.consoles import person
from hpo.cli.durations import parse_duration
from hpo.cli.options import Format
from hpo.cli.outcome import outcome, tell
from hpo.cli.output import write_record
from hpo.progress import progress_on

if TYPE_CHECKING:
    from hpo.study import Study


_LEADERS: Final = 3
_SEEDS: Final = 5
"""How many trials the end of a search confirms, and with how many fresh seeds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a search goes this time (None: as the study has it), and with which workers; `timeout` in seconds."""

    trials: int | None = None
    budget: int | None = None
    timeout: float | None = None
    jobs: int
    backend: str
    scheduler: str | None = None

    @classmethod
    def of(
        cls,
        *,
        trials: int | None = None,
        budget: int | None = None,
        timeout: str | float | None = None,
        jobs: int | None = None,
        backend: str | None = None,
        scheduler: str | None = None,
    ) -> Self:
        """Return the limits that options mean: a worker for each core of ours, a process each, unless told.

        Raises SettingError for a time or a number of workers that cannot be.
        """
        from hpo.errors import SettingError

        if jobs is not None and jobs < 1:
            raise SettingError(f"jobs = {jobs}: give a number of workers above 0")
        seconds = None if timeout is None else parse_duration(str(timeout))
        return cls(
            trials=trials,
            budget=budget,
            timeout=seconds,
            jobs=jobs or _cores(),
            backend=backend or "loky",
            scheduler=scheduler,
        )


def search(study: "Study", limits: Limits, form: Format, *, confirm: bool = True) -> None:
    """Search, confirm the leaders unless told not to, then write the outcome. Exits with 1 when no trial has a value.

    A search that a timeout cut short is not confirmed: it is not at its end. Raises SearchFailed if the database fails.
    """
    began = monotonic()
    with _failing():
        searched(study, limits)
        if confirm and study.is_complete:
            with stdout_for_the_outcome():
                confirm_after(study, limits.jobs, limits.backend, top=_LEADERS, seeds=_SEEDS)
        found = outcome(study, monotonic() - began)
    if form is Format.TABLE:
        tell(found, study)
    else:
        write_record(found, form)
    if found["value"] is None:
        raise typer.Exit(1)


def searched(study: "Study", limits: Limits) -> None:
    """Search, watched in the terminal."""
    from hpo.clusters import joined

    with (
        joined(limits.backend, limits.scheduler),
        progress_on(person(), study.database, study.record) as progress,
        stdout_for_the_outcome(),
    ):
        study.optimize(
            limits.trials,
            limits.jobs,
            timeout=limits.timeout,
            budget=limits.budget,
            backend=limits.backend,
            watcher=progress,
        )


@contextmanager
def _failing() -> Iterator[None]:
    """Within: an error of the database, which was in order at first, is no wrong use."""
    from hpo.errors import SearchFailed, StorageError, SurgeryError

    try:
        yield
    except SurgeryError:
        raise
    except StorageError as error:
        raise SearchFailed(str(error)) from error


def _cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def stdout_for_the_outcome() -> Iterator[None]:
    """Within: what objectives print, here and in worker processes, goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
