"""The measurements: side by side with the peers, from one size to twice as many, and in a long search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import process_time
from typing import Protocol

from training.rounds import Ratio, Times, ratio

from decisions.ours import Search
from decisions.peers import Optuna, ScikitOptimize
from decisions.problem import FLOATS, MIXED, SPACES, observed
from strategies import STRATEGIES, Scheduler, Searcher, Space, StrategyError

MAX_EPOCHS = 27
PATIENCE = 20.0  # seconds
CURVE_EPOCHS = 20


class Contestant(Protocol):
    """A search under way."""

    def turn(self) -> float:
        """Decide once and tell the result; return the processor's seconds."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Ours and its peers after so many observations: seconds by round, and each peer's seconds by ours."""

    title: str
    times: Mapping[str, Times]
    ratios: Mapping[str, Ratio]


@dataclass(frozen=True, slots=True)
class Growth:
    """A strategy's milliseconds at a size and at the next one, beside what its arithmetic grows by."""

    name: str
    start: int
    stop: int
    milliseconds: tuple[float, float]
    arithmetic: float

    @property
    def time(self) -> float:
        """How many times as long."""
        return self.milliseconds[1] / self.milliseconds[0]


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions of a search that has many trials: milliseconds each, or why it could not be had."""

    name: str
    kind: str
    trials: int = 0
    median: float = 0.0
    high: float = 0.0
    """What one in twenty exceeds."""
    excuse: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A strategy that fits a model, and how its arithmetic grows with n: as n to that power, up to `most` trials."""

    name: str
    space: Space
    sizes: tuple[int, ...]
    power: float
    with_curves: bool = False
    most: int | None = None

    def begun(self, size: int) -> Search:
        """Return a search that has so many observations."""
        search = Search(self.name, self.space, CURVE_EPOCHS if self.with_curves else 1)
        (search.observe_curves if self.with_curves else search.observe)(observed(self.space, size))
        return search

    def arithmetic(self, start: int, stop: int) -> float:
        """Return by how much the arithmetic grows."""
        most = self.most or stop
        return (min(stop, most) / min(start, most)) ** self.power


SUBJECTS = (
    Subject("gp", FLOATS, (50, 100, 200, 400), 3, most=300),
    Subject("gp", MIXED, (50, 100, 200, 400), 3, most=300),
    Subject("skopt", FLOATS, (25, 50, 100), 3),
    Subject("tpe", FLOATS, (500, 1000, 2000, 4000), 1),
    Subject("tpe", MIXED, (500, 1000, 2000, 4000), 1),
    Subject("freeze-thaw", FLOATS, (20, 40, 80), 3, with_curves=True),
)
"""A process over n points factorises a matrix, n³; a Parzen estimator sums over the points, n."""


def duels(rounds: int, gp_size: int, tpe_size: int) -> list[Duel]:
    """Let ours and the peers take turns, each telling its own results, from the same observations on."""
    points = observed(FLOATS, gp_size)
    gaussian = {
        "hpo gp": _observing("gp", FLOATS, gp_size),
        "Optuna GPSampler": lambda: Optuna("GPSampler", FLOATS, points),
        "scikit-optimize GP": lambda: ScikitOptimize(FLOATS, points),
    }
    found = [_duel(f"Gaussian process, {gp_size:,} observations of 8 floats", gaussian, rounds)]
    for name, space in SPACES.items():
        parzen = {
            "hpo tpe": _observing("tpe", space, tpe_size),
            "Optuna TPESampler": lambda space=space: Optuna("TPESampler", space, observed(space, tpe_size)),
        }
        title = {"floats": "8 floats", "mixed": "4 floats, 2 integers, 2 choices"}[name]
        found.append(_duel(f"Parzen estimator, {tpe_size:,} observations of {title}", parzen, rounds))
    return found


def growth(subject: Subject, rounds: int) -> list[Growth]:
    """Return the growth from each size to the next; searches of all sizes take turns."""
    searches = {str(size): lambda size=size: subject.begun(size) for size in subject.sizes}
    times = _turns(searches, rounds)
    name = f"{subject.name}, {'floats' if subject.space is FLOATS else 'mixed'}"
    return [
        Growth(
            name,
            start,
            stop,
            (times[str(start)].milliseconds, times[str(stop)].milliseconds),
            subject.arithmetic(start, stop),
        )
        for start, stop in pairwise(subject.sizes)
    ]


def quick_components() -> list[str]:
    """Return the names of all searchers and schedulers that fit no model, and none that calls itself slow."""
    models = {subject.name for subject in SUBJECTS}
    quick = [name for name, each in STRATEGIES.items() if issubclass(each, Searcher | Scheduler) and not each.slow]
    return [name for name in quick if name not in models]


def decided(name: str, trials: int, workers: int, decisions: int) -> Decided:
    """Let a search run until it has so many trials, and time the decisions that follow.

    One that has not got there after PATIENCE is timed where it is.
    """
    kind = "searcher" if issubclass(STRATEGIES[name], Searcher) else "scheduler"
    try:
        search = Search(name, MIXED, MAX_EPOCHS, 2 * trials + decisions, workers)
        until = process_time() + PATIENCE
        while search.ledger.n_trials < trials and process_time() < until:
            search.step()
        seconds = sorted(search.step() for _ in range(decisions))
    except (StrategyError, RuntimeError) as error:
        return Decided(name, kind, excuse=str(error))
    return Decided(name, kind, search.ledger.n_trials, median(seconds) * 1e3, seconds[int(0.95 * len(seconds))] * 1e3)


def _observing(name: str, space: Space, size: int) -> Callable[[], Search]:
    def begun() -> Search:
        search = Search(name, space)
        search.observe(observed(space, size))
        return search

    return begun


def _duel(title: str, contestants: Mapping[str, Callable[[], Contestant]], rounds: int) -> Duel:
    times = _turns(contestants, rounds)
    ours, *peers = times
    return Duel(title, times, {peer: ratio(times[peer], times[ours]) for peer in peers})


def _turns(begun: Mapping[str, Callable[[], Contestant]], rounds: int) -> dict[str, Times]:
    """Let all warm up by one decision, and then take turns."""
    running = {name: begin() for name, begin in begun.items()}
    first = {name: search.turn() for name, search in running.items()}
    seconds: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, search in running.items():
            seconds[name].append(search.turn())
    return {name: Times(tuple(each), max(0.0, first[name] - min(each))) for name, each in seconds.items()}
