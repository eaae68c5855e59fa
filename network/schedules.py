"""Schedules: how the learning rate moves over a training.

At every step the learning rate is multiplied by a factor of the epoch, which may be fractional: step s of the S in an
epoch is at epoch `done` + s/S; and by a scale that answers to the validation values after each epoch. A schedule that
depends on the last epoch takes its number as a setting, so that where a training pauses changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from network.arrays import Array
from network.errors import NetworkError, check_range, check_whole

State = Mapping[str, Any]
"""What a schedule remembers: JSON numbers, or None, by name. A new one after every epoch; it is never changed."""


class Schedule(ABC):
    """The multiplier of a learning rate: `factors` of the epochs, times the `scale` of the state."""

    @abstractmethod
    def factors(self, epochs: Array) -> Array:
        """Return the factors, 0 to 1, at `epochs` (float64, counted from the training's start), in the same shape."""

    @abstractmethod
    def start(self) -> State:
        """Return the state before the first epoch."""

    @abstractmethod
    def observe(self, state: State, value: float) -> State:
        """Return the state after an epoch whose validation value was `value`: lower is better, and NaN no improvement.

        To be told after every epoch.
        """

    @abstractmethod
    def scale(self, state: State) -> float:
        """Return the scale, 0 to 1, of the epoch that follows this state."""


class Timetable(Schedule):
    """A schedule that follows from the epoch alone, and remembers nothing."""

    def start(self) -> State:
        return {}

    def observe(self, state: State, value: float) -> State:
        del value
        return state

    def scale(self, state: State) -> float:
        del state
        return 1.0


@dataclass(frozen=True, slots=True)
class Constant(Timetable):
    """One learning rate throughout."""

    def factors(self, epochs: Array) -> Array:
        return np.ones(epochs.shape)


@dataclass(frozen=True, slots=True)
class Step(Timetable):
    """Times `factor` after every `every` epochs, at once."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_whole("every", self.every, 1)
        check_range("factor", self.factor, 0, 1, open_low=True)

    def factors(self, epochs: Array) -> Array:
        return np.power(self.factor, np.floor_divide(epochs, self.every))


@dataclass(frozen=True, slots=True)
class Exponential(Timetable):
    """Times `factor` in each epoch, a little at every step."""

    factor: float

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 1, open_low=True)

    def factors(self, epochs: Array) -> Array:
        return np.power(self.factor, epochs)


@dataclass(frozen=True, slots=True)
class Cosine(Timetable):
    """From 1 to `floor` in `epochs` epochs, along half a cosine, and no lower (Loshchilov and Hutter, ICLR 2017).

    Without the paper's restarts. With its `floor` of 0, nothing is learned after `epochs` epochs.
    """

    epochs: float
    floor: float = 0.01

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 0, inf, open_low=True)
        check_range("floor", self.floor, 0, 1)

    def factors(self, epochs: Array) -> Array:
        share = np.minimum(epochs / self.epochs, 1)
        return self.floor + (1 - self.floor) * 0.5 * (1 + np.cos(np.pi * share))  # equation 5


@dataclass(frozen=True, slots=True)
class Plateau(Schedule):
    """Times `factor`, down to `floor`, whenever more than `patience` epochs in a row have brought no improvement.

    An improvement is a value below the best by more than `threshold` times the best's magnitude.
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 1, open_low=True)
        check_whole("patience", self.patience, 0)
        check_range("threshold", self.threshold, 0, 1)
        check_range("floor", self.floor, 0, 1)

    def factors(self, epochs: Array) -> Array:
        return np.ones(epochs.shape)

    def start(self) -> State:
        return {"best": None, "waited": 0, "scale": 1.0}

    def observe(self, state: State, value: float) -> State:
        if self._improves(value, state["best"]):
            return {"best": float(value), "waited": 0, "scale": state["scale"]}
        if state["waited"] < self.patience:
            return {"best": state["best"], "waited": state["waited"] + 1, "scale": state["scale"]}
        return {"best": state["best"], "waited": 0, "scale": max(state["scale"] * self.factor, self.floor)}

    def scale(self, state: State) -> float:
        return float(state["scale"])

    def _improves(self, value: float, best: float | None) -> bool:
        return isfinite(value) and (best is None or value < best - self.threshold * abs(best))


@dataclass(frozen=True, slots=True)
class Warmup(Schedule):
    """From `initial` linearly to 1 in `epochs` epochs; the schedule `then` starts when they are over.

    Gradual warm-up (Goyal et al., arXiv 1706.02677, 2017, section 2.2). `epochs` may be fractional. `then` counts its
    own epochs from 0, and is told of no epoch that began during the warm-up.
    """

    epochs: float
    then: Schedule = field(default_factory=Constant)
    initial: float = 0.1

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 0, inf, open_low=True)
        if not isinstance(self.then, Schedule) or isinstance(self.then, Warmup):
            raise NetworkError(
                f"then is {self.then!r}, but must be the schedule that follows the warm-up, such as Constant() or "
                "Cosine(epochs=10), and no second warm-up."
            )
        check_range("initial", self.initial, 0, 1, open_low=True)

    def factors(self, epochs: Array) -> Array:
        rise = self.initial + (1 - self.initial) * (epochs / self.epochs)
        return np.where(epochs < self.epochs, rise, self.then.factors(np.maximum(epochs - self.epochs, 0)))

    def start(self) -> State:
        return {**self.then.start(), "epochs": 0}

    def observe(self, state: State, value: float) -> State:
        over = state["epochs"] >= self.epochs
        return {**(self.then.observe(state, value) if over else state), "epochs": state["epochs"] + 1}

    def scale(self, state: State) -> float:
        return self.then.scale(state)


SCHEDULES: Final[Mapping[str, type[Schedule]]] = MappingProxyType(
    {"constant": Constant, "cosine": Cosine, "exponential": Exponential, "plateau": Plateau, "step": Step}
)
"""The schedules by name; a `Warmup` goes before any of them."""
