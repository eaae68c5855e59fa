"""A space that becomes wider while it is searched: what may change, and that no searcher repeats or skips a point."""

from dataclasses import replace

import numpy as np
import pytest
from casts import SLOW, TUNED
from studies import Study

from strategies import STRATEGIES, Choice, Float, Int, Searcher, Space, SpaceError, Strategy, Targets, trial_rng
from strategies.trial import point
from strategies.widening import widened, widened_to

SPACE = Space(x=Float(0, 1, points=3), n=Int(1, 3), c=Choice("a", "b"))
WIDER = Space(x=Float(-1, 1, points=5), n=Int(1, 4), c=Choice("a", "b", "c"))
FINITE = Space(n=Int(1, 2), c=Choice("a", "b"))
WIDER_FINITE = Space(n=Int(0, 2), c=Choice("a", "b", "c"))
SEARCHERS = [name for name, each in STRATEGIES.items() if issubclass(each, Searcher)]
SEQUENCES = ["random", "sobol", "halton"]


def searched(name, before, after, first, then):
    """A study of so many trials in one space and so many more in a wider one; each ended before the next began."""
    tuned = next((each for each in TUNED if type(each) is STRATEGIES[name] and name in SLOW), STRATEGIES[name]())
    curve = lambda number, epoch: (number * 7 % 11) / 8 + 1 / epoch  # noqa: E731 - a curve is a function here
    study = Study(Strategy(tuned), before, curve, Targets(2, first))
    study.run()
    study.space, study.targets, study.widened = after, Targets(2, first + then), True
    study.read_again()
    study.run()
    return study


@pytest.mark.parametrize("name", SEARCHERS)
def test_no_searcher_repeats_a_point_of_the_space_before(name):
    """Every point is one of the wider space, and none is tried twice; where the space ends, the search has all of it."""
    study = searched(name, SPACE, WIDER, 5, 4 if name in SLOW else 12)
    assert all(trial.params in WIDER for trial in study.trials)
    assert len({point(trial.params) for trial in study.trials}) == len(study.trials)
    small = searched(name, FINITE, WIDER_FINITE, 3, 6)
    assert len({point(trial.params) for trial in small.trials}) == WIDER_FINITE.size == 9


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_goes_on_where_it_was(name):
    """The points of later trials are those of their numbers, in the wider space: none is skipped."""
    study = searched(name, SPACE, WIDER, 5, 8)
    history = replace(study.ledger.view(), n_trials=None)
    for number in range(5, 13):
        proposal = STRATEGIES[name]().propose(number, history, trial_rng(study.seed, number))
        assert study.trials[number].params == WIDER.validate(proposal.params)


def test_a_grid_goes_on_with_what_it_has_not_tried():
    """In the order of the wider grid, without the points of the old one; it ends when there is none left."""
    study = searched("grid", SPACE, WIDER, 5, 999)
    tried = [trial.params for trial in study.trials]
    grid = [{"x": x, "n": n, "c": c} for x in (-1, -0.5, 0, 0.5, 1) for n in (1, 2, 3, 4) for c in "abc"]
    assert tried[5:] == [each for each in grid if each not in tried[:5]]


def test_what_is_wider_keeps_every_point():
    """Whatever point the old space has, the wider one has it too; parameters stay in their order."""
    changed = widened(SPACE, {"c": Choice("a", "b", "c"), "x": Float(-1, 1, points=5)})
    assert list(changed.parameters) == list(SPACE.parameters)
    rng = np.random.default_rng(0)
    assert all(SPACE.sample(rng) in changed for _ in range(100))
    assert widened_to(SPACE, Space(dict(reversed(WIDER.parameters.items())))) == WIDER
    assert widened(SPACE, {}) == SPACE


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"y": Float(0, 1)}, "parameter 'y' is not in the space"),
        ({"x": Int(0, 1)}, "was of type 'float' and would become 'int'"),
        ({"x": Float(0, 1, log=False, when={"c": "a"})}, "another condition"),
        ({"x": Float(0.1, 1)}, "would begin at 0.1, above the 0.0"),
        ({"x": Float(0, 0.9)}, "would end at 0.9, below the 1.0"),
        ({"n": Int(1, 3, log=True)}, "had a linear scale"),
        ({"c": Choice("a")}, "must begin with the values it has, 'a', 'b'"),
        ({"c": Choice("c", "a", "b")}, "put new ones last"),
    ],
)
def test_anything_else_is_refused(changes, told):
    """With the parameter's name, and what is wrong."""
    with pytest.raises(SpaceError, match=told):
        widened(SPACE, changes)


def test_nothing_may_be_missing():
    """A whole space names every parameter."""
    with pytest.raises(SpaceError, match="parameter 'n' is missing"):
        widened_to(SPACE, Space(x=Float(0, 1), c=Choice("a", "b")))
