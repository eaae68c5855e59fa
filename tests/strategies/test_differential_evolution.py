"""Differential evolution: selection, mutation and crossover, with trials that fail or have yet to end."""

import numpy as np
import pytest
from searching import hartmann, mean_best, search

from strategies import Choice, Float, History, Int, Random, Space, State, StrategyError, Trial
from strategies.searchers.differential_evolution import DifferentialEvolution, _evolution, _selected

CUBE = Space({f"x{i}": Float(0, 1) for i in range(6)})
MIXED = Space(
    kind=Choice("a", "b", "c"), n=Int(1, 50, log=True), x=Float(1e-4, 1, log=True), y=Float(0, 1, when={"kind": "b"})
)


def ended(number, *curve, state=State.COMPLETE, params=None):
    return Trial(number, params or {}, state, curve)


def first_generation(space, n=10, seed=0):
    """The first trials of a study, with rising losses."""
    rng = np.random.default_rng(seed)
    return [ended(i, float(i), params=space.sample(rng)) for i in range(n)]


def children(searcher, space, trials, n=200):
    history = History(space, trials, {}, 1)
    return [searcher.propose(len(trials), history, np.random.default_rng(i)) for i in range(n)]


def test_who_takes_a_place():
    """Worked: better, equal, worse, failed, yet to tell, longer but worse where both have been, against one that failed."""
    holders = tuple(ended(i, 5.0, 4.0) for i in range(6))
    holders += (ended(6, state=State.FAILED),)
    generation = [
        ended(10, 5.0, 3.0),
        ended(11, 6.0, 4.0),
        ended(12, 5.0, 4.5),
        ended(13, 1.0, state=State.FAILED),
        Trial(14, {}),
        ended(15, 5.5, 4.5, 1.0),
        ended(16, 99.0),
    ]
    places = _selected(holders, generation)
    assert [trial.number for trial in places] == [10, 11, 2, 3, 4, 5, 16]


def test_a_holder_that_has_yet_to_tell():
    """Whoever has a value takes the place of a trial that has none; a shorter child is judged where both have been."""
    places = _selected((Trial(0, {}), ended(1, 3.0, 1.0)), [ended(2, 7.0), ended(3, 2.0)])
    assert [trial.number for trial in places] == [2, 3]


def test_the_rest_of_an_unfinished_generation():
    """Places whose children have yet to be made keep their holders."""
    holders = tuple(ended(i, 1.0) for i in range(4))
    assert [trial.number for trial in _selected(holders, [ended(4, 0.5)])] == [4, 1, 2, 3]


def test_without_crossover_a_child_differs_in_one_parameter():
    """At crossover 0 exactly one coordinate comes from the mutant, and any of them may."""
    trials = first_generation(CUBE)
    changed = []
    for proposal in children(DifferentialEvolution(crossover=0), CUBE, trials):
        differing = [name for name in CUBE.parameters if abs(proposal.params[name] - trials[0].params[name]) > 1e-12]
        assert len(differing) == 1
        changed += differing
    assert set(changed) == set(CUBE.parameters)


def test_without_differences_a_child_is_its_base():
    """At factor 0 and crossover 1 children are copies of the best, or of any member but the holder of the place."""
    trials = first_generation(CUBE)

    def nearest(base):
        made = children(DifferentialEvolution(factor=0, crossover=1, base=base), CUBE, trials)
        at = CUBE.encode_all([proposal.params for proposal in made])
        apart = np.abs(at[:, None] - CUBE.encode_all([trial.params for trial in trials])).max(axis=2)
        assert apart.min(axis=1).max() < 1e-12
        return set(apart.argmin(axis=1).tolist())

    assert nearest("best") == {0}
    assert nearest("rand") == set(range(1, 10))


def test_a_mutant_is_the_base_and_a_difference():
    """Where it stays inside, a child at crossover 1 is best + F (b - c) with F within 2/3 and 4/3 of the factor."""
    trials = first_generation(CUBE)
    at = CUBE.encode_all([trial.params for trial in trials])
    inside = 0
    for proposal in children(DifferentialEvolution(crossover=1), CUBE, trials):
        base, b, c = proposal.reason["donors"]
        assert base == 0
        difference = at[b] - at[c]
        factors = (CUBE.encode(proposal.params) - at[base]) / difference
        reach = at[base] + np.outer([1 / 3, 2 / 3], difference)
        stays = ((reach >= 0) & (reach <= 1)).all(axis=0)
        inside += stays.sum()
        assert np.ptp(factors[stays]) < 1e-6
        assert ((factors[stays] > 1 / 3 - 1e-9) & (factors[stays] < 2 / 3 + 1e-9)).all()
    assert inside > 200


def test_a_choice_on_which_all_agree_stays():
    """Where all members have the same value of a choice, so have all children."""
    trials = [trial for trial in first_generation(MIXED, 60) if trial.params["kind"] == "b"][:10]
    trials = [ended(i, float(i), params=trial.params) for i, trial in enumerate(trials)]
    made = children(DifferentialEvolution(), MIXED, trials)
    assert {proposal.params["kind"] for proposal in made} == {"b"}
    assert len({proposal.params["n"] for proposal in made}) > 5


def test_children_are_proposed_while_nothing_is_known():
    """With every trial pending children differ from their parents and lie in the space; the base is the first one's."""
    rng = np.random.default_rng(0)
    trials = [Trial(i, MIXED.sample(rng)) for i in range(14)]
    for proposal in children(DifferentialEvolution(), MIXED, trials, 50):
        assert proposal.params in MIXED
        assert proposal.reason["donors"][0] == 0


def test_what_was_kept_changes_nothing():
    """A process that joins late, and computes all generations anew, proposes the same."""
    trials = search(DifferentialEvolution(), MIXED, lambda params: params["x"], 90, lag=4)
    _evolution.cache_clear()
    late = DifferentialEvolution().propose(90, History(MIXED, trials, {}, 1), np.random.default_rng(5))
    for n in range(20, 91):
        soon = DifferentialEvolution().propose(n, History(MIXED, trials[:n], {}, 1), np.random.default_rng(5))
    assert soon == late


@pytest.mark.parametrize("base", ["best", "rand"])
def test_it_beats_chance(base):
    """On Hartmann's function 200 trials of four workers end at less than half of what random ones do on average."""
    seeds = range(4)
    evolved = [search(DifferentialEvolution(base=base), CUBE, hartmann, 200, seed=seed, lag=4) for seed in seeds]
    drawn = [search(Random(), CUBE, hartmann, 200, seed=seed) for seed in seeds]
    assert mean_best(evolved) < 0.5 * mean_best(drawn)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"population": 3}, "population must be an integer of at least 4"),
        ({"factor": -0.1}, "factor must be a finite number of at least 0"),
        ({"factor": 2.5}, "factor must be at most 2, not 2.5"),
        ({"crossover": 1.5}, "crossover must be at most 1, not 1.5"),
        ({"base": "worst"}, "base must be 'best' or 'rand', not 'worst'"),
    ],
)
def test_settings_that_cannot_be(setting, says):
    """A setting out of its range is refused, by name."""
    with pytest.raises(StrategyError, match=says):
        DifferentialEvolution(**setting)
