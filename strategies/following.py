"""What is kept of a history from one decision to the next, and corrected where trials have changed since.

What a follower says is a function of the trials alone: asked about any histories in any order, it says what a new one
would. Only the time that takes follows from what has changed, and not from the length of the history.
"""

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, MutableSequence, Sequence
from itertools import zip_longest
from threading import local
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from strategies.pages import Page, differences, pages_of

if TYPE_CHECKING:
    from strategies.trial import History, Trial

Change = tuple["Trial | None", "Trial | None"]
"""A trial as it was and as it is now; None where there is none."""

_KEPT: Final = 4


class Follows(Protocol):
    """Whatever can be told which trials it is to speak of."""

    def update(self, trials: "Sequence[Trial]") -> None:
        """Make these the trials."""


F = TypeVar("F", bound=Follows)


class Kept(Generic[F]):
    """The last `most` followers that were asked for, by study and settings; each thread has its own."""

    def __init__(self, begin: Callable[..., F], most: int = _KEPT) -> None:
        self._begin = begin
        self._most = most
        self._memory = local()  # several threads may decide at once

    def of(self, history: "History", *settings: Hashable, trials: "Sequence[Trial] | None" = None) -> F:
        """Return `begin(*settings)` told of the history's trials, or of `trials` of them; valid until the next call."""
        kept: dict[Hashable, F] = self._memory.__dict__.setdefault("kept", {})
        key = (
            id(history.space),
            *settings,
        )  # tells studies apart; should it mistake one for another, only time is lost
        found = kept.pop(key, None) or self._begin(*settings)  # not kept should it fail half-way
        found.update(history.trials if trials is None else trials)
        kept[key] = found
        if len(kept) > self._most:
            del kept[next(iter(kept))]
        return found


class Follower(ABC):
    """Something that is corrected trial by trial."""

    def __init__(self) -> None:
        self._pages: Sequence[Page] = ()

    def update(self, trials: "Sequence[Trial]") -> None:
        """Make these the trials."""
        now = pages_of(trials)
        changes = [(old, new) for _, old, new in differences(self._pages, now)] if self._pages else None
        if changes is None or 2 * len(changes) > len(trials):
            self._begin(trials)
        else:
            self._correct(changes)
        self._pages = now

    @abstractmethod
    def _begin(self, trials: "Iterable[Trial]") -> None:
        """Take in these trials, and forget all others."""

    @abstractmethod
    def _correct(self, changes: "Iterable[Change]") -> None:
        """Put new trials in the place of old ones."""


class Ranking(Follower):
    """What `tell` says of each trial, in rising order; nothing of trials of which it says None.

    `tell` may say anything that has an order. `hold` makes the sequence: a list, or an array that takes less memory.
    """

    def __init__(
        self,
        tell: "Callable[[Trial], Any]",
        hold: Callable[[list[Any]], MutableSequence[Any]] = list,
    ) -> None:
        super().__init__()
        self.entries: MutableSequence[Any] = hold([])
        self._tell = tell
        self._hold = hold

    def span(self, first: int) -> range:
        """Return the places of the entries that begin with `first`, where all are tuples that begin with integers."""
        return range(bisect_left(self.entries, (first,)), bisect_left(self.entries, (first + 1,)))

    def _begin(self, trials: "Iterable[Trial]") -> None:  # sorting all at once is quicker than one by one
        self.entries = self._hold(sorted(told for trial in trials if (told := self._tell(trial)) is not None))

    def _correct(self, changes: "Iterable[Change]") -> None:
        for pair in changes:
            was, told = (None if trial is None else self._tell(trial) for trial in pair)
            if was == told:
                continue
            if was is not None:
                amend(self.entries, was, -1)
            if told is not None:
                amend(self.entries, told, 1)


class Columns(Follower):
    """What `tell` says of each trial, some numbers: all first ones in rising order, all second ones, and so on."""

    def __init__(self, tell: "Callable[[Trial], Sequence[float]]") -> None:
        super().__init__()
        self._tell = tell
        self._columns: list[array[float]] = []

    def entries(self, place: int) -> Sequence[float]:
        """Return what was said in this place, rising; nothing where no trial says so much."""
        return self._columns[place] if place < len(self._columns) else ()

    def _begin(self, trials: "Iterable[Trial]") -> None:
        columns = zip_longest(*filter(len, map(self._tell, trials)))
        self._columns = [array("d", sorted(number for number in each if number is not None)) for each in columns]

    def _correct(self, changes: "Iterable[Change]") -> None:
        for pair in changes:
            for trial, change in zip(pair, (-1, 1), strict=True):
                for place, number in enumerate(() if trial is None else self._tell(trial)):
                    if place == len(self._columns):
                        self._columns.append(array("d"))
                    amend(self._columns[place], number, change)


def amend(entries: MutableSequence[Any], entry: Any, change: int) -> None:
    """Put an entry into rising ones (1), or take it out (-1)."""
    if change > 0:
        insort(entries, entry)
    else:
        del entries[bisect_left(entries, entry)]


class Sum(Follower):
    """The sum of what `tell` says of each trial: whole numbers, so that their order does not matter."""

    def __init__(self, tell: "Callable[[Trial], int]") -> None:
        super().__init__()
        self.total = 0
        self._tell = tell

    def _begin(self, trials: "Iterable[Trial]") -> None:
        self.total = sum(map(self._tell, trials))

    def _correct(self, changes: "Iterable[Change]") -> None:
        for old, new in changes:
            self.total += (new is not None and self._tell(new)) - (old is not None and self._tell(old))
