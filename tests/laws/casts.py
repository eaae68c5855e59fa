"""Strategies and curves: what the laws of strategies are checked over. A new component is, once it is registered."""

from math import inf

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies import (
    ASHA,
    CMAES,
    PASHA,
    STRATEGIES,
    TPE,
    Bayes,
    Budgeted,
    BudgetedBandit,
    CurveExtrapolation,
    DifferentialEvolution,
    FreezeThaw,
    GaussianProcess,
    Hyperband,
    Median,
    MetaMax,
    OneEpoch,
    Patience,
    PopulationBasedTraining,
    Scheduler,
    Searcher,
    Skopt,
    Stopper,
    Strategy,
    SuccessiveHalving,
    Threshold,
    parse_strategy,
)
from strategies.presets import PRESETS

TUNED = [
    TPE(initial=3),
    TPE(initial=3, weights="equal", random=0.5),
    TPE.bohb(),
    DifferentialEvolution(population=4),
    DifferentialEvolution(population=5, base="rand", crossover=1),
    CMAES(population=4),
    Bayes(initial=3, every=2),
    Bayes(initial=3, most=10),
    GaussianProcess(initial=3),
    GaussianProcess(initial=3, most=10),
    Skopt(estimator="et", initial=3),
    Skopt(estimator="rf", acquisition="gp_hedge", initial=3),
    SuccessiveHalving(eta=2),
    SuccessiveHalving(eta=4, min_epochs=2, trials=5),
    SuccessiveHalving(eta=2, min_epochs=50, trials=3),
    Hyperband(eta=2),
    Hyperband(variant="table1"),
    Hyperband(eta=2, brackets=2),
    ASHA(eta=2),
    ASHA(variant="stopping"),
    ASHA(eta=4, min_epochs=2),
    PASHA(eta=2),
    OneEpoch(top=1, trials=4),
    OneEpoch(top=5),
    MetaMax("k", step=3, instances=3, smooth=3),
    MetaMax("infinite", instances=2),
    MetaMax(instances=1, worst=3.0),
    PopulationBasedTraining(size=4, interval=1, replaced=0.5),
    PopulationBasedTraining(size=3, interval=2, replaced=0, resample=1),
    Budgeted(slack=3),
    Budgeted(cost_power=2, validation=5),
    BudgetedBandit(slack=0.5, penalty=2, kappa=0),
    FreezeThaw(samples=50, candidates=20, fantasies=2),
    FreezeThaw("ei_max", step=2, samples=50, candidates=20, give_up=0),
    FreezeThaw("mfpi_random", initial=1, basket_old=2, basket_new=1, samples=50, candidates=20, give_up=0.5),
    Patience(epochs=1),
    Patience(epochs=2, min_delta=0.5),
    Median(min_trials=1),
    Median(min_epochs=3, min_trials=2),
    CurveExtrapolation(interval=1, min_epochs=3),
    CurveExtrapolation(interval=2, threshold=0.5, bounds=(0, 4), optimistic=True),
    Threshold(value=1.0, epoch=2),
    Threshold(value=-0.5),
]
"""Settings that the defaults do not reach in short searches, or not in short time."""

_SLOW = {"bayes", "gp", "skopt", "freeze-thaw", "curves"}
SLOW = _SLOW | {name for name in PRESETS if _SLOW & set(parse_strategy(name).name.split("+"))}
"""What takes more than some milliseconds to decide: tried in fewer and shorter searches, and in its own right only."""

NAMES = [*STRATEGIES, *PRESETS]
NON_ADAPTIVE = [name for name, each in STRATEGIES.items() if not each.adaptive]


def parts(names=tuple(STRATEGIES)):
    """The components of these names, at their defaults and tuned."""
    classes = [STRATEGIES[name] for name in names]
    return [*(each() for each in classes), *(each for each in TUNED if type(each) in classes)]


@st.composite
def strategies_with(draw, name, *, only=tuple(STRATEGIES)):
    """A preset, or a strategy that holds the component of that name; its other parts are any quick ones of `only`."""
    if name in PRESETS:
        return parse_strategy(name)
    mine = [each for each in parts([name]) if name not in SLOW or each in TUNED]
    others = parts([other for other in only if other not in SLOW])

    def part(base):
        return st.sampled_from(
            mine if isinstance(mine[0], base) else [each for each in others if isinstance(each, base)]
        )

    stopper = part(Stopper) if isinstance(mine[0], Stopper) else st.none() | part(Stopper)
    return Strategy(draw(part(Searcher)), draw(part(Scheduler)), draw(stopper))


def trials_of(name, most):
    """How many trials a search has: at most so many, but of the slow ones a few."""
    return st.integers(6, 9) if name in SLOW else st.integers(0, most)


@st.composite
def curves(draw):
    """Falling curves in steps of 1/8 with ties, noise and crossings; in some, trials fail here and there."""
    seed, failing = draw(st.integers(0, 10**6)), draw(st.sampled_from([0, 0, 0.03, 0.3]))

    def curve(number, epoch):
        rng = np.random.default_rng((seed, number, epoch))
        limit, speed = np.random.default_rng((seed, number)).integers(0, 16, 2)
        return inf if rng.random() < failing else float(round(limit + speed * 8 / epoch) + rng.integers(0, 3)) / 8

    return curve


def orders():
    """In which order jobs end: `pick(n)` is one of 0 … n-1."""
    return st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).integers)


horizons = st.sampled_from([1, 2, 3, 9, 10, 26, 27])


def law(names=NAMES, *, examples=6, slow=2):
    """Check a law for every name on generated data: `check(name, data)`, so many times; the slow ones fewer times."""

    def generated(check):
        @pytest.mark.parametrize("name", names)
        def test(name):
            times = settings(
                max_examples=slow if name in SLOW else examples,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],  # that would be the machine's fault
            )
            times(given(data=st.data())(lambda data: check(name, data)))()

        test.__doc__, test.__name__ = check.__doc__, check.__name__
        return test

    return generated
