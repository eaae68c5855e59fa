import warnings

import numpy as np
import pytest
from scipy.special import expit, softmax
from scipy.stats import norm

from network.activations import ACTIVATIONS, NoisyReLU
from network.arrays import aligned_zeros
from network.errors import NetworkError

ORACLES = {
    "identity": lambda z: z,
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "noisy_relu": lambda z: np.where(z > 0, z, 0),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "gelu": lambda z: z * expit(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)),
    "silu": lambda z: z * expit(z),
    "sigmoid": expit,
    "tanh": np.tanh,
    "softplus": lambda z: np.logaddexp(0, z),
    "softmax": lambda z: softmax(z, axis=-1),
    "sign": lambda z: np.where(z >= 0, 1.0, -1.0),
}
DIFFERENTIABLE = [name for name, activation in ACTIVATIONS.items() if activation.differentiable]
IN_PLACE = [name for name, activation in ACTIVATIONS.items() if not activation.reads_input]
HUGE = {"float32": 3e38, "float64": 1e308}


def applied(activation, z):
    a = np.full_like(z, np.nan)
    activation.forward(z, a)
    return a


def pulled_back(activation, z, da):
    dz = np.full_like(z, np.nan)
    activation.backward(z, applied(activation, z), da, dz)
    return dz


def away_from_kinks(rng, shape):
    return rng.uniform(0.1, 4, shape) * rng.choice([-1, 1], shape)


