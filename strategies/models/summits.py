"""Where an acquisition over a mixed space is highest: many candidates, gradient ascent, and a look around."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from strategies.models.ascent import ascend

if TYPE_CHECKING:
    from strategies.models.acquisition import Acquisition
    from strategies.models.features import Features

Array = NDArray[np.float64]

_ANYWHERE: Final = 400  # candidates
_NEARBY: Final = 200  # candidates
_STARTS: Final = 6
_RUNNERS_UP: Final = 200  # candidates that are returned as well: the highest may be taken already
_STEPS: Final = 20
_ROUNDS: Final = 5
_RENEWED: Final = 0.15  # of the coordinates
_WORTH: Final = 1e-6  # what a round must gain for there to be another


def summits(acquisition: "Acquisition", features: "Features", incumbents: Array, rng: np.random.Generator) -> Array:
    """Return points where `acquisition` is high, as settled coordinates (m, d), no two of them equal.

    The best of the candidates, drawn anywhere and near the `incumbents` (k, d), are climbed from with integers let
    loose; from where that ends, the best neighbours in one choice or integer are, until none is higher.
    """
    anywhere = rng.random((_ANYWHERE, incumbents.shape[1]))
    candidates = features.settle(np.vstack([anywhere, _around(incumbents, rng)]))
    order = np.argsort(-acquisition(features(candidates)), kind="stable")
    far, near = order[order < _ANYWHERE], order[order >= _ANYWHERE]
    starts = candidates[np.append(far[: _STARTS // 2], near[: _STARTS // 2])]
    found = [
        candidates[order[:_RUNNERS_UP]],
        features.settle(_climbed(acquisition, features, starts, features.ordered)),
    ]
    for _ in range(_ROUNDS):
        heights = acquisition(features(found[-1]))
        top, height = found[-1][np.argmax(heights)], heights.max()
        around = features.neighbours(top)
        best = np.argsort(-acquisition(features(around)), kind="stable")[: _STARTS // 2]
        if not len(best):
            break
        found += [around, _climbed(acquisition, features, around[best], features.continuous)]
        if acquisition(features(found[-1])).max() <= height + _WORTH:
            break
    return np.unique(np.vstack(found), axis=0)


def _climbed(acquisition: "Acquisition", features: "Features", points: Array, moving: NDArray[np.bool_]) -> Array:
    scales = np.minimum(1.0 / acquisition.posterior.rates, 1.0)
    climbed, _ = ascend(acquisition.slopes, features(points), features.free(points) & moving, scales, _STEPS)
    return features.moved(points, climbed)


def _around(incumbents: Array, rng: np.random.Generator) -> Array:
    """Return perturbed incumbents, by a hair's breadth or farther; of every second one some coordinates are new."""
    shape = (_NEARBY, incumbents.shape[1])
    reach = 10.0 ** rng.uniform(-3.5, -0.5, (_NEARBY, 1))
    new = rng.random(shape) < np.maximum(reach, _RENEWED * rng.integers(2, size=(_NEARBY, 1)))
    moved = incumbents[rng.integers(len(incumbents), size=_NEARBY)] + reach * rng.standard_normal(shape)
    return np.where(new, rng.random(shape), moved)
