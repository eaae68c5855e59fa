"""The fast engine: its prior, its evidence, and whether its predictions are calibrated."""

from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from strategies.models import curve_bank
from strategies.models.curve_bank import LEAST, bank, draw_shapes, extrapolate, steps_for
from strategies.models.curve_families import FAMILIES


def noisy(name, parameters, n, noise, seed=0):
    """The last of 500 values of a curve, and its first n with noise."""
    curve = FAMILIES[name].curve(np.arange(1.0, 501.0), parameters or FAMILIES[name].start)
    return curve[-1], (curve[:n] + noise * np.random.default_rng(seed).standard_normal(n)).clip(0, 1)


# --- the bank -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [4, 64, 65, 1000, 100_000])
def test_shapes_end_at_zero(horizon):
    """Two thirds fall all the way from 1 to 0, others dip below their end; the same bank is drawn always."""
    known = bank(horizon)
    assert (known.steps[0], known.steps[-1]) == (1, horizon)
    assert (np.diff(known.steps) > 0).all()
    shapes = known.shapes
    assert (np.abs(shapes[:, -1]) < 1e-9).all()
    assert (shapes <= 1 + 1e-9).all()
    falling = (np.diff(shapes, axis=1) < 1e-9).all(axis=1)
    whole = np.abs(shapes[:, 0] - 1) < 1e-9
    assert 0.62 < (falling & whole).mean() < 0.72
    assert (shapes.min(axis=1) < -1e-9).mean() > 0.05
    bank.cache_clear()
    assert np.array_equal(bank(horizon).shapes, shapes)


@pytest.mark.parametrize("horizon", [5, 100, 10_000])
@pytest.mark.parametrize("name", FAMILIES)
def test_all_families_take_part(horizon, name):
    """At any horizon most draws of every family rise, and so tell a shape."""
    z = np.random.default_rng(0).standard_normal((2, 500, 1))
    curves = FAMILIES[name].curve(steps_for(horizon).astype(float), curve_bank._priors(z, horizon)[name])
    curves = np.broadcast_to(curves, (500, len(steps_for(horizon))))
    assert (np.isfinite(curves).all(axis=1) & (curves[:, -1] - curves[:, 0] > 1e-9)).mean() > 0.8


# --- the mathematics ----------------------------------------------------------------------------------------------------


def test_evidence_against_the_normal_density():
    """The evidence of a shape and a noise is the density of the data, times the prior of the noise and P(gap > 0)."""
    rng = np.random.default_rng(4)
    metric = 0.7 - 0.3 * np.arange(1, 9) ** -0.8 + 0.02 * rng.standard_normal(8)
    observed = curve_bank._grouped(metric, bank(12))
    levels = curve_bank._levels(observed)
    told = np.argwhere(np.isfinite(levels.evidence))
    assert len(told) > 10_000
    for noise, shape in rng.choice(told, 20):
        sigma = exp(-9 + 0.5 * noise)
        basis = np.column_stack([np.ones(8), -bank(12).shapes[shape, :8]])
        cross = basis @ np.diag([0.25, 0.25])
        covariance = cross @ basis.T + sigma**2 * np.eye(8)
        gap = cross.T[1] @ np.linalg.solve(covariance, metric - 0.5)
        gap_sd = np.sqrt(0.25 - cross.T[1] @ np.linalg.solve(covariance, cross[:, 1]))
        assert (levels.gap[noise, shape], levels.gap_sd[noise, shape]) == pytest.approx((gap, gap_sd), rel=1e-6)
        expected = (
            multivariate_normal(np.full(8, 0.5), covariance).logpdf(metric)
            + norm.logcdf(gap / gap_sd)
            + norm(-4, 1).logpdf(np.log(sigma))
        )
        constant = 4 * np.log(2 * np.pi) + 0.5 * np.log(2 * np.pi) + 0.5 * np.log(0.25**2)
        assert levels.evidence[noise, shape] == pytest.approx(expected + constant, rel=1e-9)


def test_neighbouring_steps_in_groups():
    """Of a long curve, groups of steps keep the number of values, their sum and their squares."""
    metric = np.random.default_rng(5).random(700)
    observed = curve_bank._grouped(metric, bank(1000))
    assert observed.counts.sum() == 700
    assert observed.counts @ observed.means == pytest.approx((metric - 0.5).sum())
    assert observed.squares == pytest.approx(((metric - 0.5) ** 2).sum())
    assert observed.shapes.shape == (curve_bank.SHAPES, len(observed.counts))
    assert (observed.shapes[:, 0] == bank(1000).shapes[:, 0]).all()
    whole = bank(1000).shapes
    assert (observed.shapes.max(axis=1) <= whole.max(axis=1) + 1e-9).all()
    assert (observed.shapes.min(axis=1) >= whole.min(axis=1) - 1e-9).all()


