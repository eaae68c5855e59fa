import warnings

import numpy as np
import pytest
from scipy.special import expit

from network import ACTIVATIONS

ORACLES = {"identity": lambda z: z, "relu": lambda z: np.where(z > 0, z, 0), "sigmoid": expit, "tanh": np.tanh}
HUGE = {"float32": 3e38, "float64": 1e308}


def applied(activation, z):
    a = np.full_like(z, np.nan)
    activation.forward(z, a)
    return a


def test_every_activation_has_an_oracle():
    """Nothing is registered without a reference to compare it with."""
    assert set(ORACLES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_forward_is_the_function(name, dtype, tolerance):
    """Values agree with an independent implementation in float64, from tiny to large arguments of either sign."""
    z = np.concatenate([[0.0], np.geomspace(1e-6, 50, 40), -np.geomspace(1e-6, 50, 40)]).astype(dtype)
    oracle = ORACLES[name](z.astype("float64"))
    np.testing.assert_allclose(applied(ACTIVATIONS[name], z), oracle, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_is_the_derivative_times_the_incoming_gradient(name):
    """It agrees with central differences, away from the kink of piecewise functions."""
    rng = np.random.default_rng(0)
    z, da, step = rng.uniform(0.1, 4, (2, 5, 7)) * rng.choice([-1, 1], (2, 5, 7)), rng.normal(size=(2, 5, 7)), 1e-6
    slope = (ORACLES[name](z + step) - ORACLES[name](z - step)) / (2 * step)
    dz = np.full_like(z, np.nan)
    ACTIVATIONS[name].backward(z, applied(ACTIVATIONS[name], z), da, dz)
    np.testing.assert_allclose(dz, slope * da, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", HUGE)
def test_huge_arguments_neither_overflow_nor_warn(name, dtype):
    """The largest finite numbers have a finite value and a finite derivative."""
    z = np.array([-1, 1, -0.5, 0.5], dtype) * np.dtype(dtype).type(HUGE[dtype])
    dz = np.full_like(z, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = applied(ACTIVATIONS[name], z)
        ACTIVATIONS[name].backward(z, a, np.ones_like(z), dz)
    assert np.isfinite(a).all()
    assert np.isfinite(dz).all()
