"""Halton's sequence: how evenly it spreads, and that a point follows from its number and the study's seed."""

import numpy as np
import pytest
from scipy.stats import qmc

from strategies import Choice, Float, History, Space, Trial
from strategies.searchers.halton import Halton

CUBE = Space({f"x{i}": Float(0, 1) for i in range(4)})


def points(numbers, *, seed=0, space=CUBE):
    history = History(space, (), {}, 1, seed=seed)
    return [Halton().propose(number, history, np.random.default_rng(number)).params for number in numbers]


def coordinates(numbers, **settings):
    return np.array([list(params.values()) for params in points(numbers, **settings)])


@pytest.mark.parametrize("first", [0, 1, 100, 250, 1234])
@pytest.mark.parametrize(("axis", "slices"), [(0, 64), (1, 27), (2, 25), (3, 49)])
def test_one_point_in_every_slice(axis, slices, first):
    """Any p^k points in a row have one in each of p^k equal slices of the parameter that counts in the prime p."""
    column = coordinates(range(first, first + slices))[:, axis]
    assert sorted((column * slices).astype(int)) == list(range(slices))


@pytest.mark.parametrize("n", [100, 150])
def test_it_is_more_even_than_chance(n):
    """At numbers that are no power of anything the discrepancy is below that of random points."""
    chance = np.random.default_rng(0).random((n, 4))
    assert qmc.discrepancy(coordinates(range(n))) < 0.5 * qmc.discrepancy(chance)


def test_the_sequence_does_not_depend_on_how_it_is_cut():
    """Numbers on both sides of a block's end, asked for in any order, are those of the sequence drawn in one go."""
    scramble = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(0,)))
    whole = qmc.Halton(4, scramble=True, rng=scramble).random(1000)
    numbers = [900, 256, 0, 255, 511, 512]
    np.testing.assert_array_equal(coordinates(numbers, seed=3), whole[numbers])


def test_a_point_follows_from_number_and_seed():
    """Other trials and the generator of the moment change nothing; another seed of the study changes all."""
    crowded = History(CUBE, tuple(Trial(i, {f"x{k}": 0.5 for k in range(4)}) for i in range(3)), {}, 9, seed=1)
    assert Halton().propose(3, crowded, np.random.default_rng(99)).params == points([3], seed=1)[0]
    assert (coordinates(range(64), seed=1) != coordinates(range(64), seed=2)).all(axis=1).mean() > 0.9


def test_conditions_hold():
    """A parameter that is not active is left out, and does not change the others."""
    space = Space(kind=Choice("a", "b"), x=Float(0, 1, when={"kind": "b"}), y=Float(0, 1))
    plain = Space(kind=Choice("a", "b"), x=Float(0, 1), y=Float(0, 1))
    for some, every in zip(points(range(20), space=space), points(range(20), space=plain), strict=True):
        assert some == {name: value for name, value in every.items() if name != "x" or every["kind"] == "b"}
