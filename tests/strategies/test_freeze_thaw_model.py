"""The model of freeze-thaw: against worked numbers, a dense Gaussian process, sampling and finite differences."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, multivariate_normal, norm

from strategies import State, Trial
from strategies.models.entropy_search import draw, entropy_gains, minimum_probabilities
from strategies.models.freeze_thaw import Curves, Joint, Prior, posterior
from strategies.models.freeze_thaw_fit import KERNELS, Target, fit
from strategies.models.thinned_curves import Observed, Standard, grid, steady


def some_curves(seed, n=7, width=6, features=3):
    """Random curves at random points, of all lengths; what lies beyond a length is nonsense."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, width, n)
    values = rng.normal(0.3, 1.0, (n, width))
    return Curves(rng.random((n, features)), np.arange(1.0, width + 1), values, lengths)


def some_prior(seed, features=3, *, warp=False):
    """A prior of no special values."""
    rng = np.random.default_rng(seed)
    bends = (rng.uniform(0.5, 2, features), rng.uniform(0.5, 2, features)) if warp else None
    return Prior(
        rng.uniform(0.3, 2, features),
        0.2,
        amplitude=0.8,
        alpha=0.7,
        beta=1.9,
        fall=0.6,
        spread=0.9,
        noise=0.2,
        warp=bends,
    )


class Dense:
    """The same model with nothing clever: one covariance of every observed value and every asymptote asked for."""

    def __init__(self, prior, curves, points):
        rows = [(n, t) for n in range(len(curves.points)) for t in range(curves.lengths[n])]
        owner, time = np.array([n for n, _ in rows]), np.array([t for _, t in rows])
        self.owner, self.time, self.prior = owner, time, prior
        self.within = prior.curves(curves.times)
        self.trend = prior.trend(curves.times)
        same = owner[:, None] == owner
        asymptotes = prior.asymptotes(curves.points, curves.points)
        self.covariance = asymptotes[np.ix_(owner, owner)] + same * self.within[np.ix_(time, time)]
        self.covariance += prior.noise**2 * np.eye(len(rows))
        self.residual = curves.values[owner, time] - prior.mean - self.trend[time]
        self.across = prior.asymptotes(points, curves.points)[:, owner]
        self.among = prior.asymptotes(points, points)

    @property
    def log_likelihood(self):
        return multivariate_normal(np.zeros(len(self.residual)), self.covariance).logpdf(self.residual)

    def asymptotes(self):
        mean = self.prior.mean + self.across @ np.linalg.solve(self.covariance, self.residual)
        return mean, self.among - self.across @ np.linalg.solve(self.covariance, self.across.T)

    def value(self, row, time, *, curve=None):
        """Mean and variance of the value at `time` of the row's curve: curve number `curve`, or a new one."""
        across = self.across[row] + (0 if curve is None else (self.owner == curve) * self.within[time, self.time])
        mean = self.prior.mean + self.trend[time] + across @ np.linalg.solve(self.covariance, self.residual)
        own = self.among[row, row] + self.within[time, time] + self.prior.noise**2
        return mean, own - across @ np.linalg.solve(self.covariance, across)


def test_the_worked_example():
    """Three curves of 4, 2 and 1 points, by hand: precisions, weights, likelihood, asymptotes, and what comes next."""
    at = np.array([0.1, 0.5, 0.9])
    values = np.zeros((3, 5))
    values[0, :4], values[1, :2], values[2, 0] = [1, 0.7, 0.55, 0.5], [0.9, 0.6], 1.2
    times = np.arange(1.0, 6.0)
    prior = Prior(np.ones(1), 0.5, alpha=1.0, beta=2.0, noise=0.1)

    def covariance(a, b):
        return np.exp(-((a[:, None] - b) ** 2) / (2 * 0.25))

    within = prior.curves(times) + 0.01 * np.eye(5)
    joint = Joint(Curves(at[:, None], times, values, np.array([4, 2, 1])), np.zeros(5), within, covariance(at, at), 0.5)
    assert joint.precision == pytest.approx([5.943491, 3.532009, 1.960784], abs=1e-6)
    assert joint.weight == pytest.approx([-1.608319, -0.772627, 1.372549], abs=1e-6)
    assert joint.log_likelihood == pytest.approx(-2.054293, abs=1e-6)
    mean, spread = joint.asymptotes(covariance(at, at), covariance(at, at))
    assert mean == pytest.approx([0.240109, 0.438182, 0.821656], abs=1e-6)
    assert spread.diagonal() == pytest.approx([0.130060, 0.153776, 0.268211], abs=1e-6)
    value, variance = joint.ahead(np.array([4, 4, 4]), mean, spread.diagonal())
    assert (value[0], variance[0]) == pytest.approx((0.441865, 0.018306), abs=1e-6)
    new = np.array([0.3])
    mean, spread = joint.asymptotes(covariance(at, new), covariance(new, new))
    assert (mean[0], spread[0, 0]) == pytest.approx((0.290662, 0.122748), abs=1e-6)
    first, variance = joint.first(np.array([0]), mean, spread.diagonal())
    assert (first[0], variance[0]) == pytest.approx((0.290662, 0.632748), abs=1e-6)


