"""Gradient ascent from many points at once, against known summits and scipy."""

import numpy as np
import pytest
from scipy.optimize import minimize

from strategies.models.ascent import ascend


def bowl(summit, curvature):
    """A concave quadratic and its gradient."""
    return lambda x: (-((x - summit) ** 2) @ curvature / 2, -(x - summit) * curvature)


def test_it_finds_the_summit():
    """From anywhere, of a badly scaled quadratic; what is not free stays where it is."""
    starts = np.random.default_rng(0).random((7, 3))
    free = np.ones((7, 3), dtype=bool)
    free[0, 1] = False
    points, values = ascend(bowl(np.array([0.3, 0.5, 0.9]), np.array([1.0, 30.0, 900.0])), starts, free, np.ones(3), 80)
    expected = np.tile([0.3, 0.5, 0.9], (7, 1))
    expected[0, 1] = starts[0, 1]
    assert points == pytest.approx(expected, abs=1e-4)
    assert values[1:] == pytest.approx(0, abs=1e-6)


def test_a_summit_outside_is_sought_at_the_edge():
    """It stays in the unit cube, and goes on along the face that it meets."""
    points, _ = ascend(
        bowl(np.array([-0.5, 0.4]), np.ones(2)), np.array([[0.8, 0.9]]), np.ones((1, 2), bool), np.ones(2), 50
    )
    assert points[0] == pytest.approx([0.0, 0.4], abs=1e-5)


def test_it_climbs_as_high_as_scipy():
    """On a curved ridge it ends where L-BFGS-B does, and never lower than it began."""

    def ridge(x):
        a, b = x[:, 0] - 0.2, x[:, 1] - x[:, 0] ** 2
        return -(a**2) - 30 * b**2, np.stack([-2 * a + 120 * b * x[:, 0], -60 * b], axis=1)

    starts = np.random.default_rng(1).random((6, 2))
    points, values = ascend(ridge, starts, np.ones((6, 2), bool), np.full(2, 0.3), 100)
    assert (values >= ridge(starts)[0]).all()
    assert values == pytest.approx(ridge(points)[0])
    for start, value in zip(starts, values, strict=True):
        found = minimize(lambda x: -ridge(x[None])[0][0], start, method="L-BFGS-B", bounds=[(0, 1)] * 2)
        assert value == pytest.approx(-found.fun, abs=1e-4)
