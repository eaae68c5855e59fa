"""Losses made normal: order kept, the way back, and what outliers, ties and failures do."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import yeojohnson

from strategies.models import outputs
from strategies.models.outputs import standardised

LOSSES = st.lists(st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), min_size=2, max_size=30).map(np.array)


@settings(max_examples=200, deadline=None)
@given(LOSSES)
def test_order_is_kept(losses):
    """A smaller loss never has a larger value; values are finite, of mean 0, and of variance 1 or 0."""
    values = standardised(losses).values
    assert (np.diff(values[np.argsort(losses, kind="stable")]) >= -1e-9).all()
    assert values.mean() == pytest.approx(0, abs=1e-9)
    assert values.std() == pytest.approx(1) or np.ptp(values) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [np.exp, np.square, np.negative, lambda x: -np.exp(x)])
def test_the_way_back(shape, seed):
    """The losses that the values stand for are those that they were made of; in between and beyond the order is kept."""
    losses = shape(np.random.default_rng(seed).normal(size=31))
    made = standardised(losses)
    assert made.losses(made.values) == pytest.approx(losses, rel=1e-6, abs=1e-9)
    steps = np.diff(made.losses(np.linspace(made.values.min() - 1, made.values.max() + 1, 200)))
    assert (steps >= -1e-9).all()


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.7, 1.0, 2.0])
def test_the_power_transform_is_that_of_scipy(power):
    """Yeo and Johnson's transform, and its inverse."""
    x = np.linspace(-3, 3, 25)
    bent = outputs._bent(x, power)
    assert bent == pytest.approx(yeojohnson(x, power))
    assert outputs._unbent(bent, power) == pytest.approx(x)


def test_outliers_do_no_harm():
    """However bad the worst losses are, the values stay as they are; none is too large."""
    losses = np.random.default_rng(0).normal(size=40)
    losses[:3] = [1e3, 2e3, 3e3]
    tame = standardised(losses).values
    losses[:3] = [1e100, 1e120, 1e140]
    assert standardised(losses).values == pytest.approx(tame, abs=1e-6)
    losses[:3] = 1.7e308
    assert np.isfinite(standardised(losses).values).all()


def test_failures_are_bad_but_not_extreme():
    """Infinity counts as the worst of the finite losses."""
    losses = np.array([0.1, 0.5, 0.2, inf, 0.9, inf, 0.3])
    values = standardised(losses).values
    assert values[3] == values[5] == values[4] == values.max()
    assert values.max() < 3


def test_equal_losses():
    """Where there is nothing to tell apart, values are 0 and stand for that loss."""
    made = standardised(np.array([2.5, 2.5, inf]))
    assert made.values.tolist() == [0, 0, 0]
    assert made.losses(np.array([-0.0, 1.0])).tolist() == [2.5, 2.5]