@pytest.mark.parametrize("warp", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_dense_gaussian_process(seed, warp):
    """Likelihood, asymptotes of old and new points, and coming values are those of the dense process, to 1e-10."""
    curves, prior = some_curves(seed), some_prior(seed, warp=warp)
    points = np.vstack([curves.points, np.random.default_rng(seed).random((4, 3))])
    joint, dense = posterior(prior, curves), Dense(prior, curves, points)
    assert joint.log_likelihood == pytest.approx(dense.log_likelihood, abs=1e-10)
    among = prior.asymptotes(points, points)
    mean, covariance = joint.asymptotes(among[:7], among)
    expected_mean, expected_covariance = dense.asymptotes()
    assert mean == pytest.approx(expected_mean, abs=1e-10)
    assert covariance == pytest.approx(expected_covariance, abs=1e-10)
    for beyond in (0, 1, 10):
        times = np.minimum(curves.lengths + beyond, 5)
        old = np.transpose(joint.ahead(times, mean[:7], covariance.diagonal()[:7]))
        assert old == pytest.approx(np.array([dense.value(n, t, curve=n) for n, t in enumerate(times)]), abs=1e-10)
    new = np.transpose(joint.first(np.array([0, 1, 3, 5]), mean[7:], covariance.diagonal()[7:]))
    assert new == pytest.approx(np.array([dense.value(7 + n, t) for n, t in enumerate([0, 1, 3, 5])]), abs=1e-10)


@pytest.mark.parametrize("further", [1, 3])
def test_more_of_a_curve_is_one_observation_of_its_asymptote(further):
    """The posterior after more points of a curve is a rank-one update with the precision that they gain."""
    curves, prior = some_curves(5), some_prior(5)
    option = int(np.argmin(curves.lengths))
    longer = curves.lengths + further * (np.arange(7) == option)
    joint = posterior(prior, curves)
    among = prior.asymptotes(curves.points, curves.points)
    _, covariance = joint.asymptotes(among, among)
    column, precision = covariance[option], joint.gain(curves.lengths, longer)[option]
    updated = covariance - np.outer(column, column) / (column[option] + 1 / precision)
    _, expected = Dense(prior, Curves(curves.points, curves.times, curves.values, longer), curves.points).asymptotes()
    assert updated == pytest.approx(expected, abs=1e-10)
    assert joint.gain(curves.lengths, longer)[np.arange(7) != option] == pytest.approx(0)


def test_the_kernel_is_a_mixture_of_exponentials():
    """κ is the mean of exp(-λt); mean and covariance of curves are those of A exp(-λt), by integration over λ."""
    prior = Prior(np.ones(1), alpha=1.3, beta=2.0, fall=0.7, spread=0.4)
    times = np.array([0.0, 0.5, 1.0, 3.0])
    rates = gamma(prior.alpha, scale=1 / prior.beta)

    def mixed(time):
        return quad(lambda rate: np.exp(-rate * time) * rates.pdf(rate), 0, np.inf)[0]

    assert prior.trend(times) == pytest.approx([0.7 * mixed(t) for t in times], abs=1e-7)
    square = 0.7**2 + 0.4**2
    expected = [[square * mixed(t + s) - 0.7**2 * mixed(t) * mixed(s) for s in times] for t in times]
    assert prior.curves(times) == pytest.approx(np.array(expected), abs=1e-7)
    plain = Prior(np.ones(1), alpha=1.0, beta=2.0)
    assert plain.curves(np.array([1.0, 3.0]))[0, 1] == pytest.approx(1 / 3)
    assert plain.curves(np.zeros(1)) == pytest.approx(1.0)


def test_a_centred_curve_starts_where_all_do():
    """Without a spread all curves start at the same height above their asymptotes; without a fall, at none on average."""
    start = np.zeros(1)
    centred = Prior(np.ones(1), fall=0.7, spread=0.0)
    assert (centred.trend(start)[0], centred.curves(start)[0, 0]) == pytest.approx((0.7, 0.0))
    exponential = Prior(np.ones(1), fall=0.0, spread=0.7)
    assert (exponential.trend(start)[0], exponential.curves(start)[0, 0]) == pytest.approx((0.0, 0.49))


@pytest.mark.parametrize("warp", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients(kernel, warp):
    """The analytic gradient of the fit's target is that of finite differences."""
    target = Target(some_curves(1), np.array([0, 1, 1]), kernel, warp=warp)
    logs = target.middles + 0.3 * np.random.default_rng(2).standard_normal(len(target.middles))
    _, gradient = target(logs)
    steps = 1e-5 * np.eye(len(logs))
    numeric = [(target(logs + step)[0] - target(logs - step)[0]) / 2e-5 for step in steps]
    assert gradient == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-5)


def falling(seed, n=40, width=12, noise=0.02):
    """Standardised curves that fall by about 2 to asymptotes that depend on the first of two features."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    times = np.arange(1.0, width + 1)
    ends, falls, rates = np.sin(5 * points[:, :1]), rng.normal(2, 0.5, (n, 1)), rng.gamma(2, 0.3, (n, 1))
    values = ends + falls * np.exp(-rates * times) + noise * rng.standard_normal((n, width))
    shift, scale = values.mean(), values.std()
    return Curves(points, times, (values - shift) / scale, rng.integers(2, width, n)), (ends[:, 0] - shift) / scale


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fit_finds_what_made_the_curves(kernel):
    """Fitted, the feature that matters has the shorter scale, the noise its size; asymptotes are near and as sure."""
    curves, ends = falling(3)
    prior = fit(curves, (0, 1), kernel=kernel, warp=False, restarts=1)
    assert prior.lengths[0] < prior.lengths[1] / 2
    assert prior.noise < 0.06
    assert ((prior.fall == 0), (prior.spread == 0)) == (kernel == "exponential", kernel == "centred")
    among = prior.asymptotes(curves.points, curves.points)
    mean, covariance = posterior(prior, curves).asymptotes(among, among)
    assert np.corrcoef(mean, ends)[0, 1] > 0.95
    if kernel == "falling":
        off = np.abs(mean - ends) / np.sqrt(covariance.diagonal())
        assert (off < norm.ppf(0.975)).mean() > 0.8


def test_restarts_never_make_a_fit_worse():
    """More climbs find a prior at least as probable."""
    curves, _ = falling(4, n=6)
    target = Target(curves, np.array([0, 1]), "falling", warp=True)

    def height(restarts):
        prior = fit(curves, (0, 1), kernel="falling", warp=True, restarts=restarts)
        scalars = [prior.mean, *np.log([getattr(prior, name) for name in target._names[1:]])]
        return target(np.concatenate([scalars, *np.log([prior.lengths, *prior.warp])]))[0]

    assert height(5) <= height(1) + 1e-9


def test_a_fit_knows_only_content():
    """Equal curves are one key of the memo, whatever lies beyond their lengths; another value is another key."""
    curves, _ = falling(1)
    nonsense = np.where(curves.known, curves.values, 7.0)
    assert Curves(curves.points.copy(), curves.times, nonsense, curves.lengths) == curves
    assert hash(Curves(curves.points, curves.times, nonsense, curves.lengths)) == hash(curves)
    assert Curves(curves.points, curves.times, nonsense + 1e-9 * curves.known, curves.lengths) != curves


# --- entropy search ---------------------------------------------------------------------------------------------------


def test_who_is_lowest_of_two():
    """P_min of two normal variables is Φ of their distance over its deviation."""
    mean, covariance = np.array([0.0, 0.5]), np.array([[1.0, 0.3], [0.3, 0.5]])
    draws = draw(mean, covariance, 100_000, np.random.default_rng(0))
    expected = norm.cdf(0.5 / np.sqrt(1 + 0.5 - 0.6))
    assert minimum_probabilities(draws) == pytest.approx([expected, 1 - expected], abs=5e-3)


def test_entropy_gains_are_those_of_conditioning():
    """A gain is what the entropy falls by on average when fantasies of the observation are really conditioned upon."""
    rng = np.random.default_rng(1)
    root = rng.standard_normal((4, 4))
    mean, covariance = 0.5 * rng.standard_normal(4), root @ root.T
    precision = np.array([2.0, 0.0, 0.1, 30.0])
    gains = entropy_gains(mean, covariance, precision, draw(mean, covariance, 10_000, rng), fantasies=40, rng=rng)

    def entropy(mean, covariance):
        lowest = rng.multivariate_normal(mean, covariance, 10_000).argmin(axis=1)
        shares = np.bincount(lowest, minlength=4) / 10_000
        return -sum(p * np.log(p) for p in shares if p > 0)

    for option in (0, 2, 3):
        seen = np.diag(np.eye(4)[option] * precision[option])
        after = np.linalg.inv(np.linalg.inv(covariance) + seen)
        left = []
        for value in rng.normal(mean[option], np.sqrt(covariance[option, option] + 1 / precision[option]), 80):
            pull = np.linalg.solve(covariance, mean) + precision[option] * value * np.eye(4)[option]
            left.append(entropy(after @ pull, after))
        assert gains[option] == pytest.approx(entropy(mean, covariance) - np.mean(left), abs=0.08)
    assert gains[1] == 0


def test_what_is_known_gains_nothing():
    """To observe what is far above all others, or certain already, hardly tells which is best."""

    def gains_of(mean, covariance):
        rng = np.random.default_rng(0)
        return entropy_gains(
            mean, covariance, np.full(3, 10.0), draw(mean, covariance, 2000, rng), fantasies=5, rng=rng
        )

    gains = gains_of(np.array([0.0, 0.1, 50.0]), np.eye(3))
    assert gains[2] == pytest.approx(0, abs=1e-9)
    assert min(gains[:2]) > 0.1
    certain = gains_of(np.zeros(3), np.diag([1.0, 1.0, 1e-12]))
    assert certain[2] == pytest.approx(0, abs=1e-6)


# --- the curves of a history ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_epochs", "step"), [(1, 1), (20, 1), (100, 7), (101, 1), (1000, 50), (5000, 1), (729, 36)]
)
def test_the_grid(max_epochs, step):
    """All epochs up to a hundred; of more about a hundred at most, from the first to the last, with ends of jobs."""
    epochs = grid(max_epochs, step)
    assert (epochs[0], epochs[-1]) == (1, max_epochs)
    assert (np.diff(epochs) > 0).all()
    assert len(epochs) <= 101
    if step >= max_epochs / 50:
        assert set(range(step, max_epochs, step)) <= set(epochs.tolist())


def test_steady_numbers():
    """1, 2, 3, 4, 6, 8, 12, 16, 24…: at most the number, and more than two thirds of it."""
    assert [steady(n) for n in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 17, 100)] == [
        0,
        1,
        2,
        3,
        4,
        4,
        6,
        6,
        8,
        8,
        12,
        16,
        96,
    ]


def trials(*curves):
    """Trials by their curves; None is one that failed."""
    return [
        Trial(n, {}, State.PAUSED, tuple(curve)) if curve is not None else Trial(n, {}, State.FAILED, (9.0,))
        for n, curve in enumerate(curves)
    ]


def test_failures_count_as_the_ceiling():
    """A trial that failed is a curve of one point, as bad as the worst that is told apart; one without a value is none."""
    seen = Observed([*trials([3, 2], None, [4, 1]), Trial(3, {}, State.RUNNING)], max_epochs=5, step=1)
    standard = seen.standard(range(3), seen.lengths)
    curves = seen.curves(np.zeros((3, 1)), standard, range(3), seen.lengths, ahead=True)
    assert seen.lengths.tolist() == [2, 1, 2]
    assert standard.ceiling == 4
    assert curves.values[1, 0] == curves.values[2, 0] == curves.values[curves.known].max()
    shown = curves.values[[0, 0, 2, 2], [0, 1, 0, 1]]
    assert (shown.mean(), shown.std()) == pytest.approx((0, 1))


def test_a_diverging_trial_does_not_hide_the_others():
    """Values far above where trials begin are cut off, so that good ones stay told apart; none is too large."""
    usual = [[2.0, 1.0], [2.1, 0.9], [1.9, 1.2]]
    standard = Standard.of([*usual, [2.0, 1e300]])
    assert standard.ceiling == pytest.approx(0.9 + 3 * (2.0 - 0.9))
    assert standard.standardised([1.0])[0] - standard.standardised([0.9])[0] > 0.1
    assert np.isfinite(standard.standardised([np.inf, 1e308, -1e308])).all()
    assert Standard.of([[1.0, 1.0], [1.0]]).standardised([1.0]) == [0.0]


def test_a_fit_changes_seldom():
    """What a prior is fitted to stays as it is while trials and jobs stay below the next steady number."""
    few = Observed(trials([5, 4, 3, 2, 1], [5, 4], [5], [4], [3], [2]), max_epochs=20, step=1)
    assert [part if isinstance(part, list) else part.tolist() for part in few.steady(6)] == [
        [0, 1, 2, 3, 4, 5],
        [4, 2, 1, 1, 1, 1],
    ]
    more = Observed(trials([5, 4, 3, 2, 1, 1, 1], [5, 4, 3], [5], [4], [3], [2], [2, 1]), max_epochs=20, step=1)
    assert more.steady(7)[0] == few.steady(6)[0]
    assert more.steady(7)[1].tolist() == few.steady(6)[1].tolist()
    many = Observed(trials(*([[1.0]] * 60), [2.0, 1.0]), max_epochs=20, step=1)
    chosen, lengths = many.steady(64)
    assert len(chosen) == 50
    assert (chosen[-1], lengths[-1]) == (60, 2)
