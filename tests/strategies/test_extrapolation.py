"""Stopping by extrapolated learning curves: the rule, its incumbent, and its bounds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from timing import seconds

from strategies import Float, History, Space, State, StrategyError, Trial
from strategies.models.curve_families import FAMILIES
from strategies.stoppers.extrapolation import CurveExtrapolation

SPACE = Space(x=Float(0, 1))
STEPS = np.arange(1.0, 501.0)


def accuracy(name, n, noise=5e-4, parameters=None):
    """The negative of an accuracy: the first n values of a family's curve, with noise, and its true value at 500."""
    curve = FAMILIES[name].curve(STEPS, parameters or FAMILIES[name].start)
    noisy = curve[:n] + noise * np.random.default_rng(0).standard_normal(n)
    return tuple((-noisy).tolist()), float(-curve[-1])


def history(*curves, state=State.COMPLETE, max_epochs=500, sign=1):
    """Trials with these curves."""
    trials = [Trial(i, {}, state, tuple(curve)) for i, curve in enumerate(curves)]
    return History(SPACE, trials, {}, max_epochs, sign=sign)


def falling(end, n=100, *, speed=0.7, start=2.3, noise=0.01, seed=0):
    """A log loss that falls from `start` to about `end`."""
    values = end + (start - end) * np.arange(1, n + 1) ** -speed
    return tuple((values + noise * np.random.default_rng(seed).standard_normal(n)).tolist())


def verdict(stopper, curve, past):
    """The verdict on another trial."""
    return stopper.verdict(Trial(len(past.trials), {}, curve=tuple(curve)), past)


@pytest.mark.parametrize("name", ["pow3", "log power"])
def test_published_cases(name):
    """200 of 500 accuracies with little noise: stopped if the incumbent is 0.05 above the true end, not if 0.05 below."""
    curve, end = accuracy(name, 200)
    stopper = CurveExtrapolation(bounds=(0, 1), interval=1)
    stop = verdict(stopper, curve, history([end - 0.05], sign=-1))
    assert stop.reason["probability"] < 0.05
    assert stop.reason["predicted"] == pytest.approx(end, abs=0.03)
    assert verdict(stopper, curve, history([end + 0.05], sign=-1)) is None


def test_published_optimistic_case():
    """pow3 (0.84, 0.52, 0.2), noise 0.01: 30 values go on when better; 300 stop only optimistically, as the end is known."""
    curve, end = accuracy("pow3", 300, 0.01, (0.84, 0.52, 0.2))
    optimistic = CurveExtrapolation(bounds=(0, 1), interval=1, optimistic=True)
    assert verdict(optimistic, curve[:30], history([end + 0.05], sign=-1)) is None
    level = history([min(curve) - 1e-6], sign=-1)
    stop = verdict(optimistic, curve, level)
    assert stop.reason["predicted"] == pytest.approx(end, abs=0.01)
    assert stop.reason["sd"] < 0.005
    assert stop.reason["probability"] > 0.05
    assert verdict(replace(optimistic, optimistic=False), curve, level) is None


def test_the_slow_engine_judges_alike():
    """The published sampler stops the hopeless curve too."""
    stop = verdict(CurveExtrapolation(engine="mcmc"), falling(1.0, 10), history(falling(0.2, 20), max_epochs=20))
    assert stop.reason["probability"] < 0.05
    assert stop.reason["predicted"] == pytest.approx(1.1, abs=0.3)


def test_hopeless_and_hopeful_curves():
    """Half way, a curve that ends far above the incumbent is stopped, one that ends below goes on; bounds are not needed."""
    past = history(*(falling(end, seed=i) for i, end in enumerate((0.6, 0.8, 0.7))), max_epochs=100)
    stop = verdict(CurveExtrapolation(), falling(1.2, seed=9)[:50], past)
    assert stop.trial == 3
    assert stop.reason["incumbent"] == min(past.trials[0].curve)
    assert stop.reason["incumbent_trial"] == 0
    assert (stop.reason["epoch"], stop.reason["horizon"]) == (50, 100)
    assert abs(stop.reason["predicted"] - 1.24) < max(0.1, 3 * stop.reason["sd"])
    json.dumps(dict(stop.reason), allow_nan=False)
    assert verdict(CurveExtrapolation(), falling(0.5, speed=0.5, seed=9)[:50], past) is None


@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (1e-3, 5.0), (2.0, -300.0)])
def test_units_do_not_count(factor, shift):
    """Without bounds, an increasing affine change of all losses changes predictions alike, and no probability."""
    curves = [falling(end, seed=i) for i, end in enumerate((0.6, 0.8, 0.7))]

    def changed(curve):
        return tuple(factor * value + shift for value in curve)

    for end in (0.9, 1.2):
        curve = falling(end, seed=9)[:50]
        plain = verdict(CurveExtrapolation(threshold=2), curve, history(*curves, max_epochs=100)).reason
        other = verdict(
            CurveExtrapolation(threshold=2), changed(curve), history(*map(changed, curves), max_epochs=100)
        ).reason
        assert other["probability"] == pytest.approx(plain["probability"], rel=1e-4, abs=1e-9)
        assert other["predicted"] == pytest.approx(factor * plain["predicted"] + shift, rel=1e-5)
        assert other["sd"] == pytest.approx(factor * plain["sd"], rel=1e-4)


