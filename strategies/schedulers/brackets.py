"""Synchronous brackets: what successive halving and its kin have in common.

The trials of a bracket are trained to the first rung, the best of them to the next, and so on. Nobody is promoted
before the whole rung has arrived, so that neither the number of workers nor their speed changes the outcome.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite
from operator import attrgetter
from typing import TYPE_CHECKING

from strategies.base import DONE, WAIT, Decision, Loss, Reason, Resume, Start, Stop
from strategies.trial import ELSEWHERE, State

if TYPE_CHECKING:
    from strategies.trial import History, Trial


@dataclass(frozen=True, slots=True)
class Bracket:
    """`size` trials enter; one in `eta` of a rung is promoted, or always `top`; `rungs` are epochs, rising strictly.

    Trials that have reached the last rung are complete there if it is `max_epochs`, and are stopped there if it is not.
    """

    size: int
    rungs: tuple[int, ...]
    eta: int
    top: int | None = None

    def places(self, arrived: int) -> int:
        """Return how many of those that `arrived` at a rung are promoted: at least one."""
        return max(1, arrived // self.eta) if self.top is None else self.top

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many trials train up to each rung, in a full bracket."""
        sizes = [self.size]
        for _ in self.rungs[1:]:
            sizes.append(min(self.places(sizes[-1]), sizes[-1]))
        return tuple(sizes)

    @property
    def epochs_from_scratch(self) -> int:
        """The epochs of a full bracket where every rung begins with untrained trials."""
        return sum(n * epochs for n, epochs in zip(self.sizes, self.rungs, strict=True))

    @property
    def epochs_resumed(self) -> int:
        """The epochs of a full bracket where promoted trials are trained on, as they are here."""
        gained = (after - before for before, after in pairwise((0, *self.rungs)))
        return sum(n * epochs for n, epochs in zip(self.sizes, gained, strict=True))

    def __str__(self) -> str:
        """Return the shape as the papers write it, like "9@1 3@3 1@9": trials @ epochs."""
        return " ".join(f"{n}@{epochs}" for n, epochs in zip(self.sizes, self.rungs, strict=True))


