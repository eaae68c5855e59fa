"""CMA-ES: the package's own algorithm on a history, with trials that fail, stop early or have yet to end."""

from math import inf

import numpy as np
import pytest
from cmaes import CMA
from searching import hartmann, mean_best, search

from strategies import Choice, Float, History, Int, Random, Space, State, StrategyError, Trial, trial_rng
from strategies.searchers.cmaes import CMAES, _evolution, _judged

CUBE = Space({f"x{i}": Float(0, 1) for i in range(6)})
PLANE = Space(x=Float(0, 1), y=Float(0, 1))
MIXED = Space(
    kind=Choice("a", "b", "c"), n=Int(1, 50, log=True), x=Float(1e-4, 1, log=True), y=Float(0, 1, when={"kind": "b"})
)


def ended(number, *curve, state=State.COMPLETE, params=None):
    return Trial(number, params or {}, state, curve)


def bowl(params):
    return (params["x"] - 0.2) ** 2 + 10 * (params["y"] - 0.7) ** 2


def distribution(trials, space=PLANE, searcher=None):
    return _evolution(searcher or CMAES(), space, 0).after(trials)


def test_it_is_the_algorithm_of_the_package():
    """One worker's search is the package asked and told directly: 6 points a generation in 2 dimensions."""
    optimizer = CMA(np.full(2, 0.5), 0.2, np.array([[0, 1], [0, 1]]))
    assert optimizer.population_size == CMAES().size(PLANE) == 6
    expected = []
    for generation in range(10):
        told = []
        for number in range(6 * generation, 6 * generation + 6):
            optimizer.reseed_rng(int(trial_rng(0, number).integers(2**32)))
            at = optimizer.ask()
            told.append((at, bowl({"x": at[0], "y": at[1]})))
        expected += [at for at, _ in told]
        optimizer.tell(told)
    trials = search(CMAES(), PLANE, bowl, 60)
    np.testing.assert_allclose([list(trial.params.values()) for trial in trials], expected, rtol=1e-9)


def test_the_ranking_of_a_generation():
    """Worked: where half have been, 3 epochs, by the best so far; then the stopped, the longer first; then the failed."""
    generation = [
        ended(0, 9.0, 8.0, 7.0, 1.0),
        ended(1, 6.0, 5.0, 5.5),
        ended(2, 4.0, state=State.STOPPED),
        ended(3, 8.0, 6.0, state=State.STOPPED),
        ended(4, 3.0, state=State.FAILED),
        Trial(5, {}),
        ended(6, 7.0, 7.0, 7.0),
    ]
    ranked = [(trial.number, loss) for trial, loss in _judged(generation)]
    assert ranked == [(1, 5.0), (0, 7.0), (6, 7.0), (3, 7.0), (2, 7.0), (4, 7.0)]


def test_a_generation_that_failed_teaches_nothing():
    """When all of a generation failed the distribution stays as it is, and the next generation counts."""
    rng = np.random.default_rng(0)
    failed = [ended(i, state=State.FAILED, params=PLANE.sample(rng)) for i in range(6)]
    begun, after = distribution([])[1], distribution(failed)
    assert after == (1, begun)
    better = [ended(6 + i, float(i), params=PLANE.sample(rng)) for i in range(6)]
    assert (distribution(failed + better)[1].mean != begun.mean).all()


def test_failures_repel():
    """Points that failed count as the last of their generation: the mean moves away from them."""
    left = [ended(i, state=State.FAILED, params={"x": 0.3, "y": 0.5}) for i in range(3)]
    right = [ended(3 + i, 1.0, params={"x": 0.7, "y": 0.5}) for i in range(3)]
    assert distribution(left + right)[1].mean[0] > 0.55


