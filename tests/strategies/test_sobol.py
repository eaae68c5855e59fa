"""Sobol's sequence: how evenly it spreads, and that a point follows from its number and the study's seed."""

import numpy as np
import pytest
from scipy.stats import qmc

from strategies import Choice, Float, History, Space, StrategyError, Trial
from strategies.searchers.sobol import Sobol

CUBE = Space({f"x{i}": Float(0, 1) for i in range(5)})


def points(numbers, *, seed=0, space=CUBE):
    history = History(space, (), {}, 1, seed=seed)
    return [Sobol().propose(number, history, np.random.default_rng(number)).params for number in numbers]


def coordinates(numbers, **settings):
    return np.array([list(params.values()) for params in points(numbers, **settings)])


@pytest.mark.parametrize("first", [0, 512, 1024, 3072])
@pytest.mark.parametrize("m", [1, 4, 9])
def test_one_point_in_every_slice(m, first):
    """Every aligned run of 2^m points has one in each of 2^m equal slices of every parameter's scale."""
    drawn = coordinates(range(first, first + 2**m))
    for column in drawn.T:
        assert sorted((column * 2**m).astype(int)) == list(range(2**m))


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_one_point_in_every_elementary_box(seed):
    """Of the first 256 points, each box of sides 2^-a and 2^-(8-a) in the first two parameters holds exactly one."""
    drawn = coordinates(range(256), seed=seed)[:, :2]
    for a in range(9):
        boxes = (drawn * [2**a, 2 ** (8 - a)]).astype(int)
        assert len(set(map(tuple, boxes.tolist()))) == 256


def test_it_is_more_even_than_chance():
    """The discrepancy of 128 points, and of each pair of their coordinates on average, is below that of random points."""
    even, chance = coordinates(range(128)), np.random.default_rng(0).random((128, 5))
    assert qmc.discrepancy(even) < 0.5 * qmc.discrepancy(chance)
    pairs = [(i, j) for i in range(5) for j in range(i)]
    flat = {"even": even, "chance": chance}
    mean = {name: np.mean([qmc.discrepancy(drawn[:, pair]) for pair in pairs]) for name, drawn in flat.items()}
    assert mean["even"] < 0.5 * mean["chance"]


def test_the_sequence_does_not_depend_on_how_it_is_cut():
    """Numbers on both sides of a block's end, asked for in any order, are those of the sequence drawn in one go."""
    scramble = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(0,)))
    whole = qmc.Sobol(5, scramble=True, rng=scramble).random(4096)
    numbers = [4000, 1024, 0, 1023, 2047, 2048, 1025]
    np.testing.assert_array_equal(coordinates(numbers, seed=3), whole[numbers])


def test_a_point_follows_from_number_and_seed():
    """Other trials and the generator of the moment change nothing; another seed of the study changes all."""
    crowded = History(CUBE, tuple(Trial(i, {f"x{k}": 0.5 for k in range(5)}) for i in range(3)), {}, 9, seed=1)
    assert Sobol().propose(3, crowded, np.random.default_rng(99)).params == points([3], seed=1)[0]
    assert not (coordinates(range(64), seed=1) == coordinates(range(64), seed=2)).any()


def test_choices_are_balanced():
    """Of 2^m points every one of 4 values gets exactly a quarter."""
    space = Space(kind=Choice("a", "b", "c", "d"), x=Float(1e-3, 1, log=True))
    kinds = [params["kind"] for params in points(range(64), space=space)]
    assert {kind: kinds.count(kind) for kind in "abcd"} == dict.fromkeys("abcd", 16)


def test_too_many_parameters():
    """Beyond the dimensions of the sequence the space is refused before the search, with what to use instead."""
    space = Space({f"x{i}": Float(0, 1) for i in range(qmc.Sobol.MAXDIM + 1)})
    with pytest.raises(StrategyError, match="21202 parameters: use 'random'"):
        Sobol().check(space)
