"""Parzen estimators against scipy, brute force and counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import kstest, norm, truncnorm

from strategies import Choice, Float, Int, Space
from strategies.models.parzen import Axes, Bins, Parzen, Widths, _normal_mass

WIDTHS = Widths()
CONDITIONAL = Space(
    optimizer=Choice("sgd", "adam", "none"),
    layers=Int(1, 5),
    momentum=Int(0, 3, when={"optimizer": "sgd"}),
    beta=Choice("low", "high", when={"optimizer": ["sgd", "adam"]}),
    extra=Int(1, 40, log=True, when={"layers": [4, 5], "optimizer": "adam"}),
)
MIXED = Space(
    x=Float(-1, 3),
    rate=Float(1e-5, 1, log=True, when={"kind": "b"}),
    units=Int(8, 64, log=True),
    kind=Choice("a", "b", "c"),
)


def mixture(space, n=12, seed=0, **settings):
    rng = np.random.default_rng(seed)
    points = space.encode_all([space.sample(rng) for _ in range(n)])
    weights = rng.uniform(0.2, 2.0, n)
    widths = settings.pop("widths", WIDTHS)
    return Parzen(Axes(space), points, weights, widths, **settings), points, weights


def by_hand(space, params, points, weights, widths):
    """The density at `params`, kernel by kernel and parameter by parameter, with scipy's truncated normal."""
    n = len(points)
    known = [space.active(space.decode(point)) for point in points]
    terms = []
    for k in range(n + 1):
        term = np.log(
            weights[k] / (weights.sum() + weights.mean())
            if k < n
            else weights.mean() / (weights.sum() + weights.mean())
        )
        for j, (name, domain) in enumerate(space.parameters.items()):
            if name not in params:
                continue
            knows = k < n and name in known[k]
            rows = [i for i in range(n) if name in known[i]]
            h = widths(points[rows, j], weights[rows], space.dimension)
            if isinstance(domain, Choice):
                size = len(domain.values)
                same = knows and params[name] == domain.decode(points[k, j])
                share = (n + 1) / (n + 1 + size)
                term += np.log(share * same + (1 - share) / size if knows else 1 / size)
                continue
            mu = points[k, j] if knows else 0.5
            kernel = truncnorm(-mu / h, (1 - mu) / h, mu, h)
            if isinstance(domain, Float):
                term += kernel.logpdf(domain.encode(params[name])) if knows else 0.0
                continue
            scale = np.log if domain.log else float
            ends = [scale(domain.low - 0.5), scale(domain.high + 0.5)]
            low, high = ((scale(params[name] + side) - ends[0]) / (ends[1] - ends[0]) for side in (-0.5, 0.5))
            with np.errstate(divide="ignore"):  # a bin out of the kernel's reach
                term += np.log(kernel.cdf(high) - kernel.cdf(low) if knows else high - low)
        terms.append(term)
    return logsumexp(terms)


def test_the_density_of_a_float_integrates_to_one():
    """A truncated mixture loses no mass beyond the ends."""
    parzen, *_ = mixture(Space(x=Float(0, 1)), n=5)
    total, error = quad(lambda u: np.exp(parzen.log_density(np.array([[u]]))[0]), 0, 1, limit=200)
    assert error < 1e-6
    assert total == pytest.approx(1, abs=1e-6)


def test_masses_sum_to_one_over_a_conditional_space():
    """Conditions included, the points of a finite space share exactly the mass 1: no group is counted twice or left out."""
    points = CONDITIONAL.enumerated(10_000)
    for n in (0, 1, 30):
        parzen, *_ = mixture(CONDITIONAL, n=n)
        assert np.exp(parzen.log_density(points)).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
def test_the_density_is_that_of_kernels_by_hand(space):
    """Products and sums over kernels are those of scipy's truncated normals and of plain masses."""
    parzen, points, weights = mixture(space)
    rng = np.random.default_rng(1)
    drawn = [space.sample(rng) for _ in range(40)]
    expected = [by_hand(space, params, points, weights, WIDTHS) for params in drawn]
    np.testing.assert_allclose(parzen.log_density(space.encode_all(drawn)), expected, rtol=1e-9, atol=1e-9)


def test_many_kernels_are_those_of_few():
    """The density does not depend on how kernels and points are cut into blocks."""
    space = Space(x=Float(0, 1), n=Int(1, 1000), c=Choice("a", "b"))
    parzen, *_ = mixture(space, n=1500)
    rng = np.random.default_rng(2)
    few = space.encode_all([space.sample(rng) for _ in range(30)])
    together = parzen.log_density(few)
    np.testing.assert_allclose(together, [parzen.log_density(one[None])[0] for one in few], rtol=1e-12)


def test_samples_follow_the_masses_of_a_conditional_space():
    """Each point of a finite space is drawn as often as its mass says (within 5 standard errors)."""
    parzen, *_ = mixture(CONDITIONAL, n=6)
    points = CONDITIONAL.enumerated(10_000)
    masses = np.exp(parzen.log_density(points))
    row = {tuple(CONDITIONAL.decode(point).items()): i for i, point in enumerate(points)}
    count = 20_000
    drawn = parzen.sample(count, np.random.default_rng(3))
    seen = np.bincount([row[tuple(CONDITIONAL.decode(point).items())] for point in drawn], minlength=len(points))
    assert (np.abs(seen - count * masses) <= 5 * np.sqrt(count * masses) + 5).all()


