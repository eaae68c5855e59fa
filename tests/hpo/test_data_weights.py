"""Weights: what the table says of its rows, how classes are balanced, and where each of them counts."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from hpo.data import PARTS, TARGETS, DataError, load_data, load_source

ROWS = 100
RNG = np.random.default_rng(1)
WEIGHTS = RNG.uniform(0.1, 5, ROWS).round(3)
X = np.arange(ROWS) + 0.5
TARGET_COLUMNS = {
    "classification": {"y": RNG.choice(["a", "b", "b", "b", "c"], ROWS)},
    "multilabel": {"y": RNG.integers(0, 2, ROWS), "z": RNG.integers(0, 2, ROWS)},
    "regression": {"y": RNG.normal(size=ROWS), "z": RNG.normal(size=ROWS)},
}
TABLES = {task: pd.DataFrame({"x": X, "w": WEIGHTS, **columns}) for task, columns in TARGET_COLUMNS.items()}


def targets(task: str) -> list[str]:
    return list(TARGET_COLUMNS[task])


def weight_of_rows(data) -> list[float]:
    """The weight of each row of the table, found again by its input."""
    inputs = data.preprocessing.transform(pd.DataFrame({"x": X}))[:, 0].tolist()
    by_input = {
        value: weight
        for part in PARTS
        for value, weight in zip(data.part(part)[0][:, 0].tolist(), data.weights(part).tolist(), strict=True)
    }
    return [by_input[value] for value in inputs]


@pytest.mark.parametrize("task", TARGETS)
def test_each_row_keeps_its_weight_in_every_part_and_the_column_is_no_feature(task):
    """Weights go with their rows through the split of any task; split, inputs and targets are those without them."""
    data = load_data(TABLES[task], target=targets(task), weight="w")
    assert [column.name for column in data.preprocessing.columns] == ["x"]
    assert weight_of_rows(data) == WEIGHTS.tolist()
    without = load_data(TABLES[task], target=targets(task), drop=["w"])
    for part in PARTS:
        assert data.weights(part).dtype == np.float64
        assert without.weights(part) is None
        for one, other in zip(data.part(part), without.part(part), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("task", TARGETS)
def test_training_gets_the_weights_of_its_two_parts(task):
    """What a worker trains on holds the training and validation weights; none where none are given."""
    data = load_data(TABLES[task], target=targets(task), weight="w")
    assert data.arrays().weights is data.weights("train")
    assert data.arrays().validation_weights is data.weights("validation")
    without = load_data(TABLES[task], target=targets(task)).arrays()
    assert without.weights is None
    assert without.validation_weights is None


@pytest.mark.parametrize("weight", ["w", None], ids=["weighted", "unweighted"])
def test_balanced_classes_count_the_same_in_training_alone(weight):
    """Training weights are scikit-learn's balanced ones times the rows' own; validation and test stay as they were."""
    table = TABLES["classification"] if weight else TABLES["classification"].drop(columns="w")
    plain = load_data(table, target="y", weight=weight)
    data = load_data(table, target="y", weight=weight, balance=True)
    own = 1.0 if weight is None else plain.weights("train")
    np.testing.assert_allclose(data.arrays().weights, compute_sample_weight("balanced", data.y_train) * own, rtol=1e-12)
    if weight is None:
        sums = np.bincount(data.y_train, weights=data.arrays().weights)
        np.testing.assert_allclose(sums, len(data.y_train) / 3, rtol=1e-12)
        assert data.arrays().validation_weights is None
    for part in PARTS:
        assert np.array_equal(data.weights(part), plain.weights(part))
    assert plain.class_weights is None


def test_rows_of_weight_0_are_as_if_they_were_not_there():
    """They are left out of every part, and a note counts them."""
    table = TABLES["classification"].copy()
    table.loc[[4, 50, 77], "w"] = 0
    data = load_data(table, target="y", weight="w")
    left = load_data(table.drop(index=[4, 50, 77]), target="y", weight="w")
    assert any("Left out 3 rows whose weight is 0" in note for note in data.notes)
    for part in PARTS:
        assert np.array_equal(data.weights(part), left.weights(part))
        for one, other in zip(data.part(part), left.part(part), strict=True):
            assert np.array_equal(one, other)


def test_arrays_have_their_weights_beside_them(tmp_path):
    """An array of weights in memory, a named one in an NPZ file and a column of X are the same weights."""
    x, y = RNG.normal(size=(ROWS, 2)), TARGET_COLUMNS["classification"]["y"]
    np.savez(tmp_path / "a.npz", X=x, y=y, importance=WEIGHTS[:, None])
    frame = pd.DataFrame(x, columns=["f0", "f1"]).assign(w=WEIGHTS)
    one = load_data((x, y), weight=WEIGHTS)
    others = [
        load_data((x, y), weight=WEIGHTS.tolist()),
        load_data((x, y), weight=pd.Series(WEIGHTS, index=range(7, 7 + ROWS))),
        load_data((frame, y), weight="w"),
        load_data(frame.assign(y=y), weight="w"),
        load_data(frame.drop(columns="w").assign(y=y), weight=WEIGHTS),
        load_data(tmp_path / "a.npz", weight="importance"),
    ]
    for other in others:
        for part in PARTS:
            assert np.array_equal(one.weights(part), other.weights(part))
            assert np.array_equal(one.part(part)[0], other.part(part)[0])


def test_a_feature_that_is_called_weight_stays_one_beside_an_array_of_weights():
    """Only a column that is named as the weight is no feature."""
    table = pd.DataFrame({"x": X, "weight": WEIGHTS[::-1], **TARGET_COLUMNS["classification"]})
    data = load_data(table, target="y", weight=WEIGHTS)
    assert [column.name for column in data.preprocessing.used] == ["x", "weight"]


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_weight_and_balance_are_in_the_source_and_load_again(tmp_path, suffix):
    """`load_source` of `Data.source`, by way of JSON, has the same weights."""
    path, table = tmp_path / f"t{suffix}", TABLES["classification"]
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        np.savez(path, X=table[["x"]], y=table["y"].to_numpy(dtype=str), w=WEIGHTS)
    data = load_data(path, target="y", weight="w", balance=True)
    again = load_source(json.loads(json.dumps(data.source)))
    assert again.source == data.source
    for part in PARTS:
        assert np.array_equal(again.weights(part), data.weights(part))
    assert np.array_equal(again.arrays().weights, data.arrays().weights)


def test_a_fingerprint_tells_weights_and_balance_apart():
    """Other weights, none, or balanced classes are other data; in memory the numbers themselves count."""
    table = TABLES["classification"]
    heavier = table.assign(w=WEIGHTS * 2)
    options = [(table, {"weight": "w"}), (heavier, {"weight": "w"}), (table, {"drop": ["w"]})]
    options += [(table, {"weight": "w", "balance": True}), (table.drop(columns="w"), {"weight": WEIGHTS})]
    options += [(table.drop(columns="w"), {"weight": WEIGHTS * 2})]
    assert len({load_data(source, target="y", **chosen).fingerprint for source, chosen in options}) == len(options)


GOOD = TABLES["classification"]


def weighed(row: int, value) -> pd.DataFrame:
    table = GOOD.astype({"w": object})
    table.loc[row, "w"] = value
    return table


MISTAKES = {
    "negative": (weighed(6, -0.5), {"weight": "w"}, ["'w', row 7", "-0.5", "from 0 on", "Correct"]),
    "missing": (weighed(0, None), {"weight": "w"}, ["'w', row 1", "finite number", "Correct"]),
    "infinite": (weighed(8, np.inf), {"weight": "w"}, ["'w', row 9", "inf", "Correct"]),
    "all zero": (GOOD.assign(w=0), {"weight": "w"}, ["'w'", "0 in every row", "Name another"]),
    "all missing": (GOOD.assign(w=None), {"weight": "w"}, ["'w'", "missing in every row", "Name another"]),
    "text": (GOOD.assign(w="heavy"), {"weight": "w"}, ["'w', row 1", "'heavy'", "not a number", "Correct"]),
    "text among numbers": (weighed(2, "heavy"), {"weight": "w"}, ["'w', row 3", "'heavy'", "not a number", "Correct"]),
    "dates": (GOOD.assign(w=pd.Timestamp("2020-01-01")), {"weight": "w"}, ["'w', row 1", "not a number", "Correct"]),
    "few of weight": (GOOD.assign(w=[1] * 9 + [0] * 91), {"weight": "w"}, ["9 rows", "weight above 0", "Give 10"]),
    "unknown": (GOOD, {"weight": "W "}, ["'W '", "Did you mean 'w'?", "Name one of"]),
    "target": (GOOD, {"weight": "y"}, ["'y'", "is a target", "another column"]),
    "another length": ((X[:, None], GOOD["y"]), {"weight": WEIGHTS[:5]}, ["(5,)", "100 rows", "Give one number"]),
    "array for a set": ("iris", {"weight": WEIGHTS}, ["iris", "in memory", "Give the name"]),
    "dropped": (GOOD, {"weight": "w", "drop": ["w"]}, ["no column 'w' to keep or drop"]),
    "balance is text": (GOOD, {"balance": "yes"}, ["balance", "'yes'", "True or False"]),
    "balance of measures": (TABLES["regression"], {"balance": True}, ["balance", "regression", "Leave it out"]),
    "balance of labels": (
        TABLES["multilabel"],
        {"target": ["y", "z"], "balance": True},
        ["balance", "multilabel", "Leave it out"],
    ),
}


@pytest.mark.parametrize(("source", "options", "said"), MISTAKES.values(), ids=MISTAKES)
def test_weights_that_cannot_be_say_why_and_what_to_do(source, options, said):
    """The message names the column, the row where there is one, and the remedy."""
    with pytest.raises(DataError) as caught:
        load_data(source, **({} if isinstance(source, str | tuple) else {"target": "y"}) | options)
    for part in said:
        assert part in str(caught.value)