def rungs(max_epochs: int, eta: int, min_epochs: int = 1) -> tuple[int, ...]:
    """Return the epochs of the rungs: r_i = max_epochs eta^(i-s), rounded to integers; the last is `max_epochs`.

    s is the largest integer with min_epochs eta^s <= max_epochs (0 when there is none), so that no rung of several lies
    below `min_epochs`. They rise strictly: before rounding, neighbours are at least 1 apart.
    """
    s = 0
    while min_epochs * eta ** (s + 1) <= max_epochs:  # not by logarithms: in floats log(243) / log(3) is below 5
        s += 1
    shares = (eta ** (s - i) for i in range(s + 1))
    return tuple((2 * max_epochs + share) // (2 * share) for share in shares)


def placed(
    ranking: Sequence[tuple[float, int]], place: int, *, rung: int, epochs: int, promoted: int, cut_off: float
) -> Reason:
    """Return the reason of a decision on the trial at `place` = 0, 1… of a rung's ranking.

    `ranking` holds a value and a number for each trial, from the best; `cut_off` is the worst value that is promoted,
    infinity where none is.
    """
    near = sorted((abs(other - place), other) for other in range(max(0, place - 3), min(len(ranking), place + 4)))
    return {
        "rung": rung,
        "epochs": epochs,
        "rank": place + 1,
        "of": len(ranking),
        "promoted": promoted,
        "cut_off": Loss(cut_off) if isfinite(cut_off) else None,
        "rivals": [ranking[other][1] for _, other in near[1:4]],
    }


def interrupted(trial: "Trial", rung: int, until: int) -> Resume:
    """Return the decision to train a trial up to its rung, which its job did not reach or which has risen since."""
    return Resume(trial.number, until, rung, {"rung": rung, "epochs": until, "interrupted_at": trial.epochs})


def decide(history: "History", bracket: Callable[[int], Bracket]) -> Decision:
    """Return the next decision where `bracket(b)` is the shape of bracket b = 0, 1, 2…, whose trials are consecutive.

    The oldest bracket that can decide comes first; while all wait for running trials, another trial starts in the
    newest bracket, or in a new one when the newest is closed: full, or with its first promotion made. Under a budget
    brackets run strictly one after another, so that the budget always cuts the same search.

    Costs time in proportion to the open brackets and the newest, whatever the length of the history.
    """
    begun = len(history.trials) > 0 and history.trials[-1].bracket != ELSEWHERE
    newest = _around(len(history.trials) - 1, history.trials) if begun else ()
    growing = history.may_start and len(newest) > 0 and _grows(newest, bracket(newest[0].bracket))
    for members in _open_brackets(history):
        shape = bracket(members[0].bracket)
        fills = growing and members[-1] is newest[-1]
        decision = _interrupted(members, shape) or (None if fills else _settle(members, shape))
        if decision is not None:
            return decision
        if history.budget is not None and not fills and _any_running(members):
            return WAIT
    if history.may_start:
        number = (newest[-1].bracket + (not growing)) if newest else 0
        return _start(number, len(newest) + 1 if growing else 1, bracket(number))
    return WAIT if _any_running(history.open.values()) else DONE


def _start(number: int, place: int, bracket: Bracket) -> Start:
    reason = {"rung": 0, "epochs": bracket.rungs[0], "place": place, "of": bracket.size, "shape": str(bracket)}
    return Start(bracket.rungs[0], number, reason=reason)


def _interrupted(members: Sequence["Trial"], bracket: Bracket) -> Resume | None:
    """Return Resume for the first trial whose job was cut short before its rung's epochs, or whose rung has risen."""
    last = len(bracket.rungs) - 1
    for trial in members:
        rung = min(trial.rung, last)
        if trial.state is State.PAUSED and len(trial.curve) < bracket.rungs[rung]:
            return interrupted(trial, rung, bracket.rungs[rung])
    return None


def _settle(members: Sequence["Trial"], bracket: Bracket) -> Resume | Stop | None:
    """Return the next decision of the lowest rung with open trials: promotions from the best down, then the stops.

    None while one of its trials is running. Promotions come first so that the others see by the promoted trials' rung
    how many places are taken, whatever has befallen those since; but one that was discarded leaves its place.
    """
    members = [trial for trial in members if trial.state is not State.DISCARDED]
    at = [_rung(trial, bracket) for trial in members]
    rung = min(each for each, trial in zip(at, members, strict=True) if not trial.state.ended)
    here = [trial for each, trial in zip(at, members, strict=True) if each == rung]
    if _any_running(here):
        return None
    epochs = bracket.rungs[rung]
    gone = [(_value_then(trial, epochs), trial.number) for each, trial in zip(at, members, strict=True) if each > rung]
    able = sorted((trial.value_at(epochs), trial.number) for trial in here if trial.state is State.PAUSED)
    ranking = sorted(gone + [(trial.value_at(epochs), trial.number) for trial in here])
    places = bracket.places(len(ranking)) if rung < len(bracket.rungs) - 1 else 0
    winners = gone + able[: max(0, places - len(gone))]
    cut_off = max(winners)[0] if winners else inf
    told = placed(ranking, ranking.index(able[0]), rung=rung, epochs=epochs, promoted=len(winners), cut_off=cut_off)
    reason = {**told, "shape": str(bracket)}
    if len(gone) < places:
        return Resume(able[0][1], bracket.rungs[rung + 1], rung + 1, reason)
    return Stop(able[0][1], reason)


def _grows(members: Sequence["Trial"], bracket: Bracket) -> bool:
    if len(members) >= bracket.size or len(bracket.rungs) == 1:
        return len(members) < bracket.size
    return all(trial.rung == 0 and len(trial.curve) < bracket.rungs[1] for trial in members)


def _rung(trial: "Trial", bracket: Bracket) -> int:
    """Return the rung of the trial's last job, or a higher one that it has reached since `max_epochs` was changed."""
    return min(max(trial.rung, bisect_right(bracket.rungs, trial.epochs) - 1), len(bracket.rungs) - 1)


def _value_then(trial: "Trial", epochs: int) -> float:
    """Return the value after `epochs` epochs, even if the trial has failed since."""
    then = trial.curve[:epochs]
    return then[-1] if then else inf


def _any_running(trials: Iterable["Trial"]) -> bool:
    return any(trial.state is State.RUNNING for trial in trials)


def _open_brackets(history: "History") -> Iterator[Sequence["Trial"]]:
    """Yield all trials of every bracket with an open one, the oldest bracket first."""
    beyond = 0
    for number in history.open:
        if number >= beyond:
            members = _around(number, history.trials)
            beyond = members[-1].number + 1
            yield members


def _around(number: int, trials: Sequence["Trial"]) -> Sequence["Trial"]:
    """Return the trials of the bracket of trial `number`, found by halving: brackets are numbered in their order."""
    bracket = trials[number].bracket
    first = bisect_left(trials, bracket, hi=number, key=_bracket)
    return trials[first : bisect_right(trials, bracket, lo=number, key=_bracket)]


_bracket = attrgetter("bracket")
