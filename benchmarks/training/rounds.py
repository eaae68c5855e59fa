"""Taking turns on one core: A B C A B C …, so that a noisy moment hits all alike and ratios stay true."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

TURN_SECONDS = 0.04  # the least a turn takes: long beside the clock's and the scheduler's grain


@dataclass(frozen=True, slots=True)
class Contestant:
    """A trainer; one `run` is `epochs` epochs of each of `networks` networks."""

    name: str
    run: Callable[[], object]
    networks: int = 1
    epochs: int = 1


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one epoch of one network in each round, and of all that the first run took longer than a later one."""

    rounds: tuple[float, ...]
    start_up: float

    @property
    def milliseconds(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds) * 1e3


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' own ratios, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:5.2f} ({self.low:.2f} to {self.high:.2f})"


def take_turns(contestants: Sequence[Contestant], rounds: int) -> dict[str, Times]:
    """Let each contestant warm up, and then all of them take turns; return their times by name."""
    first = {one.name: _seconds(one, 1) for one in contestants}
    second = {one.name: _seconds(one, 1) for one in contestants}
    turns = {name: max(1, ceil(TURN_SECONDS / seconds)) for name, seconds in second.items()}
    measured: dict[str, list[float]] = {one.name: [] for one in contestants}
    for _ in range(rounds):
        for one in contestants:
            seconds = _seconds(one, turns[one.name])
            measured[one.name].append(seconds / (turns[one.name] * one.epochs * one.networks))
    return {name: Times(tuple(times), max(0.0, first[name] - second[name])) for name, times in measured.items()}


def ratio(numerator: Times, denominator: Times, scale: float = 1.0) -> Ratio:
    """Return `scale` times the numerator by the denominator, round by round."""
    ratios = [scale * over / under for over, under in zip(numerator.rounds, denominator.rounds, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def _seconds(one: Contestant, runs: int) -> float:
    began = time.perf_counter()
    for _ in range(runs):
        one.run()
    return time.perf_counter() - began
