"""The split: every row once, strata divided alike, a pure function of rows and seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpo.data import load_data
from hpo.data.splits import FEWEST, split

strata = st.lists(st.integers(0, 4), min_size=3, max_size=150).map(np.array)
fractions = st.floats(0.05, 0.45)


@given(strata, fractions, fractions, st.integers(0, 2**32))
def test_every_row_is_in_one_part_and_each_stratum_in_all(strata, validation, test, seed):
    """The parts are disjoint and complete; a stratum of three rows or more has one in each; rarer ones are trained on."""
    parts = split(strata, validation, test, seed)
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows) == list(range(len(strata)))
    for stratum in np.unique(strata):
        sizes = [int(np.sum(strata[part] == stratum)) for part in (parts.train, parts.validation, parts.test)]
        assert min(sizes) >= 1 if sum(sizes) >= FEWEST else sizes[1:] == [0, 0]


@given(st.lists(st.integers(20, 200), min_size=1, max_size=4), fractions, fractions)
def test_strata_are_divided_in_the_fractions_asked_for(sizes, validation, test):
    """Each part's share of each stratum is off by rounding alone."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    parts = split(strata, validation, test, seed=0)
    for stratum, size in enumerate(sizes):
        for rows, fraction in ((parts.validation, validation), (parts.test, test)):
            assert abs(np.sum(strata[rows] == stratum) - fraction * size) <= 0.5


@given(strata, st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_split(strata, seed):
    """Called twice, in any state of NumPy's global generator, the split is the same."""
    one = split(strata, 0.2, 0.2, seed)
    np.random.default_rng().random()
    two = split(strata.copy(), 0.2, 0.2, seed)
    assert all(np.array_equal(getattr(one, part), getattr(two, part)) for part in ("train", "validation", "test"))


def test_another_seed_gives_another_split():
    """Ten seeds, ten splits of a hundred rows."""
    strata = np.zeros(100, dtype=int)
    assert len({split(strata, 0.2, 0.2, seed).test.tobytes() for seed in range(10)}) == 10


def test_the_data_seed_is_the_splits():
    """`load_data` splits 60/20/20 by the classes, as `split` does; the seed decides which rows."""
    first, again, other = load_data("iris", seed=4), load_data("iris", seed=4), load_data("iris", seed=5)
    assert [len(first.x_train), len(first.x_validation), len(first.x_test)] == [90, 30, 30]
    assert np.bincount(first.y_test).tolist() == [10, 10, 10]
    assert np.array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)
