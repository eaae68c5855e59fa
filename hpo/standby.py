"""A worker for whatever is open: it joins a study, leaves when that is complete, and waits for the next."""

from collections.abc import Callable, Collection
from math import inf
from time import monotonic, sleep
from typing import Final

from hpo.errors import HpoError
from hpo.study import Study
from storage.database import Database
from storage.errors import Unavailable
from storage.exchange.openings import list_open
from storage.studies import load_study

_LOOK_EVERY: Final = 0.5  # seconds between two looks for an open study
_ASIDE: Final = 30.0  # seconds until a study that could not be worked on here is looked at again


class Standby:
    """Works on the open studies of a database (only those of `names`, if there are any), with `n_jobs` processes.

    `say` is told, in a line each time, what it joins, leaves and cannot work on.
    """

    def __init__(self, database: Database, names: Collection[str], n_jobs: int, say: Callable[[str], None]) -> None:
        self._database = database
        self._names = names
        self._n_jobs = n_jobs
        self._say = say
        self._aside: dict[str, float] = {}  # until when, by name
        self._told: dict[str, str] = {}  # why, likewise

    def run(self, idle_exit: float = inf) -> None:
        """Work, and wait for work, until there has been none for `idle_exit` seconds.

        Raises KeyboardInterrupt after a Ctrl-C or SIGTERM, when all is saved; Unavailable when the database stays out
        of reach.
        """
        idle_since, waiting = monotonic(), False
        while monotonic() - idle_since < idle_exit:
            name = self._next()
            if name is not None:
                waiting = False
                if self._join(name):
                    idle_since = monotonic()
                continue
            if not waiting:
                self._say(f"waiting for open studies in {self._database.shown_url}")
                waiting = True
            sleep(_LOOK_EVERY)

    def _next(self) -> str | None:
        """Return the open study that needs a worker most."""
        now = monotonic()
        return next((name for name in list_open(self._database, self._names) if self._aside.get(name, 0) <= now), None)

    def _join(self, name: str) -> bool:
        """Work on a study until it is complete; return whether any work was done. Put it aside if it does not end."""
        try:
            study = Study(self._database, load_study(self._database, name))
            objective = study.objective
            self._say(f"joined {name}: {objective.source.get('shown')}")
            if study.objective_has_changed:
                self._say(f"{name}: its objective's file is another than when it began: old and new values may differ")
            before = study.overview().trials
            study.optimize(n_jobs=self._n_jobs, backend="loky")
            complete = study.is_complete
        except Unavailable:
            raise
        except HpoError as error:
            self._put_aside(name, str(error))
            return False
        if not complete:
            self._aside[name] = monotonic() + _ASIDE
        self._say(f"left {name}: {'it is complete' if complete else 'its workers were asked to leave'}")
        return complete or study.overview().trials > before

    def _put_aside(self, name: str, why: str) -> None:
        self._aside[name] = monotonic() + _ASIDE
        if self._told.get(name) != why:
            self._say(f"{name} cannot be worked on here: {why}")
            self._told[name] = why
