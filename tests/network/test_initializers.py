from math import sqrt

import numpy as np
import pytest
from scipy import stats

from network.initializers import INITIALIZERS

# The shape of the weights, fan-in and fan-out: dense layers, wide and narrow, and a convolution with its own fans.
LAYERS = {"wide": ((50, 400), 50, 400), "narrow": ((400, 50), 400, 50), "convolution": ((9 * 16, 140), 144, 9 * 140)}


def normal(variance):
    return stats.norm(0, sqrt(variance))


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


DISTRIBUTIONS = {
    "glorot_normal": lambda fan_in, fan_out: normal(2 / (fan_in + fan_out)),
    "glorot_uniform": lambda fan_in, fan_out: uniform(sqrt(6 / (fan_in + fan_out))),
    "he_normal": lambda fan_in, fan_out: normal(2 / fan_in),
    "he_uniform": lambda fan_in, fan_out: uniform(sqrt(6 / fan_in)),
    "lecun_normal": lambda fan_in, fan_out: normal(1 / fan_in),
    "lecun_uniform": lambda fan_in, fan_out: uniform(sqrt(3 / fan_in)),
    "normal": lambda fan_in, fan_out: normal(1e-4),
    "uniform": lambda fan_in, fan_out: uniform(1 / sqrt(fan_in)),
}


def drawn(name, layer="narrow", seed=0):
    return INITIALIZERS[name].draw(np.random.default_rng(seed), *LAYERS[layer])


def test_every_initializer_has_an_oracle():
    """Nothing is registered without a distribution, or a property of the matrix, to check it by."""
    assert set(INITIALIZERS) == {*DISTRIBUTIONS, "orthogonal", "zeros"}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_have_the_shape_asked_for_and_mean_zero(name, layer):
    """They are contiguous float64 whatever the fans; the mean of 20,000 lies within five standard errors of 0."""
    weights = drawn(name, layer)
    assert weights.shape == LAYERS[layer][0]
    assert weights.dtype == np.float64
    assert weights.flags.c_contiguous
    assert abs(weights.mean()) <= 5 * weights.std() / sqrt(weights.size)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_weights_are_of_the_papers_distribution(name, layer):
    """20,000 weights: variance within five standard errors, and shape by a Kolmogorov-Smirnov test."""
    weights, expected = drawn(name, layer).ravel(), DISTRIBUTIONS[name](*LAYERS[layer][1:])
    kurtosis = expected.stats(moments="k") + 3
    assert abs(weights.var() / expected.var() - 1) < 5 * sqrt((kurtosis - 1) / weights.size)
    assert stats.kstest(weights, expected.cdf).pvalue > 0.001


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"zeros"}))
def test_weights_follow_from_the_generator(name):
    """The same seed draws the same weights, another seed others."""
    assert np.array_equal(drawn(name, seed=1), drawn(name, seed=1))
    assert not np.array_equal(drawn(name, seed=1), drawn(name, seed=2))


def test_zeros_are_zeros():
    """Every weight is exactly 0."""
    assert not drawn("zeros").any()


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (5, 1), (1, 1), (200, 300)])
def test_an_orthogonal_matrix_is_orthogonal_along_its_shorter_side(shape):
    """The Gram matrix of its columns, or of its rows when these are fewer, is the identity."""
    weights = INITIALIZERS["orthogonal"].draw(np.random.default_rng(3), shape, *shape)
    gram = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    assert weights.shape == shape
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-13)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_orthogonal_matrices_favour_no_direction(shape):
    """Over 2,000 draws each entry's mean is 0: a QR decomposition without its signs corrected fails at the first."""
    rng = np.random.default_rng(0)
    draws = np.array([INITIALIZERS["orthogonal"].draw(rng, shape, *shape) for _ in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 5 / sqrt(max(shape) * len(draws))
