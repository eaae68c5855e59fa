"""The perceptron: one threshold on a weighted sum, and the rule that learns its weights.

Weights are (1 + inputs) numbers, the first the bias: the weight of a constant input of 1. The weights of several
perceptrons on the same inputs are (units, 1 + inputs). Targets are 0 or 1, (n,) for one perceptron and (n, units) for
several, as in one-vs-rest classification. Nothing here is modified in place.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from network.arrays import Array
from network.errors import NetworkError, check_range, check_whole

AND: Final = (-1.5, 1.0, 1.0)
OR: Final = (-0.5, 1.0, 1.0)
# No perceptron computes exclusive or, but two layers do: OR of the two hidden units "x1, not x2" and "x2, not x1".
XOR_HIDDEN: Final = ((-0.5, 1.0, -1.0), (-0.5, -1.0, 1.0))
XOR_OUTPUT: Final = OR


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What `learn` has found.

    `weights` are (1 + inputs) or (units, 1 + inputs). `mistakes` counts those of each epoch: (epochs,) or (epochs,
    units). `converged`: the last epoch had none, so `linear_threshold` gives every target of positive weight.
    """

    weights: Array
    mistakes: Array
    converged: bool

    @property
    def epochs(self) -> int:
        """How many epochs were made, the last one without mistakes included."""
        return len(self.mistakes)