def test_three_quarters_are_enough():
    """Five of six known make a generation, four do not; who is unknown says nothing, whichever point it has."""
    rng = np.random.default_rng(0)
    known = [ended(i, float(i), params=PLANE.sample(rng)) for i in range(5)]
    assert distribution([*known[:4], Trial(4, {}), Trial(5, {})])[0] == 0
    (one, here), (other, there) = (
        distribution([*known, Trial(5, {"x": x, "y": 0.5})], searcher=CMAES(population=6)) for x in (0.0, 1.0)
    )
    assert one == other == 1
    np.testing.assert_array_equal(here.mean, there.mean)
    ended_well = distribution([*known, ended(5, -1.0, params={"x": 0.0, "y": 0.5})])[1]
    assert ended_well.mean[0] < here.mean[0]


def test_a_parameter_that_is_missing_says_nothing():
    """The mean of a coordinate stays where it is when no trial of a generation has the parameter."""
    rng = np.random.default_rng(0)
    without = [params for params in (MIXED.sample(rng) for _ in range(99)) if "y" not in params]
    size = CMAES().size(MIXED)
    after = distribution([ended(i, float(i), params=without[i]) for i in range(size)], MIXED)[1]
    assert after.mean[3] == 0.5
    assert (after.mean[:3] != 0.5).all()


def test_a_collapsed_search_begins_anew():
    """On a plateau the search starts again, at a random point that is the same for the same study."""
    trials = search(CMAES(), PLANE, lambda _: 1.0, 270)
    generations = [distribution(trials[: 6 * g])[1] for g in range(45)]
    restarts = [each for each in generations[1:] if each.generation == 0]
    assert restarts
    assert (restarts[0].mean != 0.5).all()
    _evolution.cache_clear()
    np.testing.assert_array_equal(distribution(trials)[1].mean, _evolution(CMAES(), PLANE, 0).after(trials)[1].mean)


def test_what_was_kept_changes_nothing():
    """A process that joins late, and computes all generations anew, proposes the same."""
    trials = search(CMAES(), MIXED, lambda params: inf if params["n"] == 7 else params["x"] * params["n"], 120, lag=4)
    _evolution.cache_clear()
    late = CMAES().propose(120, History(MIXED, trials, {}, 1), np.random.default_rng(5))
    for n in range(20, 121):
        soon = CMAES().propose(n, History(MIXED, trials[:n], {}, 1), np.random.default_rng(5))
    assert soon == late


@pytest.mark.parametrize("lag", [1, 16])
def test_it_beats_chance(lag):
    """On Hartmann's function 200 trials of one worker, or of 16, end at less than half of what random ones do on average."""
    seeds = range(4)
    evolved = [search(CMAES(), CUBE, hartmann, 200, seed=seed, lag=lag) for seed in seeds]
    drawn = [search(Random(), CUBE, hartmann, 200, seed=seed) for seed in seeds]
    assert mean_best(evolved) < 0.5 * mean_best(drawn)


def test_integers_and_choices_are_found():
    """Of 1,200 points of integers and choices one worker finds the best within 100 trials, and then tries no point twice."""
    space = Space(a=Int(1, 20), b=Int(1, 20), kind=Choice("u", "v", "w"))

    def loss(params):
        return abs(params["a"] - 14) + abs(params["b"] - 5) + 3 * (params["kind"] != "v")

    trials = search(CMAES(), space, loss, 150)
    assert min(trial.value for trial in trials[:100]) == 0
    assert len({tuple(trial.params.items()) for trial in trials}) == 150


def test_one_parameter():
    """A single number is searched, too."""
    trials = search(CMAES(), Space(x=Float(0, 1)), lambda params: abs(params["x"] - 0.9), 60)
    assert min(trial.value for trial in trials) < 1e-3


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"population": 3}, "population must be an integer of at least 4"),
        ({"sigma": 0}, "sigma must be above 0 and at most 1, the whole scale, not 0"),
        ({"sigma": 1.5}, "not 1.5"),
        ({"sigma": "wide"}, "sigma must be a finite number"),
    ],
)
def test_settings_that_cannot_be(setting, says):
    """A setting out of its range is refused, by name."""
    with pytest.raises(StrategyError, match=says):
        CMAES(**setting)