def test_samples_of_a_float_follow_its_density():
    """Kolmogorov and Smirnov find no difference between draws and the mixture's distribution."""
    parzen, *_ = mixture(Space(x=Float(0, 1)), n=4, seed=5)
    grid = np.linspace(0, 1, 4001)
    density = np.exp(parzen.log_density(grid[:, None]))
    cumulated = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) * (grid[1] - grid[0])])
    drawn = parzen.sample(3000, np.random.default_rng(6))[:, 0]
    assert kstest(drawn, lambda x: np.interp(x, grid, cumulated)).pvalue > 1e-3


def test_wider_kernels_draw_farther_points():
    """`widen` moves draws away from the kernels and leaves them in [0, 1]."""
    point = np.array([[0.5]])
    parzen = Parzen(Axes(Space(x=Float(0, 1))), point, np.ones(1), Widths(clip=9), prior=1e-6)
    near, far = (parzen.sample(500, np.random.default_rng(0), widen) for widen in (1.0, 3.0))
    assert np.abs(far - 0.5).mean() > 2 * np.abs(near - 0.5).mean()
    assert ((far >= 0) & (far <= 1)).all()


def test_without_points_the_mixture_is_uniform():
    """The prior alone: density 1 for a float, equal shares for choices, a bin's length for an integer."""
    space = Space(x=Float(0, 1), c=Choice(1, 2, 3, 4), n=Int(1, 10), m=Int(1, 100, log=True))
    parzen = Parzen(Axes(space), np.empty((0, 4)), np.empty(0), WIDTHS)
    at = space.encode_all([{"x": 0.3, "c": 2, "n": 7, "m": 5}])
    bin_of_5 = np.log(5.5 / 4.5) / np.log(100.5 / 0.5)
    assert np.exp(parzen.log_density(at)[0]) == pytest.approx(1 / 4 / 10 * bin_of_5)


def test_a_point_without_weight_counts_for_nothing():
    """A kernel of weight 0 adds no density and no spread."""
    space = Space(x=Float(0, 1))
    points = np.array([[0.1], [0.2], [0.9]])
    axes, at = Axes(space), np.linspace(0, 1, 9)[:, None]
    weighed = Parzen(axes, points, np.array([1.5, 1.5, 0.0]), Widths(least=0.2), prior=1.0)
    without = Parzen(axes, points[:2], np.array([1.5, 1.5]), Widths(least=0.2), prior=2 / 3)
    np.testing.assert_allclose(weighed.log_density(at), without.log_density(at), rtol=1e-9)


@given(st.data(), st.sampled_from([Int(1, 9), Int(-4, 30), Int(1, 300, log=True), Int(7, 7), Choice("a", "b", "c")]))
def test_bins_are_those_of_the_space(data, domain):
    """A coordinate lies in the bin of the value it decodes to, and the middle of a bin is the value's own coordinate."""
    bins, u = Bins.of(domain), data.draw(st.floats(0, 1))
    values = list(domain.levels(None))
    number = bins.numbers(np.array([u]))
    lower, upper = bins.edges(number)
    assert lower[0] - 1e-9 <= u <= upper[0] + 1e-9
    if min(abs(u - lower[0]), abs(u - upper[0])) > 1e-9:
        assert values[number[0]] == domain.decode(u)
    np.testing.assert_allclose(bins.middles(np.arange(bins.count)), domain.encode_all(values), atol=1e-12)


def test_activity_is_that_of_the_space():
    """Which parameters are active is found from coordinates alone."""
    rng = np.random.default_rng(4)
    drawn = [CONDITIONAL.sample(rng) for _ in range(200)]
    active = Axes(CONDITIONAL).active(CONDITIONAL.encode_all(drawn))
    expected = [[name in params for name in CONDITIONAL.parameters] for params in drawn]
    assert active.tolist() == expected


def test_tails_are_exact():
    """Far out, the mass of a bin is as exact on the right as on the left, where scipy's survival function has it."""
    lower, upper = np.array([0.30, -0.32]), np.array([0.32, -0.30])
    exact = norm.sf(0.30 / 0.02) - norm.sf(0.32 / 0.02)
    np.testing.assert_allclose(_normal_mass(lower, upper, 0.02), exact, rtol=1e-9)


def test_widths_by_hand():
    """Scott's rule on three weighted points with the prior as a fourth; then the two floors and the ceiling."""
    at, weights = np.array([0.2, 0.4, 0.6]), np.array([1.0, 1.0, 2.0])
    mean = 0.25 * 0.2 + 0.25 * 0.4 + 0.5 * 0.6
    variance = 0.25 * (0.2 - mean) ** 2 + 0.25 * (0.4 - mean) ** 2 + 0.5 * (0.6 - mean) ** 2
    sd = ((3 * variance + 1 / 12) / 4) ** 0.5
    effective = 1 / (0.25**2 + 0.25**2 + 0.5**2)
    assert Widths(1.0, 0.01)(at, weights, 2) == pytest.approx(sd * effective ** (-1 / 6))
    assert Widths(1e-3, 0.05)(at, weights, 2) == pytest.approx(1 / 16)  # (3 + 1)^-2
    assert Widths(1e-3, 0.05, clip=4.0)(at, weights, 2) == 0.05
    assert Widths(1e3)(at, weights, 2) == 1.0
    assert Widths()(np.empty(0), np.empty(0), 2) == 1.0
    assert Widths()(at, np.zeros(3), 2) == 1.0