@given(st.integers(0, 1000), st.floats(0.1, 1e4))
@settings(max_examples=50, deadline=None)
def test_tempering_leaves_enough(seed, spread):
    """However peaked the evidence, so many shapes count; evidence that is broad enough is left as it is."""
    logs = spread * np.random.default_rng(seed).standard_normal(1000)
    weights = curve_bank._tempered(logs)
    plain = np.exp(logs - logs.max())
    effective = weights.sum() ** 2 / (weights**2).sum()
    if plain.sum() ** 2 / (plain**2).sum() >= LEAST:
        assert weights == pytest.approx(plain)
    else:
        assert LEAST <= effective < 1.1 * LEAST


def test_positive_normal_numbers():
    """Their mean is that of a normal distribution cut at 0, also where next to nothing lies above 0."""
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    for mean, sd in [(1.0, 0.5), (0.0, 2.0), (-3.0, 1.0), (-40.0, 1.0)]:
        drawn = curve_bank._positive_normal(np.full(20_000, mean), np.full(20_000, sd), quantiles)
        score = mean / sd
        assert (drawn > 0).all()
        assert drawn.mean() == pytest.approx(mean + sd * np.exp(norm.logpdf(score) - norm.logcdf(score)), rel=1e-3)


# --- predictions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pow3", "log power"])
def test_published_cases(name):
    """From 200 of 500 values with little noise: surely below 0.05 more than the true end, surely above 0.05 less."""
    end, metric = noisy(name, None, 200, 5e-4)
    prediction = extrapolate(metric, 500)
    assert prediction.probability_above(end + 0.05) < 0.05
    assert prediction.probability_above(end - 0.05) > 0.95


def test_more_values_tell_more():
    """pow3 (0.84, 0.52, 0.2) with noise 0.01: from 30 of 500 values uncertain, from 300 known to half a percent."""
    end, metric = noisy("pow3", (0.84, 0.52, 0.2), 300, 0.01)
    early, late = extrapolate(metric[:30], 500), extrapolate(metric, 500)
    assert 0.005 < early.sd < 0.1
    assert abs(early.mean - end) < 0.05
    assert early.probability_above(end - 0.05) > 0.05
    assert late.sd < 0.005
    assert abs(late.mean - end) < 3 * late.sd


@pytest.mark.parametrize("horizon", [20, 100])
def test_calibration(horizon):
    """Of 500 curves drawn from the prior and seen in part, 85 to 95 % end within the predicted interval of 90 %."""
    rng = np.random.default_rng(horizon)
    steps = np.arange(1, horizon + 1)
    covered = []
    for shape in draw_shapes(horizon, 500, rng):
        final, gap = _level(rng)
        noise = np.exp(rng.normal(-4, 1))
        n = max(3, int(horizon * rng.choice([0.1, 0.2, 0.4, 0.8])))
        curve = final - gap * np.interp(np.log(steps[:n]), np.log(steps_for(horizon)), shape)
        prediction = extrapolate(curve + noise * rng.standard_normal(n), horizon)
        if prediction is not None:
            low, high = np.quantile(prediction.finals, [0.05, 0.95])
            covered.append(low <= final <= high)
    assert len(covered) > 490
    assert 0.85 < np.mean(covered) < 0.95


def _level(rng):
    while True:
        final, gap = rng.normal(0.5, 0.5), abs(rng.normal(0, 0.5))
        if gap <= final <= 1:
            return final, gap


@given(st.lists(st.floats(0, 1), min_size=3, max_size=30), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_any_curve_gets_a_probability(metric, further):
    """Whatever the curve, the end lies in [0, 1], and how probably it is above a value falls with that value."""
    prediction = extrapolate(np.array(metric), len(metric) + further)
    if prediction is not None:
        assert 0 <= prediction.finals.min() <= prediction.finals.max() <= 1
        chances = [prediction.probability_above(value) for value in np.linspace(-0.5, 1.5, 21)]
        assert all(1 >= a >= b >= 0 for a, b in pairwise(chances))


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
def test_a_constant_curve_stays(level):
    """A constant is predicted to go on, by numbers."""
    prediction = extrapolate(np.full(25, level), 50)
    assert prediction.mean == pytest.approx(level, abs=0.02)
    assert 0 < prediction.sd < 0.1


def test_a_falling_metric_is_no_riddle():
    """A curve that only gets worse has a prediction: about its average, with much noise."""
    prediction = extrapolate(np.linspace(0.9, 0.3, 50), 100)
    assert prediction.mean == pytest.approx(0.6, abs=0.05)
    assert prediction.noises.mean() == pytest.approx(np.linspace(0.9, 0.3, 50).std(), rel=0.3)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_foreseen_adds_certainty(seed):
    """A further value as predicted does not make the end less certain (but for 5 %, as draws are finitely many)."""
    _, metric = noisy("pow3", (0.84, 0.52, 0.5), 20, 0.02, seed)
    before = extrapolate(metric, 50)
    next_value = extrapolate(metric, 21).mean
    assert extrapolate(np.append(metric, next_value), 50).sd <= 1.05 * before.sd


def test_the_same_curve_has_the_same_draws():
    """Nothing is left to chance, nor to what was asked before."""
    _, metric = noisy("hill3", None, 40, 0.01)
    first = extrapolate(metric, 500).finals
    extrapolate(metric[:10], 30)
    bank.cache_clear()
    assert np.array_equal(extrapolate(metric, 500).finals, first)