def test_bounds_are_in_the_users_units():
    """Bounds in either order, of what is maximised: the same as bounds of the losses of one who minimises."""
    curve = accuracy("pow3", 200)[0]
    past = history([-0.45])
    turned = verdict(CurveExtrapolation(bounds=(0, 1)), curve, replace(past, sign=-1))
    assert turned == verdict(CurveExtrapolation(bounds=(-1, 0)), curve, past)
    assert turned == verdict(CurveExtrapolation(bounds=[1, 0]), curve, replace(past, sign=-1))


HOPELESS = falling(2.0)[:50]


def test_it_needs_an_incumbent():
    """Nothing is stopped before another trial is complete, however good those are that are not."""
    good = falling(0.1)
    assert verdict(CurveExtrapolation(), HOPELESS, history(good, max_epochs=100)) is not None
    for state in State:
        if state is not State.COMPLETE:
            assert verdict(CurveExtrapolation(), HOPELESS, history(good, state=state, max_epochs=100)) is None
    itself = history(good, max_epochs=100)
    assert CurveExtrapolation().verdict(Trial(0, {}, curve=HOPELESS), itself) is None


def test_the_incumbent_is_the_best_that_stands():
    """Once one is complete, a stopped or running trial may lead; one that failed or was discarded may not."""
    past = history(falling(0.5), max_epochs=100)
    others = [Trial(1 + i, {}, state, (0.01 * (i + 1),)) for i, state in enumerate((State.FAILED, State.DISCARDED))]
    past = replace(past, trials=[*past.trials, *others])
    assert verdict(CurveExtrapolation(), HOPELESS, past).reason["incumbent_trial"] == 0
    past = replace(past, trials=[*past.trials, Trial(3, {}, State.STOPPED, (0.3,)), Trial(4, {}, curve=(0.3,))])
    assert verdict(CurveExtrapolation(), HOPELESS, past).reason["incumbent_trial"] == 3


def test_who_leads_goes_on():
    """A trial that has bettered the incumbent already is not stopped, whatever comes."""
    past = history(falling(0.5), max_epochs=100)
    worsening = (2.0, 0.1, *np.linspace(1.0, 5.0, 48).tolist())
    assert verdict(CurveExtrapolation(), worsening, past) is None


def test_when_it_looks():
    """By default 20 times in a trial, never before `min_epochs` nor at the end; or every `interval` epochs."""
    past = history(falling(0.1), max_epochs=100)
    curve = falling(2.0)

    def looked(stopper, horizon=100):
        within = replace(past, max_epochs=horizon)
        return [n for n in range(1, horizon + 1) if verdict(stopper, curve[:n], within)]

    assert looked(CurveExtrapolation(threshold=2)) == list(range(5, 100, 5))
    assert looked(CurveExtrapolation(threshold=2), 20) == list(range(4, 20))
    assert looked(CurveExtrapolation(threshold=2, interval=30)) == [30, 60, 90]
    assert looked(CurveExtrapolation(threshold=2, interval=1, min_epochs=97)) == [97, 98, 99]


@pytest.mark.parametrize("n", [1, 2])
def test_two_values_are_too_few(n):
    """One or two values of a curve tell nothing."""
    past = history(falling(0.1), max_epochs=10)
    assert verdict(CurveExtrapolation(min_epochs=3, interval=1), falling(2.0)[:n], past) is None


@pytest.mark.parametrize("engine", ["bank", "mcmc"])
def test_constants_have_no_range(engine):
    """When all values seen are one, nothing can be told; when the trial alone is constant, it is above the incumbent."""
    flat = (1.0,) * 10
    assert verdict(CurveExtrapolation(engine=engine), flat, history(flat, max_epochs=20)) is None
    assert verdict(CurveExtrapolation(), flat, history(falling(0.1, 20, start=1.0), max_epochs=20)) is not None


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_a_range_beyond_all_numbers(value):
    """Values so far apart that their difference overflows tell nothing; there is no error and no warning."""
    past = history(falling(0.1), (-1e308, -1e308), max_epochs=100)
    assert verdict(CurveExtrapolation(), (1e308, value, *HOPELESS[2:]), past) is None


@pytest.mark.alone
def test_a_verdict_in_a_long_history():
    """Half a curve of 200 epochs is judged among 10,000 trials in less than ten times the time it takes among 100."""

    def past(size):
        ends = np.random.default_rng(0).random(size)
        return history(*(falling(0.5 + end, 200, seed=i) for i, end in enumerate(ends)), max_epochs=200)

    curve = falling(1.3, 200)[:100]
    few, many = (
        min(seconds(lambda: verdict(CurveExtrapolation(), curve, known)) for _ in range(6))  # noqa: B023 - called at once
        for known in (past(100), past(10_000))
    )
    assert many < 10 * few


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"interval": 0},
        {"min_epochs": 2},
        {"bounds": (1, 1)},
        {"bounds": (0, 1, 2)},
        {"bounds": (0, float("inf"))},
        {"bounds": "01"},
        {"bounds": 1.0},
        {"engine": "lstm"},
        {"optimistic": 1},
    ],
)
def test_settings_that_cannot_be(settings):
    """A probability, whole epochs, two bounds, an engine there is, and yes or no."""
    with pytest.raises(StrategyError, match=next(iter(settings))):
        CurveExtrapolation(**settings)


def test_settings_survive_json():
    """Bounds that were written down as a list are the bounds they were."""
    stopper = CurveExtrapolation(bounds=(1, 0))
    assert CurveExtrapolation(bounds=json.loads(json.dumps(stopper.bounds))) == stopper
