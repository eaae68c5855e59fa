"""ASHA (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar, MLSys 2020)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import DONE, WAIT, Decision, Reason, Resume, Scheduler, Start, Stop
from strategies.errors import StrategyError
from strategies.schedulers.brackets import interrupted, placed, rungs
from strategies.schedulers.standings import Standings, standings
from strategies.settings import require_integer

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History

VARIANTS = ("promotion", "stopping")


@dataclass(frozen=True)
class ASHA(Scheduler):
    """Successive halving that never waits: a rung is judged by those that have arrived, whoever may follow.

    With variant "promotion" every trial pauses at each rung; whenever a trial is among the best n // eta of the n in
    its rung, it is promoted, from the highest rung first, and else another trial starts (algorithm 2 of the paper).
    With variant "stopping" a trial is judged once, as it arrives: it goes on if it is among the best n // eta, or if
    there are fewer than eta, and else ends.

    When no trial may start any more and none is running, the best of each rung goes on even where n < eta, so that the
    best trial trains in full, and the others are stopped.
    """

    summary: ClassVar[str] = "Successive halving that never waits: made for many workers."
    adaptive: ClassVar[bool] = True
    numpy_only: ClassVar[bool] = True
    resumes: ClassVar[bool] = True

    eta: int = 3
    min_epochs: int = 1
    variant: str = "promotion"

    def __post_init__(self) -> None:
        require_integer(self, "eta", at_least=2)
        require_integer(self, "min_epochs", at_least=1)
        if self.variant not in VARIANTS:
            raise StrategyError(f"ASHA: variant must be one of {', '.join(VARIANTS)}, not {self.variant!r}.")

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there are fewer than two rungs, and so nothing to decide."""
        check_rungs("ASHA", self.eta, self.min_epochs, max_epochs)

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the first of: Resume what was interrupted, a verdict of the highest rung that has one, Start."""
        found = standings(history, rungs(history.max_epochs, self.eta, self.min_epochs))
        return continue_interrupted(history, found) or self._verdict(found) or start_or_end(history, found, self.eta)

    def _verdict(self, found: Standings) -> Resume | Stop | None:
        return judge(found, self.eta) if self.variant == "stopping" else promote(found, self.eta, len(found.levels) - 1)


def check_rungs(name: str, eta: int, min_epochs: int, max_epochs: int) -> None:
    """Raise StrategyError when there are fewer than two rungs."""
    if max_epochs < eta * min_epochs:
        raise StrategyError(
            f"{name} with eta = {eta} and min_epochs = {min_epochs} needs max_epochs of at least {eta * min_epochs}, "
            f"not {max_epochs}: raise max_epochs, or use 'full'."
        )


def continue_interrupted(history: "History", found: Standings) -> Resume | None:
    """Return Resume for the first trial that is paused short of its rung."""
    if not found.interrupted:
        return None
    trial = history.trials[found.interrupted[0]]
    rung = found.rung(trial)
    return interrupted(trial, rung, found.levels[rung])


def promote(found: Standings, eta: int, top: int) -> Resume | None:
    """Return the promotion of the best trial that is among the best of its rung, from the highest rung below `top`."""
    for rung in reversed(range(top)):
        places = len(found.rankings[rung]) // eta
        if found.waiting[rung] and found.place(rung, found.waiting[rung][0]) < places:
            return _on(found, rung, places)
    return None


def judge(found: Standings, eta: int) -> Resume | Stop | None:
    """Return whether the best trial that has arrived at the highest rung with one goes on."""
    for rung in reversed(range(len(found.levels) - 1)):
        if found.waiting[rung]:
            arrived = len(found.rankings[rung])
            places = arrived // eta if arrived >= eta else arrived
            among = found.place(rung, found.waiting[rung][0]) < places
            return _on(found, rung, places) if among else _off(found, rung, places)
    return None


def start_or_end(history: "History", found: Standings, eta: int) -> Decision:
    """Return Start; when none may, WAIT for the running; then what becomes of those still paused; then DONE."""
    if history.may_start:
        return Start(found.levels[0], reason={"rung": 0, "epochs": found.levels[0]})
    if found.running:
        return WAIT
    for rung in reversed(range(len(found.levels) - 1)):
        if found.waiting[rung] and found.place(rung, found.waiting[rung][0]) == 0:
            return _on(found, rung, max(1, len(found.rankings[rung]) // eta))
    for rung, waiting in enumerate(found.waiting):
        if waiting:
            return _off(found, rung, max(1, len(found.rankings[rung]) // eta))
    return DONE


def _on(found: Standings, rung: int, places: int) -> Resume:
    return Resume(found.waiting[rung][0][1], found.levels[rung + 1], rung + 1, _reason(found, rung, places))


def _off(found: Standings, rung: int, places: int) -> Stop:
    return Stop(found.waiting[rung][0][1], _reason(found, rung, places))


def _reason(found: Standings, rung: int, places: int) -> Reason:
    """Return why the best of those that are paused at a rung goes on or ends there."""
    ranking, epochs = found.rankings[rung], found.levels[rung]
    place = found.place(rung, found.waiting[rung][0])
    cut_off = ranking[places - 1][0]
    return placed(ranking, place, rung=rung, epochs=epochs, promoted=places, cut_off=cut_off)
