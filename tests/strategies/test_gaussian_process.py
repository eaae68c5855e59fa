"""The Gaussian process against textbook formulas, finite differences and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from strategies.models.gaussian_process import Likelihood, fit

GROUPS = np.array([0, 1, 2, 2])


def problem(n, *, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 4))
    values = np.sin(5 * points[:, 0]) + points[:, 1] ** 2 + noise * rng.standard_normal(n)
    return points, (values - values.mean()) / values.std()


def logs_and_kernel(length=(0.4, 0.9, 2.0), scale=1.7, noise=0.02):
    kernel = ConstantKernel(scale) * Matern([length[g] for g in GROUPS], nu=2.5) + WhiteKernel(noise)
    return np.log([*length, scale, noise]), kernel


def test_gradient_of_the_likelihood():
    """The analytic gradient by all logs is that of finite differences, at several places."""
    points, values = problem(25)
    likelihood = Likelihood(points, values, GROUPS)
    rng = np.random.default_rng(1)
    for _ in range(5):
        logs = likelihood.middles + rng.normal(0, 0.7, len(likelihood.middles))
        size = np.abs(likelihood(logs)[1]).max()
        assert check_grad(lambda x: likelihood(x)[0], lambda x: likelihood(x)[1], logs) < 1e-4 * max(1.0, size)


def test_likelihood_against_scikit_learn():
    """Differences of the value, without priors and mean, are those of scikit-learn's log marginal likelihood."""
    points, values = problem(20)
    likelihood = Likelihood(points, values, GROUPS)
    found, expected = [], []
    for length in ((0.4, 0.9, 2.0), (0.2, 1.5, 0.7)):
        logs, kernel = logs_and_kernel(length)
        mean = likelihood.posterior(logs).mean
        offsets = (logs - likelihood.middles) / likelihood.widths
        found.append(likelihood(logs)[0] - offsets @ offsets / 2 - mean**2 / 2)
        theirs = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(points, values - mean)
        expected.append(-theirs.log_marginal_likelihood_value_)
    assert found[0] - found[1] == pytest.approx(expected[0] - expected[1], rel=1e-9)


def test_predictions_against_scikit_learn():
    """With the same parameters mean and deviation are scikit-learn's, whose deviation includes the noise."""
    points, values = problem(30)
    logs, kernel = logs_and_kernel()
    posterior = Likelihood(points, values, GROUPS).posterior(logs)
    theirs = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(points, values - posterior.mean)
    elsewhere = np.random.default_rng(2).random((50, 4))
    mean, deviation = posterior.predict(elsewhere)
    their_mean, their_deviation = theirs.predict(elsewhere, return_std=True)
    assert mean == pytest.approx(their_mean + posterior.mean)
    assert deviation**2 + 0.02 == pytest.approx(their_deviation**2)


def test_slopes_of_a_prediction():
    """`slopes` predicts what `predict` does; its gradients are those of finite differences."""
    posterior = fit(*problem(30), GROUPS)
    at = np.random.default_rng(3).random((6, 4))
    mean, deviation, by_mean, by_deviation = posterior.slopes(at)
    assert (mean, deviation) == tuple(map(pytest.approx, posterior.predict(at)))
    for k, step in enumerate(1e-5 * np.eye(4)):
        (up, wide), (down, narrow) = posterior.predict(at + step), posterior.predict(at - step)
        assert by_mean[:, k] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-6)
        assert by_deviation[:, k] == pytest.approx((wide - narrow) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_mode_is_one():
    """No nearby parameters have a higher posterior than the fitted ones, also when half of the points said where to begin."""
    for n in (40, 150):
        points, values = problem(n)
        posterior, likelihood = fit(points, values, GROUPS), Likelihood(points, values, GROUPS)
        rates = [posterior.rates[0], posterior.rates[1], posterior.rates[2]]
        logs = np.log([*(1 / np.array(rates)), posterior.scale, posterior.noise])
        least = likelihood(logs)[0]
        for move in 0.3 * np.vstack([np.eye(len(logs)), -np.eye(len(logs))]):
            assert likelihood(logs + move)[0] > least


def test_what_matters_is_told_from_what_does_not():
    """Parameters without effect get longer length scales, and the noise is found within a factor of two."""
    posterior = fit(*problem(100, noise=0.2), np.arange(4))
    assert posterior.rates[:2].min() > 2 * posterior.rates[2:].max()
    variance = 0.2**2 / np.var(np.sin(5 * (x := np.random.default_rng(0).random((100, 4)))[:, 0]) + x[:, 1] ** 2)
    assert variance / 2 < posterior.noise < variance * 2


def test_noise_is_not_taken_for_detail():
    """Of few values that are mostly noise, the parameters found are as likely as those from other beginnings."""
    groups = np.arange(6)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        points = rng.random((20, 6))
        values = np.sin(5 * points[:, 0]) + points[:, 1] ** 2 + rng.standard_normal(20)
        values = (values - values.mean()) / values.std()
        posterior, likelihood = fit(points, values, groups), Likelihood(points, values, groups)
        found = likelihood(np.log([*(1 / posterior.rates), posterior.scale, posterior.noise]))[0]
        for noise in (-8.0, -1.0):
            start = np.append(likelihood.middles[:-1], noise)
            other = minimize(likelihood, start, jac=True, method="L-BFGS-B", bounds=likelihood.bounds)
            assert found < other.fun + 0.05


def test_believing_keeps_the_mean_and_shrinks_the_variance():
    """Fantasies are the posterior mean: conditioning on them by the textbook's formulas gives the same process."""
    points, values = problem(20)
    logs, kernel = logs_and_kernel()
    posterior = Likelihood(points, values, GROUPS).posterior(logs)
    running, at = np.random.default_rng(4).random((2, 5, 4))
    fantasies = posterior.predict(running)[0]
    theirs = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0)
    theirs.fit(np.vstack([points, running]), np.append(values, fantasies) - posterior.mean)
    their_mean, their_deviation = theirs.predict(at, return_std=True)
    mean, deviation = posterior.believing(running).predict(at)
    assert mean == pytest.approx(posterior.predict(at)[0])
    assert mean == pytest.approx(their_mean + posterior.mean)
    assert deviation**2 + 0.02 == pytest.approx(their_deviation**2)
    assert (deviation < posterior.predict(at)[1]).all()


def test_points_that_coincide():
    """Equal points with equal values, whose covariance is singular but for rounding, are no obstacle."""
    points = np.repeat(np.random.default_rng(5).random((5, 4)), 8, axis=0)
    values = np.repeat(np.array([-1.5, -0.5, 0.0, 0.5, 1.5]), 8)
    mean, deviation = fit(points, values, GROUPS).predict(points)
    assert mean == pytest.approx(values, abs=1e-3)
    assert np.isfinite(deviation).all()
