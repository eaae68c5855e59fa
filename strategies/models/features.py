"""What a surrogate sees of a point: features in which closeness is meant.

A float or an integer is one feature, its coordinate. A choice is one feature for each of its values, so that any two of
them are equally far apart, at a squared distance of 1. A parameter that is inactive stands still, wherever it is.
"""

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategies.parameters import Choice, Float, Int, Parameter

if TYPE_CHECKING:
    from strategies.space import Space

Array = NDArray[np.float64]

_FEW = 12  # an integer of no more values has all of them for neighbours
_STEPS = np.array([-8, -3, -2, -1, 1, 2, 3, 8])
_ROUNDING = 1e-9


class Features:
    """The map from coordinates of a space, shape (n, d), to features (n, f). A parameter of but one value has none."""

    groups: NDArray[np.int64]
    """Which of the parameters that vary, counted from 0, each feature belongs to: shape (f,)."""
    ordered: NDArray[np.bool_]
    """Which features are the coordinate of a float or an integer, shape (f,)."""
    continuous: NDArray[np.bool_]
    """Which are that of a float, shape (f,)."""

    def __init__(self, space: "Space") -> None:
        self._domains = list(space.parameters.values())
        index = {name: i for i, name in enumerate(space.parameters)}
        self._conditions = [
            (index[name], [(index[parent], space.parameters[parent].encode_all(wanted)) for parent, wanted in clauses])
            for name in space.parents_first
            if (clauses := space.conditions[name])
        ]
        varying = [i for i, each in enumerate(self._domains) if _varies(each)]
        widths = [len(each.values) if isinstance(each := self._domains[i], Choice) else 1 for i in varying]
        self._discrete = [(i, each) for i in varying if not isinstance(each := self._domains[i], Float)]
        self._parameters = np.repeat(np.array(varying, dtype=np.int64), widths)  # (f,): whose coordinate it is made of
        self.groups = np.repeat(np.arange(len(varying)), widths)
        self.ordered = np.array([not isinstance(self._domains[i], Choice) for i in self._parameters], dtype=bool)
        self.continuous = np.array([isinstance(self._domains[i], Float) for i in self._parameters], dtype=bool)
        firsts = np.searchsorted(self.groups, self.groups)
        counts = np.array([1 if self.ordered[k] else widths[g] for k, g in enumerate(self.groups)])
        self._shares = (np.arange(len(firsts)) - firsts + 0.5) / counts  # of the unit interval: the middle of a value's

    def __call__(self, coordinates: Array) -> Array:
        """Return the features of points, wherever in its value's share of the unit interval a coordinate lies."""
        settled, active = self._settled(coordinates)
        at = settled[:, self._parameters]
        chosen = np.abs(at - self._shares) < _ROUNDING
        return np.where(self.ordered, at, np.where(active[:, self._parameters] & chosen, sqrt(0.5), 0.0))

    def settle(self, coordinates: Array) -> Array:
        """Return the coordinates that `Space.encode` gives the same points: middles of values, 0.5 where inactive."""
        return self._settled(coordinates)[0]

    def free(self, coordinates: Array) -> NDArray[np.bool_]:
        """Return which features can move by themselves, shape (n, f): those of active floats and integers."""
        free: NDArray[np.bool_] = self._settled(coordinates)[1][:, self._parameters] & self.ordered
        return free

    def moved(self, coordinates: Array, features: Array) -> Array:
        """Return `coordinates` with their floats and integers where `features` are."""
        moved = coordinates.copy()
        moved[:, self._parameters[self.ordered]] = features[:, self.ordered]
        return moved

    def neighbours(self, point: Array) -> Array:
        """Return the points that differ from `point` (d,) in one choice or integer: shape (k, d), settled, no twins."""
        rows = [point]
        for i, domain in self._discrete:
            for value in _others(domain, point[i]):
                rows.append(point.copy())
                rows[-1][i] = value
        around = np.unique(self.settle(np.array(rows)), axis=0)
        return around[(np.abs(around - self.settle(point[None])) > _ROUNDING).any(axis=1)]

    def _settled(self, coordinates: Array) -> tuple[Array, NDArray[np.bool_]]:
        settled = np.clip(coordinates, 0.0, 1.0)
        for i, domain in enumerate(self._domains):
            if not isinstance(domain, Float):
                settled[:, i] = _middles(domain, settled[:, i])
            elif domain.low == domain.high:
                settled[:, i] = 0.5
        active = np.ones(settled.shape, dtype=bool)
        for i, clauses in self._conditions:
            for parent, wanted in clauses:
                holds = (np.abs(settled[:, parent, None] - wanted) < _ROUNDING).any(axis=1)
                active[:, i] &= active[:, parent] & holds
        return np.where(active, settled, 0.5), active


def _varies(domain: Parameter) -> bool:
    return len(domain.values) > 1 if isinstance(domain, Choice) else domain.low < domain.high


def _middles(domain: Int | Choice, coordinates: Array) -> Array:
    """Return the coordinates of the values in whose shares of the unit interval `coordinates` (n,) lie."""
    if isinstance(domain, Choice):
        count = len(domain.values)
        return (np.minimum(np.floor(coordinates * count), count - 1) + 0.5) / count
    return domain.encode_all(_integers(domain, coordinates).tolist())


def _integers(domain: Int, coordinates: Array) -> Array:
    low, high = (np.log(edge) if domain.log else edge for edge in (domain.low - 0.5, domain.high + 0.5))
    along = low + (high - low) * coordinates
    return np.clip(np.floor((np.exp(along) if domain.log else along) + 0.5), domain.low, domain.high)


def _others(domain: Int | Choice, at: float) -> Array:
    """Return the coordinates of other values of a choice or an integer: of all, or of some near and some farther."""
    if isinstance(domain, Choice) or domain.high - domain.low < _FEW:
        return domain.encode_all(domain.levels(None))
    near = _integers(domain, np.array([at])) + _STEPS
    return domain.encode_all(np.clip(near, domain.low, domain.high).tolist())