def scores(weights: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    """Return bias + x·w for each row of `x` (n, inputs): (n,) or (n, units). The largest names the class, one-vs-rest.

    Raises NetworkError when `x` holds anything but finite numbers, or the weights do not fit it.
    """
    rows = _rows(x)
    units = _weights(weights, rows)
    # vecdot, here and in learning: a score has the same rounding in both, so what has converged has no errors left.
    products: Array = np.vecdot(rows[:, None], np.atleast_2d(units))
    return products.reshape(len(rows), *units.shape[:-1])


def linear_threshold(weights: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    """Return g(bias + x·w), where g(z) is 1 if z >= 0 and 0 otherwise: int64, in the shape of `scores`."""
    return (scores(weights, x) >= 0).astype(np.int64)


def one_vs_rest(y: npt.ArrayLike, classes: int) -> Array:
    """Return the targets (n, classes) of a perceptron for each class: 1 where `y`, whole numbers (n,), is the class."""
    check_whole("classes", classes, 1)
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "biu" or not np.isin(labels, np.arange(classes)).all():
        raise NetworkError(
            f"y has shape {labels.shape} and dtype {labels.dtype}, but must hold one whole number from 0 to "
            f"{classes - 1} for each row, its class: encode the classes so."
        )
    targets: Array = (labels[:, None] == np.arange(classes)).astype(np.int64)
    return targets


def learn_epoch(
    weights: npt.ArrayLike,
    x: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    learning_rate: float = 1.0,
    sample_weights: npt.ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Return the weights after one epoch of the perceptron rule, and how many mistakes it met: a number, or (units,).

    The rule (Rosenblatt, Psychological Review 65, 1958) takes the rows in an order drawn from `rng`, and changes the
    weights on mistakes only: w ← w + η s (t - y) (1, x), where s is the row's weight from `sample_weights` (n,). A row
    of weight 0 is as good as absent. Raises NetworkError on what it cannot take, and when the weights overflow.
    """
    rows, goals, steps = _problem(x, targets, learning_rate, sample_weights)
    start = _weights(weights, rows)
    if start.shape[:-1] != goals.shape[1:]:
        raise NetworkError(
            f"The weights have shape {start.shape} and the targets {np.shape(targets)}, but targets (n,) go with "
            "weights (1 + inputs,), and targets (n, units) with weights (units, 1 + inputs)."
        )
    return _epoch(start, rows, goals, steps, rng)


def learn(
    x: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    max_epochs: int,
    rng: np.random.Generator,
    learning_rate: float = 1.0,
    sample_weights: npt.ArrayLike | None = None,
) -> Learned:
    """Learn weights from 0 by epochs of the rule, until one has no mistake or there were `max_epochs`.

    On separable targets with equal weights, each unit makes at most (R/γ)² mistakes, whatever the order: R is the
    largest norm of a row (1, x), γ the least distance of such rows from a plane through 0 that separates them
    (Novikoff, Symposium on the Mathematical Theory of Automata, 1962).
    """
    check_whole("max_epochs", max_epochs, 1)
    rows, goals, steps = _problem(x, targets, learning_rate, sample_weights)
    weights = np.zeros((*goals.shape[1:], rows.shape[1]))
    mistakes: list[Array] = []
    converged = False
    while not converged and len(mistakes) < max_epochs:
        weights, missed = _epoch(weights, rows, goals, steps, rng)
        mistakes.append(missed)
        converged = not missed.any()
    return Learned(weights, np.array(mistakes), converged)


def separable(x: npt.ArrayLike, targets: npt.ArrayLike) -> bool:
    """Whether one perceptron can give all `targets` (n,): whether a plane separates the rows of 0 from those of 1.

    Decided by linear programming, not by trying: there are weights with (2t - 1)(bias + x·w) >= 1 for every row, or
    there are none. Classes closer than about 1e-9 of the features' ranges count as not separable. The time grows
    faster than the rows: 1,800 rows of 64 features take 0.05 s.
    """
    from scipy.optimize import linprog

    rows, goals, _ = _problem(_to_unit_ranges(x), targets, 1.0, None)
    if goals.ndim != 1:
        raise NetworkError(f"targets has shape {goals.shape}, but must be (n,): ask for one unit's column at a time.")
    sides = 2 * goals - 1
    found = linprog(np.zeros(rows.shape[1]), A_ub=-sides[:, None] * rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    if found.status not in {0, 2}:  # neither a plane nor the proof that there is none
        raise NetworkError(f"Whether the classes are separable could not be decided: {found.message}")
    return bool(found.status == 0)


def report(learned: Learned, x: npt.ArrayLike, targets: npt.ArrayLike) -> str:
    """Return in one sentence what came of `learn(x, targets)`, and when it did not converge, whether it ever could."""
    if learned.converged:
        return (
            f"The rule converged in epoch {learned.epochs} after {learned.mistakes.sum()} mistakes: the classes are "
            "linearly separable."
        )
    columns = np.reshape(targets, (len(np.asarray(x)), -1)).T
    stuck = np.flatnonzero(learned.mistakes[-1])
    hopeless = [int(unit) for unit in stuck if not separable(x, columns[unit])]
    if not hopeless:
        return (
            f"The rule had not converged after {learned.epochs} epochs, but it will, as the classes are linearly "
            "separable: allow more epochs."
        )
    which = "the classes" if learned.weights.ndim == 1 else f"these classes from the rest: {str(hopeless)[1:-1]}"
    return (
        f"The rule had not converged after {learned.epochs} epochs and never will, as no plane separates {which}. "
        "Use a network with a hidden layer."
    )


def _epoch(weights: Array, rows: Array, goals: Array, steps: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    weights, missed = weights.copy(), np.zeros(goals.shape[1:], np.int64)
    order = rng.permutation(len(rows))
    with np.errstate(over="ignore", invalid="ignore"):
        for row, goal, step in zip(rows[order], goals[order], steps[order], strict=True):
            error = goal - (np.vecdot(weights, row) >= 0)
            if error.any():
                weights += np.multiply.outer(step * error, row)
                missed += error != 0
    if not np.isfinite(weights).all():
        raise NetworkError(
            "The weights have overflowed: scale the inputs, for example to mean 0 and variance 1, or lower the "
            "learning rate."
        )
    return weights, missed


def _problem(
    x: npt.ArrayLike, targets: npt.ArrayLike, learning_rate: float, sample_weights: npt.ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return, checked, the rows (1, x) of positive weight, their targets, and their steps η s; all in float64."""
    rows, goals = _rows(x), np.asarray(targets)
    binary = goals.dtype.kind in "biuf" and np.isin(goals, (0, 1)).all()
    if goals.ndim not in {1, 2} or len(goals) != len(rows) or not binary:
        raise NetworkError(
            f"targets has shape {goals.shape} and dtype {goals.dtype}, but must hold 0 or 1 for each of the "
            f"{len(rows)} rows of x: shape ({len(rows)},), or ({len(rows)}, units). See `one_vs_rest` for classes."
        )
    check_range("learning_rate", learning_rate, 0, inf, open_low=True)
    shares = np.ones(len(rows)) if sample_weights is None else np.asarray(sample_weights)
    if (
        shares.shape != (len(rows),)
        or shares.dtype.kind not in "biuf"
        or not (np.isfinite(shares) & (shares >= 0)).all()
    ):
        raise NetworkError(
            f"sample_weights has shape {shares.shape} and dtype {shares.dtype}, but must hold a finite number of at "
            f"least 0 for each of the {len(rows)} rows of x."
        )
    present = shares > 0
    if not present.any():
        raise NetworkError("sample_weights are all 0: give at least one row a positive weight.")
    return rows[present], goals[present].astype(np.float64), learning_rate * shares[present].astype(np.float64)


def _rows(x: npt.ArrayLike) -> Array:
    """Return the rows (1, x), checked, (n, 1 + inputs) in float64."""
    inputs = np.asarray(x)
    if inputs.ndim != 2 or inputs.dtype.kind not in "biuf":  # noqa: PLR2004 - a matrix
        raise NetworkError(
            f"x has shape {inputs.shape} and dtype {inputs.dtype}, but must hold numbers of shape (n, inputs): encode "
            "what is not a number, and give one row of one column with x.reshape(1, 1)."
        )
    if not len(inputs):
        raise NetworkError("x has no rows: give at least one.")
    if not np.isfinite(inputs).all():
        row, column = np.argwhere(~np.isfinite(inputs))[0]
        raise NetworkError(f"x holds NaN or infinity, first in row {row}, column {column}: impute or drop it.")
    return np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1, dtype=np.float64)


def _weights(weights: npt.ArrayLike, rows: Array) -> Array:
    """Return `weights` in float64; raise NetworkError unless they fit `rows`."""
    array = np.asarray(weights, np.float64)
    if array.ndim not in {1, 2} or array.shape[-1] != rows.shape[1]:
        raise NetworkError(
            f"The weights have shape {array.shape}, but x has {rows.shape[1] - 1} columns: give a bias and as many "
            "weights, (1 + inputs,) or (units, 1 + inputs)."
        )
    return array


def _to_unit_ranges(x: npt.ArrayLike) -> Array:
    """Return `x` with every column moved and scaled to [-1, 1], which changes no separability but suits the solver."""
    inputs = _rows(x)[:, 1:]
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    half = high / 2 - low / 2
    scaled: Array = (inputs - (low / 2 + high / 2)) / np.where(half > 0, half, 1)
    return scaled
