"""Targets: laws of every kind of target there is, and worked examples of each."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.data import PARTS, TARGETS, ClassTarget, DataError, LabelsTarget, MeasureTarget, load_data, target_from_dict
from hpo.data.messages import Remarks
from hpo.data.splits import FEWEST
from hpo.data.targets.labels import FREQUENT
from network.losses import LOSSES

ROWS = 90
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 2, (ROWS, 3))
MEASURES = RNG.normal([5, -1e6, 0.01], [2, 1e5, 1e-4], (ROWS, 3))

COLUMNS = {
    "text": ("classification", {"a": RNG.choice(["ja", "nein", "größer"], ROWS)}),
    "booleans": ("classification", {"a": RNG.choice([True, False], ROWS)}),
    "integers": ("classification", {"a": RNG.choice([7, 3, -2], ROWS)}),
    "labels": ("multilabel", dict(zip("abc", LABELS.T, strict=True))),
    "labels of all kinds": (
        "multilabel",
        {"a": LABELS[:, 0], "b": LABELS[:, 1] == 1, "c": np.array(["no", "yes"])[LABELS[:, 2]]},
    ),
    "labels of text": (
        "multilabel",
        {"a": np.array(["-", "+"])[LABELS[:, 0]], "b": np.array(["f", "t"])[LABELS[:, 1]]},
    ),
    "measure": ("regression", {"a": MEASURES[:, 0]}),
    "measures": ("regression", dict(zip("abc", MEASURES.T, strict=True))),
}
"""Target columns of every kind, and the task that is told from them."""

LOSS_OF_TASK = {
    "classification": "cross_entropy",
    "multilabel": "binary_cross_entropy",
    "regression": "squared_error",
}


def table_of(columns) -> pd.DataFrame:
    """A table with the row's number as its only feature, by which a row is found again."""
    return pd.DataFrame({"row": np.arange(ROWS) * 1.0 + 0.5, **columns})


def loaded(columns, **options):
    return load_data(table_of(columns), target=list(columns), **options)


def rows_of(data, part: str) -> np.ndarray:
    """The table's rows that a part is made of."""
    places = {value: row for row, value in enumerate(data.preprocessing.transform(table_of({}))[:, 0])}
    return np.array([places[value] for value in data.part(part)[0][:, 0]])


def perfect(data, y) -> np.ndarray:
    """What a network without fault predicts: certainties, or the standardised value itself."""
    return np.eye(data.outputs)[y] if data.task == "classification" else y.astype(np.float32)


def test_every_kind_of_target_has_an_example_and_a_loss():
    """The laws below are about all kinds of target that there are."""
    assert {task for task, _ in COLUMNS.values()} == set(TARGETS) == set(LOSS_OF_TASK)
    assert all(kind.task == task for task, kind in TARGETS.items())


@pytest.mark.parametrize(("task", "columns"), COLUMNS.values(), ids=COLUMNS)
def test_the_task_is_told_and_said(task, columns):
    """What the columns hold tells the task; a note names them; giving the same task changes nothing else."""
    data = loaded(columns)
    assert data.task == task
    assert isinstance(data.target, TARGETS[task])
    assert data.target.names == tuple(columns)
    (note,) = [note for note in data.notes if "The task is" in note]
    assert task in note
    assert all(f"'{name}'" in note for name in columns)
    given_task = loaded(columns, task=task)
    assert given_task.target == data.target
    assert not [note for note in given_task.notes if "The task is" in note]


@pytest.mark.parametrize("columns", [columns for _, columns in COLUMNS.values()], ids=COLUMNS)
def test_what_is_encoded_is_decoded_to_the_tables_own_values(columns):
    """A perfect prediction means the row's own labels and numbers, in shape (rows,) for one column."""
    data = loaded(columns)
    for part in PARTS:
        decoded = data.target.decode(perfect(data, data.part(part)[1]))
        truth = table_of(columns)[list(columns)].iloc[rows_of(data, part)]
        assert decoded.shape == ((len(truth),) if len(columns) == 1 else truth.shape)
        for name, values in zip(columns, decoded.reshape(len(truth), -1).T, strict=True):
            if data.task == "regression":
                np.testing.assert_allclose(values, truth[name], rtol=1e-5)
            else:
                assert values.tolist() == truth[name].tolist()
                assert {type(value) for value in values.tolist()} == {type(value) for value in truth[name].tolist()}


