"""Synchronous brackets: what successive halving and its kin have in common.

The trials of a bracket are trained to the first rung, the best of them to the next, and so on. Nobody is promoted
before the whole rung has arrived, so that neither the number of workers nor their speed changes the outcome.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from strategies.base import DONE, WAIT, Decision, Resume, Start, Stop
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import History, Trial


@dataclass(frozen=True, slots=True)
class Bracket:
    """`size` trials enter; one in `eta` of a rung is promoted; `rungs` are epochs, rising strictly to `max_epochs`."""

    size: int
    rungs: tuple[int, ...]
    eta: int


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


def decide(history: "History", bracket: Callable[[int], Bracket]) -> Decision:
    """Return the next decision where `bracket(b)` is the shape of bracket b = 0, 1, 2…, whose trials are consecutive.

    The oldest bracket that can decide comes first; while all wait for running trials, another trial starts in the
    newest bracket, or in a new one when the newest is closed: full, or with its first promotion made. Under a budget
    brackets run strictly one after another, so that the budget always cuts the same search.

    Costs time in proportion to the open brackets and the newest, whatever the length of the history.
    """
    newest = _around(len(history.trials) - 1, history.trials) if history.trials else ()
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
    reason = {"rung": 0, "epochs": bracket.rungs[0], "place": place, "of": bracket.size}
    return Start(bracket.rungs[0], number, reason=reason)


def _interrupted(members: Sequence["Trial"], bracket: Bracket) -> Resume | None:
    """Return Resume for the first trial whose job was cut short before its rung's epochs, or whose rung has risen."""
    for trial in members:
        rung = _rung(trial, bracket)
        if trial.state is State.PAUSED and trial.epochs < bracket.rungs[rung]:
            reason = {"rung": rung, "epochs": bracket.rungs[rung], "interrupted_at": trial.epochs}
            return Resume(trial.number, bracket.rungs[rung], rung, reason)
    return None


def _settle(members: Sequence["Trial"], bracket: Bracket) -> Resume | Stop | None:
    """Return the next decision of the lowest rung with open trials: promotions from the best down, then the stops.

    None while one of its trials is running, and in the last rung. Promotions come first so that the others see by the
    promoted trials' rung how many places are taken, whatever has befallen those since.
    """
    rung = min(_rung(trial, bracket) for trial in members if not trial.state.ended)
    arrived = [trial for trial in members if _rung(trial, bracket) >= rung]
    promoted = [trial for trial in arrived if _rung(trial, bracket) > rung]
    here = [trial for trial in arrived if _rung(trial, bracket) == rung]
    if rung == len(bracket.rungs) - 1 or _any_running(here):
        return None
    epochs = bracket.rungs[rung]
    here.sort(key=lambda trial: (trial.value_at(epochs), trial.number))
    able = [trial for trial in here if trial.state is State.PAUSED]
    places = max(1, len(arrived) // bracket.eta)
    winners = promoted + able[: max(0, places - len(promoted))]
    cut_off = max(_value_then(trial, epochs) for trial in winners)
    reason = {
        "rung": rung,
        "epochs": epochs,
        "rank": len(promoted) + here.index(able[0]) + 1,
        "of": len(arrived),
        "promoted": len(winners),
        "cut_off": cut_off if isfinite(cut_off) else None,
    }
    if len(promoted) < places:
        return Resume(able[0].number, bracket.rungs[rung + 1], rung + 1, reason)
    return Stop(able[0].number, reason)


def _grows(members: Sequence["Trial"], bracket: Bracket) -> bool:
    return len(members) < bracket.size and all(_rung(trial, bracket) == 0 for trial in members)


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
    """Return the trials of the bracket of trial `number`."""
    bracket, first, last = trials[number].bracket, number, number
    while first > 0 and trials[first - 1].bracket == bracket:
        first -= 1
    while last + 1 < len(trials) and trials[last + 1].bracket == bracket:
        last += 1
    return trials[first : last + 1]
