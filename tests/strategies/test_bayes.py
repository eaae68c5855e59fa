"""A Gaussian process and TPE by turns: whose turn it is, what is told of it, and that neither's weakness stays."""

import numpy as np
import pytest

from strategies import Choice, Float, History, Space, State, StrategyError, Trial
from strategies.searchers.bayes import Bayes
from strategies.searchers.gp import GaussianProcess
from strategies.searchers.tpe import TPE
from tests.strategies.searching import hartmann, mean_best, search

PLANE = Space(x=Float(0, 1), y=Float(0, 1))
CUBE = Space({f"x{i}": Float(0, 1) for i in range(6)})


def bowl(params):
    return (params["x"] - 0.3) ** 2 + (params["y"] - 0.7) ** 2


def by(space, searcher, number):
    """The proposal for a trial of that number, after as many at random."""
    rng = np.random.default_rng(0)
    points = [space.sample(rng) for _ in range(number)]
    trials = [Trial(i, point, State.COMPLETE, (float(bowl(point)),)) for i, point in enumerate(points)]
    return searcher.propose(number, History(space, trials, {}, 1), np.random.default_rng(number))


def test_turns():
    """Sobol's points come first, then one proposal in `every` is TPE's, and from `most` on all are."""
    searcher = Bayes(initial=5, every=4, most=14)
    made = [by(PLANE, searcher, number) for number in range(17)]
    assert [bool(proposal.reason.get("initial")) for proposal in made[:5]] == [True] * 5
    turns = [proposal.reason["by"] for proposal in made[5:]]
    assert turns == ["gp"] * 3 + ["tpe"] + ["gp"] * 3 + ["tpe"] + ["gp"] + ["tpe"] * 3


def test_each_proposes_what_it_would_alone():
    """A proposal is that of the Gaussian process or of TPE on the same history, reason and all."""
    for number, alone in ((10, GaussianProcess()), (11, GaussianProcess()), (12, TPE())):
        one, other = by(PLANE, Bayes(), number), by(PLANE, alone, number)
        assert (one.params, one.reason) == (other.params, other.reason)


def test_it_finds_the_minimum():
    """Of a bowl within a thousandth of its range at 25 trials."""
    assert mean_best([search(Bayes(), PLANE, bowl, 25, seed=seed) for seed in range(2)]) < 1e-3


def test_noise_does_not_hold_it():
    """Under noise half as wide as the spread of random draws, it finds what far more draws at random do not."""
    noise = np.random.default_rng(1)
    trials = search(Bayes(), CUBE, lambda params: hartmann(params) + 0.2 * noise.standard_normal(), 50)
    rng = np.random.default_rng(0)
    blind = np.mean([min(hartmann(CUBE.sample(rng)) for _ in range(100)) for _ in range(20)])
    assert min(hartmann(trial.params) for trial in trials) < blind / 2


def test_many_trials():
    """Beyond `most` trials it costs no more than TPE: no process is fitted."""
    space = Space(x=Float(0, 1), y=Float(0, 1), kind=Choice("a", "b"))
    assert by(space, Bayes(), 301).reason["by"] == "tpe"
    assert by(space, Bayes(), 301).params == by(space, TPE(), 301).params


@pytest.mark.parametrize("settings", [{"initial": 0}, {"every": 0}, {"every": 1.5}, {"most": 9}])
def test_settings_that_cannot_be(settings):
    """At least one first point, TPE every time at most, and ten trials before it takes over."""
    with pytest.raises(StrategyError, match=f"{next(iter(settings))} must be an integer"):
        Bayes(**settings)
