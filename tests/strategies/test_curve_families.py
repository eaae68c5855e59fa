"""The eleven families of learning curves: their formulas, and their fits."""

from math import exp, log

import numpy as np
import pytest

from strategies.models.curve_families import FAMILIES

STEPS = np.arange(1.0, 61.0)

WRITTEN_OTHERWISE = {
    "vapor pressure": lambda t, a, b, c: exp(a) * exp(b / t) * t**c,
    "pow3": lambda t, c, a, alpha: c - a / exp(alpha * log(t)),
    "log log linear": lambda t, a, b: log(b + log(t**a)),
    "hill3": lambda t, theta, eta, kappa: theta / (1 + (kappa / t) ** eta),
    "log power": lambda t, a, b, c: a / (1 + exp(c * (log(t) - b))),
    "pow4": lambda t, c, a, b, alpha: c - 1 / exp(alpha * log(a * t + b)),
    "mmf": lambda t, alpha, beta, kappa, delta: (beta + alpha * (kappa * t) ** delta) / (1 + (kappa * t) ** delta),
    "exp4": lambda t, c, a, b, alpha: c - exp(b) / exp(a * exp(alpha * log(t))),
    "janoschek": lambda t, alpha, beta, kappa, delta: (
        beta * exp(-kappa * t**delta) + alpha * (1 - exp(-kappa * t**delta))
    ),
    "weibull": lambda t, alpha, beta, kappa, delta: (
        beta * exp(-(kappa**delta) * t**delta) + alpha * (1 - exp(-(kappa**delta) * t**delta))
    ),
    "ilog2": lambda t, c, a: c - a * log(2) / (log(t + 1) * log(2)),
}


def test_the_model_has_48_dimensions():
    """There are 11 families with 36 parameters; with a weight each and the noise they make 48 dimensions."""
    parameters = sum(len(family.start) for family in FAMILIES.values())
    assert (len(FAMILIES), parameters, parameters + len(FAMILIES) + 1) == (11, 36, 48)


@pytest.mark.parametrize("name", FAMILIES)
def test_formulas(name):
    """Every formula equals the same formula written otherwise, at its start values and near them."""
    family = FAMILIES[name]
    for factor in (1.0, 0.9, 1.2):
        parameters = [factor * value for value in family.start]
        expected = [WRITTEN_OTHERWISE[name](t, *parameters) for t in STEPS.tolist()]
        assert family.curve(STEPS, parameters) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_broadcast(name):
    """Columns of parameters give a curve a row."""
    family = FAMILIES[name]
    columns = [np.array([[value], [1.1 * value]]) for value in family.start]
    curves = family.curve(STEPS, columns)
    assert curves.shape == (2, 60)
    assert curves[1] == pytest.approx(family.curve(STEPS, [1.1 * value for value in family.start]))


def test_some_shapes_are_the_same():
    """MMF and log power are Hill3 with other letters, Janoschek and exp4 are Weibull."""
    curve = {name: lambda *p, family=family: family.curve(STEPS, p) for name, family in FAMILIES.items()}
    hill = curve["hill3"](0.8, 1.5, 9.0)
    assert curve["mmf"](0.8, 0.0, 1 / 9, 1.5) == pytest.approx(hill)
    assert curve["log power"](0.8, log(9), -1.5) == pytest.approx(hill)
    weibull = curve["weibull"](0.8, 0.3, 0.1, 0.7)
    assert curve["janoschek"](0.8, 0.3, 0.1**0.7, 0.7) == pytest.approx(weibull)
    assert curve["exp4"](0.8, 0.1**0.7, log(0.5), 0.7) == pytest.approx(weibull)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fit_is_no_worse_than_the_truth(name):
    """Least squares end below the squares of the curve that made the data."""
    family = FAMILIES[name]
    truth = family.curve(STEPS, [1.1 * value for value in family.start])
    data = truth + 0.01 * np.random.default_rng(3).standard_normal(60)
    found = family.fit(STEPS, data)
    assert found is not None
    assert np.sum((family.curve(STEPS, found) - data) ** 2) <= 1.001 * np.sum((truth - data) ** 2)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("data", [np.zeros(10), np.full(10, 0.5), np.linspace(0.9, 0.1, 10), np.array([0.2])])
def test_a_fit_is_a_curve_or_none(name, data):
    """Curves that no family is made for give parameters of a finite curve, or none: never an error."""
    steps = np.arange(1.0, len(data) + 1)
    found = FAMILIES[name].fit(steps, data)
    assert found is None or np.isfinite(FAMILIES[name].curve(steps, found)).all()


def test_outside_of_its_domain_a_curve_is_undefined():
    """The logarithm of a negative number is NaN, without a warning."""
    assert np.isnan(FAMILIES["log log linear"].curve(STEPS[:1], (1.0, -1.0))).all()
