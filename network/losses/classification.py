"""The metrics of classifiers that go over classes. Rows whose weight is 0 have been left out; weights sum to 1."""

import numpy as np

from network.arrays import Array
from network.losses.base import mean

CHANCE = 0.5  # the area under the curve of a classifier that knows nothing


def balanced_accuracy(hits: Array, of_class: Array, weights: Array | None) -> Array:
    """Return for each member the mean over the classes of the share of a class's rows that are hits.

    `hits` (members, n) and `of_class` (n, classes) are boolean. Classes without a row are left out.
    """
    shares = of_class.T[of_class.any(axis=0)] * (1.0 if weights is None else weights)
    shares /= shares.sum(axis=-1, keepdims=True)
    recalls = np.add.reduce(hits[:, None] * shares, axis=-1)
    return mean(recalls)


def roc_auc(scores: Array, of_class: Array, weights: Array | None) -> Array:
    """Return for each member the mean over the classes of the area under the curve of one class against the rest.

    `scores` (members, n, classes), `of_class` (n, classes) boolean. Classes that no row has, or every row, are left
    out; when none is left the area is that of chance, 0.5. A member whose scores are not finite gets NaN.
    """
    from sklearn.metrics import roc_auc_score

    mixed = np.flatnonzero(of_class.any(axis=0) & ~of_class.all(axis=0))
    if not mixed.size:
        return np.full(len(scores), CHANCE)
    areas = np.full((len(scores), mixed.size), np.nan)
    for member in np.flatnonzero(np.isfinite(scores).all(axis=(1, 2))):
        areas[member] = [roc_auc_score(of_class[:, k], scores[member, :, k], sample_weight=weights) for k in mixed]
    return mean(areas)