@pytest.mark.parametrize(("task", "columns"), COLUMNS.values(), ids=COLUMNS)
def test_its_loss_takes_what_is_encoded(task, columns):
    """The encoding of each part is what the loss for the task compares as many outputs with."""
    data = loaded(columns)
    for part in PARTS:
        _, y = data.part(part)
        targets = LOSSES[LOSS_OF_TASK[task]].targets("y", y, data.outputs, np.dtype(np.float32))
        assert targets.shape == (len(y), data.outputs)


@pytest.mark.parametrize("columns", [columns for _, columns in COLUMNS.values()], ids=COLUMNS)
def test_a_target_survives_json(columns):
    """What `to_dict` says is JSON, from which the same target comes back, labels of the same types included."""
    target = loaded(columns).target
    again = target_from_dict(json.loads(json.dumps(target.to_dict())))
    assert again == target
    assert repr(again) == repr(target)


@pytest.mark.parametrize("columns", [columns for _, columns in COLUMNS.values()], ids=COLUMNS)
def test_rows_without_one_of_their_targets_are_left_out_and_counted(columns):
    """A row counts when all its targets are there; the others are as if they had never been in the table."""
    table = table_of(columns).astype(dict.fromkeys(columns, object))
    table.loc[[3, 20], "a"] = None
    table.loc[[20, 41], list(columns)[-1]] = np.nan
    left = table.drop(index=[3, 20, 41])
    data, without = load_data(table, target=list(columns)), load_data(left, target=list(columns))
    (warning,) = set(data.warnings) - set(without.warnings)
    assert warning.startswith("Left out 3 rows whose target")
    assert data.target == without.target
    for part in PARTS:
        for one, other in zip(data.part(part), without.part(part), strict=True):
            assert np.array_equal(one, other)


def test_a_target_far_from_all_others_is_told():
    """A placeholder among the rows that are not trained on is beyond what a network is scored by: that is said."""
    values = np.random.default_rng(0).normal(size=ROWS)
    values[rows_of(loaded({"a": values}), "test")[0]] = 1e12
    (warning,) = loaded({"a": values}).warnings
    assert warning.startswith("The target 'a' of 1 row lies more than 1,000,000 standard deviations from")


def test_a_target_of_numbers_written_otherwise_is_told():
    """Classes that would be numbers, but for a sign or a comma, come with a warning."""
    (warning,) = loaded({"a": np.resize(["2,5", "3", "?"], ROWS)}).warnings
    assert warning.startswith(
        "The target 'a' holds numbers, but with signs or commas in 30 rows (such as '2,5') and other"
    )
    assert "taken as labels" in warning


NOTHING = ["None", "NA", "null", "nan", "NaN", "N/A"]


