"""A whole training: epoch by epoch to its end, with early stopping, from one start or from several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, nan
from typing import Any

import numpy as np

from network.architecture import Architecture
from network.arrays import Array
from network.data import TrainingData
from network.errors import check_range, check_whole
from network.group import Epoch
from network.member import Member
from network.topology import loss_of
from network.training import Training

OnEpoch = Callable[[int, Epoch], object]
"""Called after each epoch of each member that is still training: its number, from 0, and what the epoch did to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What came of one member.

    `epochs` are all that it trained. With validation data, `weights` are those after the `best_epoch` (counted from 1)
    and `value` is the monitored metric then; without, the last epoch counts as the best, and `value` is its training
    loss. Where no epoch had a finite value, `best_epoch` is 0, `value` NaN, and the weights are of no use. `diverged`:
    the last epoch left something that is NaN or infinite. `state` is what `Training.restore` needs to go on after the
    last epoch.
    """

    weights: list[tuple[Array, ...]]
    epochs: tuple[Epoch, ...]
    best_epoch: int
    value: float
    diverged: bool
    seed: int
    state: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """What came of several starts: the `best` of them, and the `values` of all, in their order.

    The value of a start that diverged is NaN; it takes no part in the spread. With none left the spread is NaN.
    """

    best: Fitted
    values: tuple[float, ...]

    @property
    def diverged(self) -> int:
        """How many starts diverged."""
        return len(self.values) - len(self._sound)

    @property
    def minimum(self) -> float:
        return min(self._sound, default=nan)

    @property
    def median(self) -> float:
        return float(np.median(self._sound)) if self._sound else nan

    @property
    def maximum(self) -> float:
        return max(self._sound, default=nan)

    @property
    def deviation(self) -> float:
        """The standard deviation of these starts, √(Σ (value - mean)² / starts)."""
        return float(np.std(self._sound)) if self._sound else nan

    @property
    def _sound(self) -> list[float]:
        return [value for value in self.values if np.isfinite(value)]


def fit(
    architecture: Architecture,
    members: Sequence[Member],
    data: TrainingData,
    *,
    epochs: int,
    monitor: str = "loss",
    patience: int | None = None,
    tolerance: float = 0.0,
    on_epoch: OnEpoch | None = None,
) -> list[Fitted]:
    """Train a stack for up to `epochs` epochs; return one result for each member, in their order.

    With `patience`, a member leaves the stack when so many epochs in a row have not improved, by more than `tolerance`,
    on its best value before: of the monitored metric of the validation data, or without these of the training loss
    (early stopping: Prechelt, "Early stopping - but when?", 1998). A diverged member leaves at once. Neither changes,
    in any bit, what becomes of the others. Raises NetworkError as `Training` does, and on settings out of range.
    """
    check_whole("epochs", epochs, 1)
    if patience is not None:
        check_whole("patience", patience, 1)
    check_range("tolerance", tolerance, 0, inf)
    training = Training(architecture, members, data, monitor)
    towards = _towards(architecture, data, monitor)
    racing = [_Run(number, member.seed) for number, member in enumerate(members)]
    fitted: dict[int, Fitted] = {}
    for _ in range(epochs):
        for run, epoch in zip(racing, training.train_epoch(), strict=True):
            run.observe(epoch, towards * epoch.metrics.get(monitor, epoch.loss), tolerance)
            if on_epoch is not None:
                on_epoch(run.number, epoch)
        for place in reversed(range(len(racing))):
            if racing[place].over(patience):
                run = racing.pop(place)
                fitted[run.number] = _concluded(run, training, place)
                training.drop(place)
        if not racing:
            break
    fitted |= {run.number: _concluded(run, training, place) for place, run in enumerate(racing)}
    return [fitted[number] for number in range(len(members))]


def multi_start(
    architecture: Architecture,
    member: Member,
    data: TrainingData,
    *,
    starts: int,
    epochs: int,
    monitor: str = "loss",
    patience: int | None = None,
    tolerance: float = 0.0,
    on_epoch: OnEpoch | None = None,
) -> Starts:
    """Train one setting from several random starts, as one stack; return the best, and how far they spread.

    The loss of a network with hidden layers has local optima and plateaus. Descent ends in the one below its start, so
    the start matters, and one run says little about a setting: the spread tells how little. A start is the initial
    weights, the order of the data, and the noise of dropout. The first has the seed of `member`, the others those of
    `seeds_of_starts`; so the results of `starts=3` are among those of `starts=10`.

    Best is the best value by the monitored metric's direction, the earlier of equals; a start that diverged is best
    only when all did. Everything else is as in `fit`.
    """
    check_whole("starts", starts, 1)
    members = [replace(member, seed=seed) for seed in seeds_of_starts(member.seed, starts)]
    fitted = fit(
        architecture,
        members,
        data,
        epochs=epochs,
        monitor=monitor,
        patience=patience,
        tolerance=tolerance,
        on_epoch=on_epoch,
    )
    towards = _towards(architecture, data, monitor)
    best = min(fitted, key=lambda one: inf if one.diverged else towards * one.value)
    return Starts(best, tuple(nan if one.diverged else one.value for one in fitted))


def seeds_of_starts(seed: int, starts: int) -> list[int]:
    """Return the starts' seeds: `seed` itself, then the first 64-bit word of SeedSequence([seed, start])."""
    derived = [np.random.SeedSequence([seed, start]).generate_state(1, np.uint64)[0] for start in range(1, starts)]
    return [seed, *map(int, derived)]


class _Run:
    """One member's way so far; values are "lower is better"."""

    def __init__(self, number: int, seed: int) -> None:
        self.number, self.seed = number, seed
        self.epochs: list[Epoch] = []
        self._best, self._waited = inf, 0

    def observe(self, epoch: Epoch, value: float, tolerance: float) -> None:
        self.epochs.append(epoch)
        self._waited = 0 if value < self._best - tolerance else self._waited + 1
        self._best = min(self._best, value)

    def over(self, patience: int | None) -> bool:
        return self.epochs[-1].diverged or (patience is not None and self._waited >= patience)


def _concluded(run: _Run, training: Training, place: int) -> Fitted:
    state, last = training.state(place), run.epochs[-1]
    best_epoch, value = state["best"]["epoch"], state["best"]["value"]
    if "parameters" not in state["best"] and not last.diverged:  # no validation data to judge by
        best_epoch, value = last.epoch, last.loss
    return Fitted(
        weights=training.weights(place),
        epochs=tuple(run.epochs),
        best_epoch=best_epoch,
        value=nan if value is None else value,
        diverged=last.diverged,
        seed=run.seed,
        state=state,
    )


def _towards(architecture: Architecture, data: TrainingData, monitor: str) -> int:
    """Return the sign that makes values "lower is better"."""
    validated = data.x_validation is not None and data.y_validation is not None
    return -1 if validated and loss_of(architecture).directions[monitor] == "maximize" else 1
