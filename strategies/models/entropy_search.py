"""Entropy search over a few options (Hennig & Schuler, JMLR 2012; as in freeze-thaw): which one to observe next.

How unsure we are is the entropy of P_min, the distribution of which of them is the lowest. An observation is worth as
much as it is expected to lower that entropy.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def draw(mean: Array, covariance: Array, samples: int, rng: np.random.Generator) -> Array:
    """Return draws of normal variables, shape (samples, k)."""
    scales, axes = np.linalg.eigh(covariance)  # rounding may have left some scales a little below 0
    root = axes * np.sqrt(np.maximum(scales, 0.0))
    draws: Array = mean + rng.standard_normal((samples, len(mean))) @ root.T
    return draws


def minimum_probabilities(draws: Array) -> Array:
    """Return P_min of draws (…, samples, k): how often each of k is the lowest, shape (…, k)."""
    *_, samples, k = draws.shape
    lowest = draws.argmin(axis=-1)
    shares: Array = (lowest[..., None] == np.arange(k)).sum(axis=-2) / samples
    return shares


def entropy_gains(
    mean: Array, covariance: Array, precision: Array, draws: Array, *, fantasies: int, rng: np.random.Generator
) -> Array:
    """Return by how much an observation of each option is expected to lower the entropy of P_min: shape (k,).

    Option i is observed with `precision[i]`; where that is 0, never. `draws` are of all options now. They are
    conditioned one by one (Wilson et al., "Efficiently sampling functions from Gaussian process posteriors", 2020), all
    on the same noise, and the fantasies of an observation are the middles of as many equally likely parts of its
    distribution: options differ by what they are, not by chance.
    """
    from scipy.special import ndtri

    now = _entropy(minimum_probabilities(draws))
    surprises = ndtri((np.arange(fantasies) + 0.5) / fantasies)
    noise = rng.standard_normal(len(draws))
    gains = np.zeros(len(mean))
    for option in np.flatnonzero(precision):
        deviation = np.sqrt(covariance[option, option] + 1.0 / precision[option])
        drawn = draws[:, option] + noise / np.sqrt(precision[option])
        missed = mean[option] + deviation * surprises[:, None] - drawn  # (fantasies, samples)
        after = draws + missed[..., None] * (covariance[option] / deviation**2)
        gains[option] = now - _entropy(minimum_probabilities(after)).mean()
    return gains


def _entropy(shares: Array) -> Array:
    """Return the entropy in nats of distributions (…, k)."""
    entropy: Array = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=-1)
    return entropy