@pytest.mark.parametrize("text", NOTHING)
def test_a_text_that_pandas_takes_for_missing_is_a_class_like_any_other(tmp_path, text):
    """Beside other texts in a CSV file's target it is learned, and told; what is empty, or "?", is missing."""
    labels = np.array(["low", text] * (ROWS // 2), dtype=object)
    labels[:4] = ["", "?", "", "#N/A"]
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": RNG.normal(size=ROWS), "t ": labels}).to_csv(path, index=False)
    data = load_data(path, target="t")
    assert set(data.target.classes) == {"low", text}
    assert sum(len(data.part(part)[1]) for part in PARTS) == ROWS - 4
    told, left_out = data.warnings
    assert told.startswith(f"The target 't' holds '{text}' in 43 rows: learned like any other label. Empty those")
    assert left_out == "Left out 4 rows whose target 't' is missing."


def test_codes_keep_their_zeros(tmp_path):
    """01, 1 and 2 are three classes, spelled as they were; where a regression is asked for they are numbers."""
    path = tmp_path / "codes.csv"
    path.write_text("x,y\n" + "".join(f"{i / 7},{('01', '1', '2')[i % 3]}\n" for i in range(60)))
    assert load_data(path, target="y").target.classes == ("01", "1", "2")
    assert load_data(path, target="y", task="regression").task == "regression"
    path.write_text("x,y\n" + "".join(f"{i / 7},{('007', '', '042')[i % 3]}\n" for i in range(60)))
    found = load_data(path, target="y")
    assert found.target.classes == ("007", "042")
    path.write_text("x,y\n" + "".join(f"{i / 7},{i / 10}\n" for i in range(60)))
    assert load_data(path, target="y").task == "regression"


@pytest.mark.parametrize("text", NOTHING)
def test_a_text_for_missing_is_no_class_among_numbers_and_no_third_value_of_a_label(tmp_path, text):
    """Among numbers and booleans, and beside yes and no of several targets, it is what is missing; else a value."""
    columns = {
        "number": np.resize(["1", "2"], ROWS),
        "truth": np.resize(["True", "False"], ROWS),
        "label": np.resize(["yes", "no"], ROWS),
    }
    columns = {name: np.where(np.arange(ROWS) < 5, text, labels) for name, labels in columns.items()}
    columns["some"] = np.resize(["some", text], ROWS)
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": RNG.normal(size=ROWS), **columns}).to_csv(path, index=False)
    for target, classes in {
        "number": (1, 2),
        "truth": (False, True),
        "label,some": (("no", "yes"), tuple(sorted(["some", text]))),
    }.items():
        data = load_data(path, target=target)
        assert data.target.classes == classes
        assert sum(len(data.part(part)[1]) for part in PARTS) == ROWS - 5


def test_classes_are_places_in_their_order():
    """A worked example: classes in rising order, int64 places, the label of the largest output."""
    target = ClassTarget(("y",), ("high", "low", "middle"))
    y = target.encode(np.array([["low"], ["high"], ["middle"]], dtype=object))
    assert (y.dtype, y.tolist(), target.outputs) == (np.int64, [1, 0, 2], 3)
    assert target.decode(np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])).tolist() == ["low", "middle"]


def test_labels_are_zeros_and_ones_and_more_probable_than_not():
    """A worked example: 1 is the larger value; a probability of one half is not yet a yes."""
    target = LabelsTarget(("a", "b"), (("no", "yes"), (False, True)))
    y = target.encode(np.array([["yes", False], ["no", True]], dtype=object))
    assert (y.dtype, y.tolist(), target.outputs) == (np.uint8, [[1, 0], [0, 1]], 2)
    decoded = target.decode(np.array([[0.51, 0.5], [0.0, 1.0]], dtype=np.float32))
    assert decoded.tolist() == [["yes", False], ["no", True]]


def test_measures_are_standardised_column_by_column():
    """A worked example: each column by its own mean and scale, and back in float64."""
    target = MeasureTarget(("a", "b"), (10.0, -1.0), (2.0, 0.5))
    y = target.encode(np.array([[12.0, -1.0], [8.0, -2.0]]))
    assert (y.dtype, y.tolist(), target.outputs) == (np.float32, [[1, 0], [-1, -2]], 2)
    decoded = target.decode(y)
    assert (decoded.dtype, decoded.tolist()) == (np.float64, [[12, -1], [8, -2]])


