"""Preprocessing: what the training part teaches, and nothing else; checked against NumPy."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from hpo.data import DataError, Kind, load_data
from hpo.data.columns import converted
from hpo.data.preprocessing import FARTHEST, MAX_CATEGORIES
from hpo.data.splits import split

ROWS = 100
TRAIN = split(np.zeros(ROWS), 0.2, 0.2, seed=0).train
OTHERS = np.setdiff1d(np.arange(ROWS), TRAIN)


def measured(seed: int = 0) -> pd.DataFrame:
    """A regression table: all its rows are one stratum, so that TRAIN are its training rows."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(5, 3, ROWS)),
            "b": rng.choice(["red", "green", None], ROWS),
            "y": rng.normal(100, 20, ROWS),
        }
    )


def test_the_trap_nothing_outside_of_the_training_part_teaches():
    """Whatever the validation and test rows hold, the training inputs and targets stay the same, bit for bit."""
    honest, trap = measured(), measured()
    trap.loc[OTHERS, "a"] = 1e9
    trap.loc[OTHERS, "b"] = "infrared"
    trap.loc[OTHERS, "y"] = -1e6 + np.arange(len(OTHERS))
    one, two = load_data(honest), load_data(trap)
    assert np.array_equal(one.x_train, two.x_train)
    assert np.array_equal(one.y_train, two.y_train)
    assert one.preprocessing.feature_names == two.preprocessing.feature_names
    assert one.target == two.target
    assert not np.array_equal(one.x_test, two.x_test)


def test_numbers_are_imputed_and_standardised_as_by_hand():
    """The median of the training part fills, its mean and deviation standardise, in all three parts."""
    table = measured()
    data = load_data(table, drop=["b"])
    filled = table["a"].fillna(table.loc[TRAIN, "a"].median()).to_numpy()
    by_hand = (filled - filled[TRAIN].mean()) / filled[TRAIN].std()
    np.testing.assert_allclose(data.x_train[:, 0], by_hand[TRAIN], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(np.r_[data.x_validation[:, 0], data.x_test[:, 0]]), np.sort(by_hand[OTHERS]), rtol=1e-5, atol=1e-6
    )


