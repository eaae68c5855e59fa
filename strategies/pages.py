"""The trials of a history in pages, so that a history that differs little from the last one costs little.

A page is a tuple that is replaced where a trial in it changes, never changed in place. Histories share the pages that
are alike in both, and whoever keeps something for each trial need only look into those that are other objects than
before: that takes time in proportion to what has happened, not to the length of the history.
"""

from collections.abc import Iterator, Mapping, Sequence, ValuesView
from itertools import chain, compress, count, zip_longest
from operator import attrgetter, is_not
from typing import Final, overload

from strategies.trial import Trial

Page = tuple[Trial, ...]

SIZE: Final = 256
"""Trials of a page; only the last may have fewer."""


def pages_of(trials: Sequence[Trial]) -> Sequence[Page]:
    """Return the pages of these trials: those they are kept in, or for any other sequence new ones."""
    if isinstance(trials, Pages):
        return trials.pages
    return [tuple(trials[first : first + SIZE]) for first in range(0, len(trials), SIZE)]


def differing(before: Sequence[Page], after: Sequence[Page]) -> Iterator[int]:
    """Yield the places of the pages that are not the same objects in both, or in one of them only; rising."""
    return chain(
        compress(count(), map(is_not, before, after)),
        range(*sorted((len(before), len(after)))),
    )


def differences(before: Sequence[Page], after: Sequence[Page]) -> Iterator[tuple[int, Trial | None, Trial | None]]:
    """Yield place, old and new of the trials that differ, whatever pages they are on; None where there is none."""
    for index in differing(before, after):
        old, new = page_at(before, index), page_at(after, index)
        if old != new:  # at the speed of memory, as most are the very same objects
            pairs = enumerate(zip_longest(old, new), index * SIZE)
            yield from ((place, a, b) for place, (a, b) in pairs if a is not b and a != b)


def first_of(trials: Sequence[Trial], number: int) -> Sequence[Trial]:
    """Return so many of the trials, the first ones, on the pages that they are kept in."""
    return trials.first(number) if isinstance(trials, Pages) else trials[:number]


def page_at(pages: Sequence[Page], index: int) -> Page:
    """Return a page; an empty one beyond the last."""
    return pages[index] if index < len(pages) else ()


class Pages(Sequence[Trial]):
    """Trials by number. Immutable; a slice is a list. Equal to pages, a list or a tuple of equal trials."""

    __slots__ = ("_marks", "pages")
    __hash__ = None  # type: ignore[assignment]  # as it equals lists

    def __init__(self, pages: Sequence[Page] = (), marks: Mapping[int, bytes] | None = None) -> None:
        """Begin without trials; only `put` and `first` know what to hand over."""
        self.pages = pages
        self._marks = marks or {}  # by page with an open trial: a byte for each trial, 1 for the open ones

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Pages":
        """Return the pages of trials that are in the order of their numbers 0, 1, 2 …."""
        pages = pages_of(trials)
        marks = {index: bytes(not trial.state.ended for trial in page) for index, page in enumerate(pages)}
        return cls(pages, {index: each for index, each in marks.items() if 1 in each})

    @property
    def open(self) -> "Open":
        """The trials that are running or paused."""
        return Open(self.pages, self._marks)

    def put(self, *trials: Trial) -> "Pages":
        """Return these pages with each of `trials` in its number's place; a new one has the next number."""
        pages, marks = list(self.pages), dict(self._marks)
        fresh: dict[int, list[Trial]] = {}
        for trial in trials:
            index, place = divmod(trial.number, SIZE)
            page = fresh.get(index)
            if page is None:
                page = fresh[index] = list(page_at(pages, index))
            page[place : place + 1] = [trial]
            _mark(marks, index, place, not trial.state.ended)
        for index, page in fresh.items():
            pages[index : index + 1] = [tuple(page)]
        return Pages(pages, marks)

    def first(self, number: int) -> "Pages":
        """Return so many of the trials, the first ones: all if there are not more."""
        if number >= len(self):
            return self
        whole, rest = divmod(number, SIZE)
        pages, marks = list(self.pages[:whole]), dict(self._marks)
        for index in range(whole, len(self.pages)):
            marks.pop(index, None)
        if rest:
            pages.append(self.pages[whole][:rest])
            if 1 in (left := self._marks.get(whole, b"")[:rest]):
                marks[whole] = left
        return Pages(pages, marks)

    def __len__(self) -> int:
        return SIZE * (len(self.pages) - 1) + len(self.pages[-1]) if self.pages else 0

    def __iter__(self) -> Iterator[Trial]:
        return chain.from_iterable(self.pages)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        if not isinstance(index, slice):
            if index < 0:
                index = range(len(self))[index]
            return self.pages[index // SIZE][index % SIZE]
        first, last, step = index.indices(len(self))
        if step != 1:
            return list(self)[index]
        page = first // SIZE
        around = self.pages[page : -(-last // SIZE)]
        trials = around[0] if len(around) == 1 else tuple(chain.from_iterable(around))
        return list(trials[first - page * SIZE : max(0, last - page * SIZE)])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pages | list | tuple):
            return list(self) == list(other)
        return NotImplemented

    def __repr__(self) -> str:
        return repr(list(self))


class Open(Mapping[int, Trial]):
    """The open trials of some pages, by number in rising order; walking them reads no page that has none."""

    __slots__ = ("_marks", "_pages")

    def __init__(self, pages: Sequence[Page], marks: Mapping[int, bytes]) -> None:
        self._pages = pages
        self._marks = marks

    def __getitem__(self, number: int) -> Trial:
        index, place = divmod(number, SIZE)
        if not self._marks.get(index, b"")[place : place + 1].strip(b"\0"):
            raise KeyError(number)
        return self._pages[index][place]

    def __len__(self) -> int:
        return sum(marks.count(1) for marks in self._marks.values())

    def __iter__(self) -> Iterator[int]:
        return map(attrgetter("number"), self.walk())

    def values(self) -> "ValuesView[Trial]":
        return _OpenTrials(self)

    def walk(self) -> Iterator[Trial]:
        """Yield the trials, by number."""
        return chain.from_iterable(compress(self._pages[index], marks) for index, marks in sorted(self._marks.items()))


class _OpenTrials(ValuesView[Trial]):
    """Their values, walked without a look-up for each."""

    def __init__(self, trials: Open) -> None:
        super().__init__(trials)
        self._trials = trials

    def __iter__(self) -> Iterator[Trial]:
        return self._trials.walk()


def _mark(marks: dict[int, bytes], index: int, place: int, is_open: bool) -> None:  # noqa: FBT001 - it is the mark
    """Mark a trial of page `index` as open or not; a page without an open trial has no marks."""
    old = marks.get(index, b"").ljust(place + 1, b"\0")
    if old[place] != is_open:
        marks[index] = old[:place] + bytes((is_open,)) + old[place + 1 :]
        if 1 not in marks[index]:
            del marks[index]