def slopes(function, z, da, step=1e-6):
    """Return the derivatives of Σ da f(z) by each element of z, by central differences."""
    derivative = np.empty_like(z)
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += step
        down[index] -= step
        derivative[index] = (da * (function(up) - function(down))).sum() / (2 * step)
    return derivative


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


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 1)], ids=str)
def test_backward_is_the_derivative_times_the_incoming_gradient(name, shape):
    """It agrees with central differences, away from the kink of piecewise functions."""
    rng = np.random.default_rng(0)
    z, da = away_from_kinks(rng, shape), rng.normal(size=shape)
    dz = pulled_back(ACTIVATIONS[name], z, da)
    np.testing.assert_allclose(dz, slopes(ORACLES[name], z, da), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("dtype", HUGE)
def test_what_does_not_read_its_input_can_overwrite_it(name, dtype):
    """In place, both passes give the bits that they give elsewhere."""
    activation, rng = ACTIVATIONS[name], np.random.default_rng(1)
    z, da = rng.normal(size=(2, 3, 5, 70)).astype(dtype)
    a = z.copy()
    activation.forward(a, a)
    np.testing.assert_array_equal(a, applied(activation, z))
    if activation.differentiable:
        dz = da.copy()
        activation.backward(a, a, dz, dz)
        np.testing.assert_array_equal(dz, pulled_back(activation, z, da))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nothing_but_the_outputs_is_written(name):
    """What a pass reads, others still need."""
    activation, rng = ACTIVATIONS[name], np.random.default_rng(2)
    z, da = rng.normal(size=(2, 3, 4))
    before = z.copy(), da.copy()
    a = applied(activation, z)
    if activation.differentiable:
        value = a.copy()
        activation.backward(z, a, da, np.empty_like(z))
        np.testing.assert_array_equal(a, value)
    np.testing.assert_array_equal((z, da), before)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", HUGE)
@pytest.mark.parametrize("share", [1, 0.5, 1e-8, 1e-19])
def test_huge_arguments_neither_overflow_nor_warn(name, dtype, share):
    """Up to the largest finite numbers, value and derivative are finite, and the value is the function's."""
    activation, largest = ACTIVATIONS[name], np.dtype(dtype).type(HUGE[dtype])
    z = np.array([-1, 1, -0.5, 0.5, 0], dtype) * largest * np.dtype(dtype).type(share)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = applied(activation, z)
        dz = pulled_back(activation, z, np.ones_like(z)) if activation.differentiable else np.zeros(1)
    assert np.isfinite(dz).all()
    with np.errstate(over="ignore"):
        oracle = ORACLES[name](z.astype(np.longdouble))
    np.testing.assert_allclose(a, oracle.astype(dtype), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("size", [1, 16, 67])
def test_nan_stays_nan(name, size):
    """A network that has diverged cannot look as if it had not, whatever the sign of its NaN."""
    for bad in (np.nan, -np.nan):
        assert np.isnan(applied(ACTIVATIONS[name], np.full((1, size), bad, "float32"))).all()


@pytest.mark.parametrize("name", ["relu", "noisy_relu"])
@pytest.mark.parametrize("dtype", HUGE)
@pytest.mark.parametrize("size", [1, 3, 64, 67])
def test_the_rectifier_is_exact_everywhere(name, dtype, size):
    """It passes what is above 0, with infinity and the smallest number, and its gradient is 0 from -0.0 downwards."""
    tiny = np.nextafter(np.dtype(dtype).type(0), np.dtype(dtype).type(1))
    for z, a, slope in [
        (-np.inf, 0, 0),
        (-tiny, 0, 0),
        (-0.0, 0, 0),
        (0.0, 0, 0),
        (tiny, tiny, 1),
        (np.inf, np.inf, 1),
    ]:
        inputs = np.full(size, z, dtype)
        assert (applied(ACTIVATIONS[name], inputs) == a).all()
        assert (pulled_back(ACTIVATIONS[name], inputs, np.full(size, -3, dtype)) == -3 * slope).all()


def test_gelu_is_close_to_the_exact_one():
    """The tanh approximation stays within 5e-4 of z Φ(z)."""
    z = np.linspace(-10, 10, 10001)
    error = np.abs(applied(ACTIVATIONS["gelu"], z) - z * norm.cdf(z)).max()
    assert 1e-4 < error < 5e-4


def noisy(z, noise):
    return np.maximum(0, z + noise * np.sqrt(expit(z)))


@pytest.mark.parametrize(
    "name", [name for name, activation in ACTIVATIONS.items() if isinstance(activation, NoisyReLU)]
)
def test_noise_moves_the_rectifier_and_is_held_fixed_in_its_derivative(name):
    """Forward is max(0, z + ε √σ(z)), backward its derivative by z; without noise both are the plain passes."""
    activation, rng = ACTIVATIONS[name], np.random.default_rng(3)
    z, noise, da = rng.normal(size=(3, 6, 8)) * [[[2]], [[1]], [[1]]]
    a, dz, kept = np.empty_like(z), np.empty_like(z), noise.copy()
    activation.noisy_forward(z, noise, a)
    activation.noisy_backward(z, noise, a, da, dz)
    np.testing.assert_allclose(a, noisy(z, noise), rtol=1e-13)
    np.testing.assert_allclose(dz, slopes(lambda z: noisy(z, noise), z, da), rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(noise, kept)
    assert 0 < (a == 0).mean() < 1
    activation.noisy_forward(z, 0 * noise, a)
    activation.noisy_backward(z, 0 * noise, a, da, dz)
    np.testing.assert_array_equal(a, applied(activation, z))
    np.testing.assert_array_equal(dz, pulled_back(activation, z, da))


@pytest.mark.parametrize("name", [name for name, activation in ACTIVATIONS.items() if not activation.differentiable])
def test_what_has_no_gradient_says_so(name):
    """The message says which activation it is, and what to train with."""
    z = np.ones((1, 2))
    with pytest.raises(NetworkError, match=f"{name}.*no useful gradient.*train with 'tanh'"):
        ACTIVATIONS[name].backward(z, z, z, z)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 10), (16, 1), (7, 33), (3, 5, 5, 2)], ids=str)
@pytest.mark.parametrize("dtype", HUGE)
def test_a_member_has_the_same_bits_alone(name, shape, dtype):
    """Neither pass can tell how many members share the call."""
    activation, rng, members = ACTIVATIONS[name], np.random.default_rng(4), 27
    z, da, noise, a, dz = (aligned_zeros(members, shape, dtype) for _ in range(5))
    z[...], da[...], noise[...] = (rng.normal(size=z.shape) for _ in range(3))

    def passes(z, da, noise, a, dz):
        activation.forward(z, a)
        yield a.copy()
        if activation.differentiable:
            activation.backward(z, a, da, dz)
            yield dz.copy()
        if isinstance(activation, NoisyReLU):
            activation.noisy_forward(z, noise, a)
            yield a.copy()
            activation.noisy_backward(z, noise, a, da, dz)
            yield dz.copy()

    together = list(passes(z, da, noise, a, dz))
    for k in range(members):
        alone = [aligned_zeros(1, shape, dtype) for _ in range(5)]
        for own, shared in zip(alone, (z, da, noise), strict=False):
            own[0] = shared[k]
        for one, all_ in zip(passes(*alone), together, strict=True):
            np.testing.assert_array_equal(one[0], all_[k])
