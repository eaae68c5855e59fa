"""Expected improvement on a log scale: reference values, quadrature, finite differences."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from strategies.models.acquisition import (
    Acquisition,
    log_h,
    log_improvement,
    log_novelty,
    probability_of_improvement,
)
from strategies.models.gaussian_process import Likelihood


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (2, 0.697383545788228),
        (0, -0.918938533204673),
        (-1, -2.48512102571264),
        (-5, -16.744301162661),
        (-10, -55.5531220361225),
        (-30, -457.724653760616),
        (-1e3, -500014.734452091),
    ],
)
def test_reference_values(z, expected):
    """The logarithm of h agrees with values computed to 60 digits."""
    assert log_h(np.array([float(z)]))[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("seam", [-1.0, -1e6])
def test_no_seam_shows(seam):
    """Where one formula takes over from another, they agree."""
    sides = log_h(np.array([np.nextafter(seam, -np.inf), seam, np.nextafter(seam, np.inf)]))
    assert np.ptp(sides) <= 1e-9 * abs(seam) ** 2


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.3, 0.5, 0.1), (-2.0, 0.7, -1.0), (1.0, 0.4, 0.0)])
def test_it_is_the_expected_improvement(mean, deviation, best):
    """The exponential of the score is the integral of how far the value falls below the best, times its density."""
    integral, _ = quad(lambda f: (best - f) * norm.pdf(f, mean, deviation), -np.inf, best)
    score = log_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(score.value[0]) == pytest.approx(integral, rel=1e-8)


@pytest.mark.parametrize("mean", [-30.0, -1.0, 0.0, 0.49, 0.51, 3.0, 40.0, 1e4])
def test_derivatives(mean):
    """The derivatives by mean and deviation are those of finite differences, also where improvement rounds to zero."""
    deviation, best, h = 0.5, 0.0, 1e-5

    def value(m, s):
        return log_improvement(np.array([m]), np.array([s]), best).value[0]

    score = log_improvement(np.array([mean]), np.array([deviation]), best)
    by_mean = (value(mean + h, deviation) - value(mean - h, deviation)) / (2 * h)
    by_deviation = (value(mean, deviation + h) - value(mean, deviation - h)) / (2 * h)
    assert score.by_mean[0] == pytest.approx(by_mean, rel=1e-4)
    assert score.by_deviation[0] == pytest.approx(by_deviation, rel=1e-4, abs=1e-9)


def test_probability_of_improvement():
    """It is the normal distribution's mass below the best."""
    mean, deviation = np.array([0.0, 1.0, -3.0]), np.array([1.0, 0.5, 2.0])
    assert probability_of_improvement(mean, deviation, 0.2) == pytest.approx(norm.cdf(0.2, mean, deviation))


@pytest.mark.parametrize(("deviation", "noise"), [(0.5, 0.3), (1e-4, 0.3), (0.5, 1e-8), (0.5, 0.0)])
def test_novelty(deviation, noise):
    """It is what augmented improvement multiplies by, and its derivative is that of finite differences."""
    value, by_deviation = log_novelty(np.array([deviation]), noise)
    assert np.exp(value[0]) == pytest.approx(1 - np.sqrt(noise / (deviation**2 + noise)), rel=1e-6)
    h = 1e-6 * deviation
    either, other = (log_novelty(np.array([deviation + step]), noise)[0][0] for step in (h, -h))
    assert by_deviation[0] == pytest.approx((either - other) / (2 * h), rel=1e-4, abs=1e-9)


def test_what_has_been_seen_often_is_worth_little():
    """Where there is noise, the factor rises from 0 for what is known to 1 for what is not; without noise it is 1."""
    deviations = np.geomspace(1e-6, 1e6, 100)
    factors = np.exp(log_novelty(deviations, 0.5)[0])
    assert (np.diff(factors) > 0).all()
    assert factors[[0, -1]] == pytest.approx([0, 1], abs=1e-5)
    assert log_novelty(deviations, 0.0)[0] == pytest.approx(0, abs=1e-12)


def test_slopes_of_the_acquisition():
    """They are those of finite differences of its values."""
    rng = np.random.default_rng(0)
    points, values = rng.random((12, 2)), rng.standard_normal(12)
    posterior = Likelihood(points, values, np.arange(2)).posterior(np.log([0.4, 0.6, 1.0, 0.2]))
    acquisition = Acquisition(posterior, -1.0)
    at, h = rng.random((5, 2)), 1e-6
    value, slopes = acquisition.slopes(at)
    assert value == pytest.approx(acquisition(at))
    for j, step in enumerate(np.eye(2) * h):
        assert slopes[:, j] == pytest.approx((acquisition(at + step) - acquisition(at - step)) / (2 * h), rel=1e-4)