def test_categories_are_one_hot_and_missing_is_one_of_them():
    """Exactly one input of a known category is 1; an unseen one has none."""
    table = measured()
    data = load_data(table, drop=["a"])
    assert data.preprocessing.feature_names == ("b_(missing)", "b_green", "b_red")
    levels = table["b"].fillna("(missing)").to_numpy()[TRAIN]
    expected = np.stack([levels == level for level in ("(missing)", "green", "red")], axis=1)
    assert np.array_equal(data.x_train, expected.astype(np.float32))
    unseen = data.preprocessing.transform(pd.DataFrame({"b": ["violet", "red"]}))
    assert unseen.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_many_categories_are_bounded_and_the_rare_share_one_input():
    """A column never has more than MAX_CATEGORIES inputs."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"street": [f"s{int(number)}" for number in rng.exponential(60, 1000)], "y": rng.normal(size=1000)}
    )
    data = load_data(table)
    assert data.inputs == MAX_CATEGORIES
    assert np.array_equal(data.x_train.sum(axis=1), np.ones(len(data.x_train)))
    assert any("'street'" in note for note in data.notes)


@pytest.mark.parametrize("constant", [7, "same", True, np.nan])
def test_a_column_that_is_constant_in_the_training_part_is_dropped_and_named(constant):
    """A column whose training rows hold one value, or none, is left out; what other rows hold does not save it."""
    table = measured().drop(columns="b").assign(c=pd.Series([constant] * ROWS, dtype=object))
    table.loc[OTHERS[0], "c"] = {7: 8, "same": "other", True: False}.get(constant, 1.5)
    data = load_data(table)
    assert data.preprocessing.feature_names == ("a",)
    assert data.warnings == ("Left out columns that are constant in the training part: 'c'.",)


def test_infinite_numbers_are_missing_and_counted():
    """Infinity is imputed as a missing number is, and a warning says how many there were."""
    table = measured()
    holes, infinite = table.copy(), table.copy()
    rows = table.index[table["a"].notna()][:3]
    holes.loc[rows, "a"] = np.nan
    infinite.loc[rows, "a"] = [np.inf, -np.inf, 1e300]
    assert np.array_equal(load_data(infinite).x_train, load_data(holes).x_train)
    assert load_data(infinite).warnings == ("The column 'a' holds 3 infinite numbers: taken as missing.",)


def test_a_stray_text_among_numbers_is_told():
    """A column that one typing error has made a column of categories does not pass in silence."""
    numbers = [str(number % 30) for number in range(ROWS)]
    numbers[17] = "l2"
    (warning,) = load_data(measured().assign(c=numbers)).warnings
    assert "'c'" in warning
    assert "'l2'" in warning


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1.5", "2", "-"], ["'-'", "other text in 33 rows", "empty"]),
        (["12.3%", "7.5%"], ["'12.3%'", "signs or commas in 100 rows", "write"]),
        (["€ 12", "7,50 €"], ["'€ 12'", "100 rows"]),
        (["1,234,567", "12"], ["'1,234,567'", "50 rows"]),
        (["1.234,56", "7,5"], ["'1.234,56'", "100 rows"]),
        (["7,5", "8", "n. a."], ["'7,5'", "34 rows", "'n. a.'", "33 rows"]),
    ],
)
def test_numbers_that_are_written_otherwise_are_told(cells, said):
    """Signs, commas and a text for what is missing make categories of numbers, and a warning says so."""
    (warning,) = load_data(measured().assign(c=np.resize(cells, ROWS))).warnings
    for part in ["'c'", "categories", *said]:
        assert part in warning


@pytest.mark.parametrize(
    "cells", [["a", "b", "3"], ["1", "x"], ["10:30", "11:15"], ["20-30", "30-40"], ["1.2.3", "1.3.0"]]
)
def test_texts_with_digits_in_them_are_no_numbers(cells):
    """Times, ranges, versions and codes are categories without a remark."""
    assert load_data(measured().assign(c=np.resize(cells, ROWS))).warnings == ()


def test_numbers_written_otherwise_do_not_pass_for_identifiers_in_silence():
    """All different, they look like identifiers: the warning says what else they could be."""
    shares = [f"{number / 7:.3f}%" for number in range(ROWS)]
    told, left_out = load_data(measured().assign(c=shares)).warnings
    assert "'0.000%'" in told
    assert "identifiers: 'c'" in left_out


def test_rare_classes_are_trained_on_and_never_judged():
    """Classes of one or two rows are kept for training, with a warning that names them."""
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=50), "y": ["a", "b"] * 23 + ["c", "c", "d", "a"]})
    data = load_data(table)
    assert data.target.classes == ("a", "b", "c", "d")
    assert np.bincount(data.y_train, minlength=4)[2:].tolist() == [2, 1]
    assert set(data.y_validation) | set(data.y_test) == {0, 1}
    assert any("'c', 'd'" in warning for warning in data.warnings)


def test_values_far_out_are_cut_off_within_float32():
    """A table later may hold anything: inputs stay finite and bounded."""
    data = load_data(measured(), drop=["b"])
    inputs = data.preprocessing.transform(pd.DataFrame({"a": [1e99, -1e99, np.inf, None]}))
    assert inputs[:2, 0].tolist() == [FARTHEST, -FARTHEST]
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2.5, None], Kind.NUMBER, [1, 2.5, np.nan]),
        ([Decimal("1.5"), Decimal(2), None], Kind.NUMBER, [1.5, 2, np.nan]),
        (["1", " 2.5", None], Kind.NUMBER, [1, 2.5, np.nan]),
        (pd.array([1, None], dtype="Int64"), Kind.NUMBER, [1, np.nan]),
        ([10**400, -1], Kind.NUMBER, [np.nan, -1]),
        ([True, False, None], Kind.BOOLEAN, [1, 0, np.nan]),
        (["TRUE", "false", 1, 0.0], Kind.BOOLEAN, [1, 0, 1, 0]),
        (pd.array([True, None], dtype="boolean"), Kind.BOOLEAN, [1, np.nan]),
        (["1970-01-02", "1970-01-01T12:00:00", None], Kind.DATETIME, [1, 0.5, np.nan]),
        (["1970-01-02T00:00:00+12:00", "2970-01-01"], Kind.DATETIME, [0.5, (date(2970, 1, 1) - date(1970, 1, 1)).days]),
        ([date(1970, 1, 3), datetime(1970, 1, 1, 6, tzinfo=UTC)], Kind.DATETIME, [2, 0.25]),
        ([1, 1.0, "1", True, None, 2.5], Kind.CATEGORY, ["1", "1", "1", "True", np.nan, "2.5"]),
    ],
)
def test_each_kind_has_one_form(values, kind, expected):
    """Worked examples: the form of a value depends on the column's kind, not on how a file happens to write it."""
    found = converted(pd.Series(values, dtype=object if isinstance(values, list) else None), kind)
    assert pd.Series(found, dtype=found.dtype).equals(pd.Series(expected, dtype=found.dtype))


@pytest.mark.parametrize(
    ("kind", "value"), [(Kind.NUMBER, "twelve"), (Kind.BOOLEAN, "maybe"), (Kind.DATETIME, "yesterday")]
)
def test_a_value_that_is_not_of_its_columns_kind_is_named_with_its_row(kind, value):
    """Nothing is guessed: the error names column, row and value."""
    good = {Kind.NUMBER: "1", Kind.BOOLEAN: "true", Kind.DATETIME: "2020-01-01"}[kind]
    with pytest.raises(DataError, match=rf"'c', row 3: '{value}'"):
        converted(pd.Series([good, None, value], name="c", dtype=object), kind)
