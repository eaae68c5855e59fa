"""Where all trials stand in rungs that nobody waits for: the rankings that asynchronous schedulers decide by.

A ranking over thousands of trials is not made anew for each decision. The standings of the last history are kept, and
what differs in the next one is corrected; so they are right for any history, and quick for the one that follows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import chain, zip_longest
from math import inf
from typing import TYPE_CHECKING, Any, Final

from strategies.following import Kept, amend
from strategies.pages import SIZE, Page, differences, pages_of
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.trial import History, Trial

Entry = tuple[float, int]
"""A value at a rung, and the number of the trial that has it."""
Amendment = Callable[[list[Any], Any, int], None]
"""Puts an entry into some (1), or takes it out (-1)."""


class Standings:
    """Rungs 0 … K of `levels` epochs, and the trials in them.

    A trial has arrived at a rung when it has been trained for so long, or when it ended on the way, which counts as
    infinity. Whatever befalls it later, its entry stays, unless it is discarded.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        self.levels = levels
        self.rankings: list[list[Entry]] = [[] for _ in levels]
        """By rung, all that have arrived, from the best; ties by number."""
        self.waiting: list[list[Entry]] = [[] for _ in levels]
        """By rung, those of them that are paused there, from the best."""
        self.interrupted: list[int] = []
        """The paused trials short of their rung's epochs, by number."""
        self.running = 0
        """How many trials are running."""
        self.drawn: dict[int, Any] = {}
        """By rung, what a scheduler has drawn from its curves; dropped when one is another than before."""
        self._pages: Sequence[Page] = ()

    def curve(self, number: int) -> tuple[float, ...]:
        """Return the learning curve of a trial."""
        return self._pages[number // SIZE][number % SIZE].curve

    def rung(self, trial: "Trial") -> int:
        """Return the rung of the trial's last job, or a higher one that it has reached since the horizon changed."""
        return min(max(trial.rung, bisect_right(self.levels, trial.epochs) - 1), len(self.levels) - 1)

    def place(self, rung: int, entry: Entry) -> int:
        """Return the place 0, 1… of an entry in its rung's ranking."""
        return bisect_left(self.rankings[rung], entry)

    def update(self, trials: "Sequence[Trial]") -> None:
        """Make these the trials whose standings are told."""
        now = pages_of(trials)
        if self._pages:
            self._correct(now)
        else:
            self._begin(now)
        self._pages = now

    def _begin(self, pages: "Sequence[Page]") -> None:
        """Take in all trials: sorting them at once is quicker than one by one."""
        for trial in chain.from_iterable(pages):
            self._place(trial, 1, _append)
            for entries, value in zip(self.rankings, self._values(trial), strict=False):
                if value is not None:
                    entries.append((value, trial.number))
        for entries in (*self.rankings, *self.waiting):
            entries.sort()

    def _correct(self, pages: "Sequence[Page]") -> None:
        """Put trials in the place of what they were."""
        for number, before, after in differences(self._pages, pages):
            self._place(before, -1, amend)
            self._place(after, 1, amend)
            self._rank(number, self._values(before), self._values(after))
            if before and after and after.curve[: before.epochs] != before.curve:
                self.drawn.clear()  # the same values at the rungs perhaps, but another curve

    def _place(self, trial: "Trial | None", change: int, put: "Amendment") -> None:
        """Put a trial among those that may be acted upon (1), or take it out (-1)."""
        if trial is None or trial.state.ended:
            return
        rung = self.rung(trial)
        if trial.state is State.RUNNING:
            self.running += change
        elif trial.epochs < self.levels[rung]:
            put(self.interrupted, trial.number, change)
        else:
            put(self.waiting[rung], (trial.curve[self.levels[rung] - 1], trial.number), change)

    def _rank(self, number: int, old: "Sequence[float | None]", new: "Sequence[float | None]") -> None:
        """Correct the rankings where trial `number` has another value than before."""
        for rung, (was, now) in enumerate(zip_longest(old, new)):
            if was == now:
                continue
            if was is not None:
                amend(self.rankings[rung], (was, number), -1)
            if now is not None:
                amend(self.rankings[rung], (now, number), 1)

    def _values(self, trial: "Trial | None") -> list[float | None]:
        """Return by rung the value with which the trial arrived there; None where it has not."""
        if trial is None or trial.state is State.DISCARDED:
            return []
        late = inf if trial.state.ended else None
        reached = self.levels[: self.rung(trial) + 1]
        return [trial.curve[epochs - 1] if trial.epochs >= epochs else late for epochs in reached]


def _append(entries: list[Any], entry: Any, _: int) -> None:
    """Put an entry behind others, to be sorted with them."""
    entries.append(entry)


_STANDINGS: Final = Kept(Standings)


def standings(history: "History", levels: tuple[int, ...]) -> Standings:
    """Return where the trials of `history` stand in rungs of these epochs; valid until the next call."""
    return _STANDINGS.of(history, levels)