def test_mean_and_scale_are_those_of_the_training_part():
    """Whatever the other parts measure, the standardisation stays, bit for bit; NumPy has the same numbers."""
    table = table_of(dict(zip("abc", MEASURES.T, strict=True)))
    honest = load_data(table, target=["a", "b", "c"])
    train = rows_of(honest, "train")
    table.loc[np.setdiff1d(np.arange(ROWS), train), ["a", "b"]] = 1e9
    trap = load_data(table, target=["a", "b", "c"])
    assert trap.target == honest.target
    assert np.array_equal(trap.y_train, honest.y_train)
    np.testing.assert_allclose(honest.target.means, MEASURES[train].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(honest.target.scales, MEASURES[train].std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_a_one_hot_matrix_is_of_labels_and_a_note_says_how_to_get_classes(dtype):
    """Every row sums to 1: taken as labels, whatever the numbers' type; a row that does not ends the remark."""
    y = np.eye(3, dtype=dtype)[np.arange(ROWS) % 3]
    x = RNG.normal(size=(ROWS, 2))
    data = load_data((x, y))
    assert (data.task, data.target.names, data.y_train.shape[1]) == ("multilabel", ("y0", "y1", "y2"), 3)
    assert any("argmax" in note for note in data.notes)
    y[0] = 0
    assert not any("argmax" in note for note in load_data((x, y)).notes)


def test_a_matrix_of_fractions_is_of_measures_and_one_column_is_one_target():
    """(X, y) with y (rows, targets): measures; with (rows, 1), as if it were (rows,); lists and tables likewise."""
    x, y = RNG.normal(size=(ROWS, 2)), RNG.normal(size=(ROWS, 2))
    data = load_data((x, y))
    assert (data.task, data.target.names, data.y_test.shape[1]) == ("regression", ("y0", "y1"), 2)
    assert load_data((x, y[:, :1])).target == load_data((x, y[:, 0])).target
    assert load_data((x.tolist(), y.tolist())).target == data.target
    named = load_data((x, pd.DataFrame(y, columns=["u", "v"], index=range(5, 5 + ROWS))))
    assert named.target.names == ("u", "v")
    assert np.array_equal(named.y_train, data.y_train)


def test_a_given_task_overrules_what_several_columns_look_like():
    """0 and 1 can be measured, and any two values can be a label."""
    columns = dict(zip("abc", LABELS.T, strict=True))
    assert loaded(columns, task="regression").target.outputs == 3
    assert loaded({"a": LABELS[:, 0] + 1, "b": LABELS[:, 1] * 2.5}, task="multilabel").target.classes == (
        (1, 2),
        (0, 2.5),
    )
    mixed = {"a": LABELS[:, 0], "b": MEASURES[:, 0]}
    with pytest.raises(DataError, match=r"labels \('a'\) and numbers \('b'\).*task regression"):
        loaded(mixed)
    assert loaded(mixed, task="regression").target.names == ("a", "b")


@given(st.integers(0, 2**32), st.lists(st.floats(0.1, 0.9), min_size=2, max_size=4))
def test_combinations_of_labels_are_divided_alike(seed, rates):
    """Strata are the combinations of FREQUENT rows or more; all rarer ones make up one more, and a note counts it."""
    rows = np.random.default_rng(seed).random((200, len(rates))) < rates
    columns = pd.DataFrame(rows)
    if (rows == rows[0]).all(axis=0).any():
        return
    remarks = Remarks()
    strata = LabelsTarget.strata([str(name) for name in columns], rows.astype(object), remarks)
    sizes = columns.groupby(list(columns)).size()
    alike = columns.assign(stratum=strata).groupby(list(range(len(rates))))["stratum"].unique()
    assert all(len(numbers) == 1 for numbers in alike)
    frequent = [int(alike[combination][0]) for combination in sizes.index[sizes >= FREQUENT]]
    rare = {int(alike[combination][0]) for combination in sizes.index[sizes < FREQUENT]}
    assert len(set(frequent)) == len(frequent)
    assert rare.isdisjoint(frequent)
    assert len(rare) <= 1
    said = f"({sizes[sizes < FREQUENT].sum()} row"
    assert [said in note for note in remarks.notes] == [True] * len(rare)


def test_labels_are_split_in_the_fractions_asked_for():
    """Each frequent combination has its 60, 20 and 20 percent."""
    data = load_data((np.arange(ROWS)[:, None], np.repeat([[0, 0], [0, 1], [1, 1]], 30, axis=0)))
    for part, rows in (("train", 18), ("validation", 6), ("test", 6)):
        combinations, counts = np.unique(data.part(part)[1], axis=0, return_counts=True)
        assert combinations.tolist() == [[0, 0], [0, 1], [1, 1]]
        assert counts.tolist() == [rows] * 3


def test_a_label_too_rare_for_every_part_is_told():
    """A label with fewer than three positive rows cannot be in every part, and the part it lacks is named."""
    y = LABELS.copy()
    y[:, 1] = 0
    y[: FEWEST - 1, 1] = 1
    data = load_data((np.arange(ROWS)[:, None], y))
    lacking = [part for part in PARTS if not data.part(part)[1][:, 1].any()]
    outcomes = {"train": "learned", "validation": "judged", "test": "judged"}
    assert data.warnings == tuple(
        f"Too rare to be {outcomes[part]}: 'y1', of one value in the whole {part} part." for part in lacking
    )
    assert lacking
