"""What is kept of a history from one decision to the next, and corrected where trials have changed since.

What a follower says is a function of the trials alone: asked about any histories in any order, it says what a new one
would. Only the time that takes follows from what has changed, and not from the length of the history.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, MutableSequence, Sequence
from threading import local
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from strategies.pages import Page, differences, pages_of

if TYPE_CHECKING:
    from strategies.trial import History, Trial

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
        for _, before, after in differences(self._pages, now):
            if before is not None:
                self._take(before, -1)
            if after is not None:
                self._take(after, 1)
        self._pages = now

    @abstractmethod
    def _take(self, trial: "Trial", change: int) -> None:
        """Take a trial in (1) or out (-1)."""


class Ranking:
    """What `tell` says of each trial, in rising order; nothing of trials of which it says None.

    `tell` may say anything that has an order. `hold` makes the sequence: a list, or an array that takes less memory.
    """

    def __init__(
        self,
        tell: "Callable[[Trial], Any]",
        hold: Callable[[list[Any]], MutableSequence[Any]] = list,
    ) -> None:
        self.entries: MutableSequence[Any] = hold([])
        self._tell = tell
        self._hold = hold
        self._pages: Sequence[Page] = ()

    def update(self, trials: "Sequence[Trial]") -> None:
        """Make these the trials."""
        now = pages_of(trials)
        if self._pages:
            for _, before, after in differences(self._pages, now):
                was, told = (None if trial is None else self._tell(trial) for trial in (before, after))
                if was == told:
                    continue
                if was is not None:
                    del self.entries[bisect_left(self.entries, was)]
                if told is not None:
                    insort(self.entries, told)
        else:  # sorting all at once is quicker than one by one
            self.entries = self._hold(sorted(told for trial in trials if (told := self._tell(trial)) is not None))
        self._pages = now

    def group(self, first: int) -> Sequence[Any]:
        """Return the entries that begin with `first`, where entries are tuples that begin with integers."""
        return self.entries[bisect_left(self.entries, (first,)) : bisect_left(self.entries, (first + 1,))]
