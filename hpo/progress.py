"""A search watched while it runs: a live display on a terminal, plain lines elsewhere.

Both look at the database alone, at most four times a second and never for more than a small share of the time, with
queries that do not read the history.
"""

import os
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hpo.launch import Watcher
from hpo.pictures import draw_curves
from storage.database import Database
from storage.errors import StorageError
from storage.questions.queries import Overview, TrialRecord, list_trials, overview, read_curves
from storage.studies import StudyRecord, reload_study
from strategies import State

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at the database, at least."""
PICTURE_EVERY: Final = 1.0
"""Seconds between two pictures of the best learning curves."""
LINE_EVERY: Final = 5.0
"""Seconds between two plain lines; a better value is told sooner, yet not within one second of the last line."""
QUIET_EVERY: Final = 60.0
"""Seconds between two plain lines while nothing changes."""

_REST: Final = 20  # a look that took t seconds is followed by a pause of at least 20 t
_BETTER_EVERY: Final = 1.0
_CURVES: Final = 5
_AROUND_PICTURE: Final = 6  # rows of a terminal that are for other things

Clock = Callable[[], float]


class Progress(Watcher):
    """Looks at a study now and then, and shows it; a context manager, so that the last state is shown at the end."""

    def __init__(self, database: Database, study: StudyRecord, console: Console, clock: Clock = monotonic) -> None:
        self._database = database
        self._study = study
        self._console = console
        self._clock = clock
        self._began = self._next = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self._look(last=True)

    def update(self) -> None:
        """Look, if it is time to."""
        if self._clock() >= self._next:
            self._look()

    def interrupted(self) -> None:
        """Say that the workers are on their way out."""
        self._console.print("finishing the running epochs … Ctrl-C again ends at once")

    @abstractmethod
    def _show(self, seen: Overview, seconds: float, *, last: bool) -> None:
        """Show what was seen `seconds` after the beginning; `last`: for the last time."""

    def _look(self, *, last: bool = False) -> None:
        began = self._clock()
        with suppress(StorageError):  # who only looks on must not end the search
            self._study = reload_study(self._database, self._study)  # somebody may have set it another target
            self._show(overview(self._database, self._study), began - self._began, last=last)
        self._next = began + max(LOOK_EVERY, _REST * (self._clock() - began))


class LineProgress(Progress):
    """Plain lines, for pipes, logs and terminals that cannot move their cursor."""

    def __init__(self, database: Database, study: StudyRecord, console: Console, clock: Clock = monotonic) -> None:
        super().__init__(database, study, console, clock)
        self._said_at = -QUIET_EVERY
        self._said: tuple[float | None, int] = (None, -1)

    def _show(self, seen: Overview, seconds: float, *, last: bool) -> None:
        state = (None if seen.best is None else seen.best.value, seen.epochs)
        pause = QUIET_EVERY if state == self._said else LINE_EVERY if state[0] == self._said[0] else _BETTER_EVERY
        if seconds - self._said_at >= pause or (last and state != self._said):
            self._said_at, self._said = seconds, state
            self._console.print(f"{clock_time(seconds)}  {_counts(seen, self._study)}; {_best(seen.best, self._study)}")


class LiveProgress(Progress):
    """A display that stays in its place: counts, the best trial, and the best curves as a picture."""

    def __init__(self, database: Database, study: StudyRecord, console: Console, clock: Clock = monotonic) -> None:
        super().__init__(database, study, console, clock)
        self._live = Live(console=console, auto_refresh=False)
        self._leaving = False
        self._picture: Text | None = None
        self._picture_at = -PICTURE_EVERY

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._live.stop()

    def interrupted(self) -> None:
        """Say that the workers are on their way out; no more pictures, so that a second Ctrl-C meets simple code."""
        super().interrupted()
        self._leaving = True

    def _show(self, seen: Overview, seconds: float, *, last: bool) -> None:
        if not self._leaving and (last or seconds - self._picture_at >= PICTURE_EVERY):
            self._picture_at = seconds
            self._picture = self._draw()
        lines = [Text(_counts(seen, self._study)), Text(_best(seen.best, self._study)), self._picture or Text()]
        self._live.update(Group(self._bar(seen, seconds), *lines), refresh=True)

    def _bar(self, seen: Overview, seconds: float) -> RenderableType:
        done = _share_done(seen, self._study)
        if done is None:
            return Text(clock_time(seconds))
        bar = ProgressBar(total=1.0, completed=done, width=max(10, min(50, self._console.width - 20)))
        line = Table.grid(padding=(0, 1))
        line.add_row(bar, f"{done:.0%}", clock_time(seconds))
        return line

    def _draw(self) -> Text | None:
        columns, rows = self._console.width - 1, self._console.height - _AROUND_PICTURE
        return best_picture(self._database, self._study, columns, rows)


def progress_on(console: Console, database: Database, study: StudyRecord) -> Progress:
    """Return the display that suits where `console` writes."""
    moves = console.file.isatty() and not console.is_dumb_terminal and not os.environ.get("CI")
    return (LiveProgress if moves else LineProgress)(database, study, console)


def best_picture(database: Database, study: StudyRecord, columns: int, rows: int, trials: int = _CURVES) -> Text | None:
    """Return the learning curves of the best trials as a picture, at most `columns` wide and `rows` high."""
    if study.spec.targets.max_epochs == 1:
        return None
    best = [trial.number for trial in list_trials(database, study, best_first=True, limit=trials)]
    points = read_curves(database, study, best)
    curves = {number: [point[:2] for point in points[number]] for number in best if number in points}
    return draw_curves(curves, title=study.spec.metric, columns=columns, rows=rows)


def clock_time(seconds: float) -> str:
    """Return a duration like 0:01:30."""
    return str(timedelta(seconds=int(seconds)))


def states_in_words(seen: Overview) -> str:
    """Return how many trials are in which state, like "3 running, 30 complete"."""
    return ", ".join(f"{seen.states[state]:,} {state}" for state in State if seen.states.get(state))


def _counts(seen: Overview, study: StudyRecord) -> str:
    target = study.spec.targets.n_trials
    trials = f"{seen.trials:,} trials" if target is None else f"{seen.trials:,} of {target:,} trials"
    states = states_in_words(seen)
    return f"{trials}{f' ({states})' if states else ''}, {seen.epochs:,} epochs"


def _best(best: TrialRecord | None, study: StudyRecord) -> str:
    if best is None:
        return f"no {study.spec.metric} yet"
    return f"best {study.spec.metric} {best.value:.6g} (trial {best.number})"


def _share_done(seen: Overview, study: StudyRecord) -> float | None:
    """Return how much of what bounds the study is used up, from 0 to 1; None when nothing does."""
    targets = study.spec.targets
    ended = sum(count for state, count in seen.states.items() if state.ended)
    shares = [part / whole for part, whole in ((ended, targets.n_trials), (seen.epochs, targets.budget)) if whole]
    return min(max(shares), 1.0) if shares else None
