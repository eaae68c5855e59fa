"""The published model of learning curves, sampled: its posterior, and that the fast engine agrees with it."""

from math import log

import numpy as np
import pytest

from strategies.models import curve_bank, curve_mcmc
from strategies.models.curve_families import FAMILIES
from strategies.models.curve_mcmc import Chain, extrapolate, flat_start, recency_weights
from strategies.models.curve_prediction import Prediction

SHORT = Chain(steps=500, burn_in=150)


def noisy(name, parameters, n, horizon=100, noise=0.01):
    """The last of a curve's values, and its first n with noise."""
    curve = FAMILIES[name].curve(np.arange(1.0, horizon + 1), parameters or FAMILIES[name].start)
    return curve[-1], curve[:n] + noise * np.random.default_rng(1).standard_normal(n)


def test_recency():
    """Of four values the later count 1.778, 3.162 and 5.623 times the first; a recency of 1 counts all alike."""
    assert recency_weights(4, 10.0) == pytest.approx([1, 1.778, 3.162, 5.623], abs=5e-4)
    assert recency_weights(3, 1.0).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("metric", "dropped"),
    [
        ([0.1] * 10 + [0.2] * 5, 10),
        ([0.1] * 10 + [0.2] * 4, 0),
        ([0.1, 0.2, 0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2], 4),
        ([0.1, 0.3, 0.4, 0.5, 0.6, 0.7], 1),
        ([0.5] * 20, 0),
        ([0.5], 0),
    ],
)
def test_a_flat_start(metric, dropped):
    """What comes before five values in a row that are 0.05 above the first is flat."""
    assert flat_start(np.array(metric)) == dropped


@pytest.mark.parametrize(("finals", "chance"), [([0.1, 0.9, np.nan], 1 / 2), ([0.1, 0.9, 0.8, np.nan], 2 / 3)])
def test_draws_that_are_no_numbers_do_not_count(finals, chance):
    """The probability is that among the draws that are numbers."""
    assert Prediction.of(np.array(finals), np.zeros(len(finals))).probability_above(0.5) == pytest.approx(chance)
    assert Prediction.of(np.array([np.nan, np.inf]), np.zeros(2)) is None


def test_noise_blurs_the_probability():
    """One draw of 0.5 with noise 0.1 is above 0.6 with probability 1 - Φ(1)."""
    assert Prediction(np.array([0.5]), np.array([0.1])).probability_above(0.6) == pytest.approx(0.158655, abs=1e-6)


def test_the_posterior_by_hand():
    """At a point: the weighted log likelihood of the mixed curve; nothing with a negative weight, noise, or a fall."""
    _, metric = noisy("pow3", (0.84, 0.52, 0.2), 6)
    families = (FAMILIES["pow3"], FAMILIES["ilog2"])
    mixture = curve_mcmc._Mixture(metric, 100, Chain(), families, ())
    good = [0.02, 3.0, 1.0, 0.84, 0.52, 0.2, 0.7, 0.4]
    expected = 0.0
    for i, value in enumerate(metric.tolist()):
        t = i + 1
        mixed = 0.75 * (0.84 - 0.52 * t**-0.2) + 0.25 * (0.7 - 0.4 / log(t + 1))
        expected += 10 ** (i / 6) * (-0.5 * ((value - mixed) / 0.02) ** 2 - log(0.02))
    impossible = [
        [-0.02, *good[1:]],
        [0.02, -3.0, *good[2:]],
        [*good[:4], -0.52, *good[5:]],
        [*good[:6], -5.0, 0.4],
        [*good[:6], 101.0, 0.4],
    ]
    density = mixture.log_posterior(np.array([good, *impossible]))
    assert density[0] == pytest.approx(expected)
    assert (density[1:] == -np.inf).all()


@pytest.mark.parametrize("name", ["pow3", "hill3", "log power"])
def test_the_fast_engine_agrees(name):
    """From half of a curve both engines predict its end within 0.03 of each other, and deviations within a factor 3."""
    end, metric = noisy(name, (0.84, 0.52, 0.2) if name == "pow3" else None, 50)
    slow, fast = extrapolate(metric, 100, SHORT), curve_bank.extrapolate(metric, 100)
    assert slow.mean == pytest.approx(fast.mean, abs=0.03)
    assert 1 / 3 < slow.sd / fast.sd < 3
    assert slow.mean == pytest.approx(end, abs=0.03)


def test_published_case():
    """From 200 of 500 values with little noise: surely below 0.05 more than the true end, surely above 0.05 less."""
    end, metric = noisy("pow3", None, 200, 500, 5e-4)
    prediction = extrapolate(metric, 500, SHORT)
    assert prediction.probability_above(end + 0.05) < 0.05
    assert prediction.probability_above(end - 0.05) > 0.95


def test_the_same_curve_has_the_same_draws():
    """The sampler's random numbers are its own, and leave the global ones alone."""
    _, metric = noisy("weibull", None, 12)
    chain = Chain(steps=30, burn_in=10, thin=1)
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - looks that nobody has touched it
    first, second = (extrapolate(metric, 100, chain) for _ in range(2))
    assert np.array_equal(first.finals, second.finals)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002 - as above
