"""Loading: every source gives the same kind of Data, whose arrays are what a network can be fed."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpo.data import BUILT_IN, PARTS, Data, DataError, Kind, load_data, load_source
from network import TrainingData

ROWS = 120


def people(rows: int = ROWS) -> pd.DataFrame:
    """A table with a bit of everything that real ones hold."""
    rng = np.random.default_rng(7)
    age = rng.normal(40, 12, rows)
    return pd.DataFrame(
        {
            "PassengerId": np.arange(1, rows + 1),
            "age": np.where(rng.random(rows) < 0.2, np.nan, age.round(1)),
            "city": rng.choice(["Rome", "Bonn", "Oslo", None], rows),
            "member": rng.choice([True, False], rows),
            "joined": pd.date_range("2020-02-27", periods=rows).strftime("%Y-%m-%d"),
            "ticket": [f"T{index * 37 % 1009}" for index in range(rows)],
            "survived": np.where(age + rng.normal(0, 3, rows) > 40, "yes", "no"),
            "fare": (age * 2.5 + rng.normal(0, 1, rows)).round(3),
        }
    )


def written(table: pd.DataFrame, path: Path) -> Path:
    match path.suffix:
        case ".csv" | ".txt":
            table.to_csv(path, index=False)
        case ".tsv":
            table.to_csv(path, index=False, sep="\t")
        case ".parquet":
            table.to_parquet(path)
    return path


def arrays_of(data: Data) -> list[np.ndarray]:
    return [array for part in PARTS for array in data.part(part)]


def same(one: Data, other: Data) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays_of(one), arrays_of(other), strict=True))


def check_arrays(data: Data) -> None:
    """The contract of Data's arrays."""
    for part in PARTS:
        x, y = data.part(part)
        assert x.dtype == np.float32
        assert x.flags.c_contiguous
        assert x.shape == (len(y), data.inputs)
        assert len(x) > 0
        assert np.isfinite(x).all()
        match data.task:
            case "classification":
                assert y.dtype == np.int64
                assert y.shape == (len(x),)
                assert set(y) <= set(range(data.outputs))
                assert len(data.target.classes) == data.outputs
            case "multilabel":
                assert y.dtype == np.uint8
                assert y.shape == (len(x), data.outputs)
                assert set(y.ravel()) == {0, 1}
            case "regression":
                assert y.dtype == np.float32
                assert y.shape == (len(x), data.outputs)
                assert np.isfinite(y).all()
    assert len(data.preprocessing.feature_names) == data.inputs


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_set_loads_without_a_warning_and_learns_as_scikit_learn_has_it(name):
    """Each built-in set keeps the contract, warns of nothing, and holds scikit-learn's rows and targets."""
    from sklearn import datasets

    data = load_data(name)
    check_arrays(data)
    assert data.warnings == ()
    assert data.task == BUILT_IN[name]
    bunch = getattr(datasets, f"load_{name}")()
    targets = np.concatenate([data.part(part)[1] for part in PARTS])
    if data.task == "classification":
        labels = data.target.decode(np.eye(data.outputs)[targets])
        expected = bunch.target_names[bunch.target]
        assert sorted(labels) == sorted(expected.tolist())
    else:
        np.testing.assert_allclose(np.sort(data.target.decode(targets)), np.sort(bunch.target), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".parquet"])
def test_a_file_gives_the_same_data_as_the_table_it_was_written_from(tmp_path, suffix):
    """The format of a file makes no difference: not one bit."""
    data = load_data(written(people(), tmp_path / f"people{suffix}"), target="survived")
    check_arrays(data)
    assert data.name == "people"
    assert same(data, load_data(people(), target="survived"))


def test_kinds_and_identifiers_are_told_from_a_csv_file(tmp_path):
    """Numbers with holes, categories, booleans and dates are told apart; identifiers are dropped, and named."""
    data = load_data(written(people(), tmp_path / "people.csv"), target="survived")
    kinds = {column.name: (column.kind, column.dropped) for column in data.preprocessing.columns}
    assert kinds == {
        "PassengerId": (Kind.NUMBER, "identifier"),
        "age": (Kind.NUMBER, ""),
        "city": (Kind.CATEGORY, ""),
        "member": (Kind.BOOLEAN, ""),
        "joined": (Kind.DATETIME, ""),
        "ticket": (Kind.CATEGORY, "identifier"),
        "fare": (Kind.NUMBER, ""),
    }
    assert data.target.classes == ("no", "yes")
    (warning,) = data.warnings
    assert "'PassengerId', 'ticket'" in warning
    assert "keep" in warning


def test_keep_brings_an_identifier_back_and_drop_leaves_a_column_out():
    """`keep` and `drop` have the last word over what the columns look like."""
    data = load_data(people(), target="survived", keep=["PassengerId"], drop=["ticket", "fare"])
    assert data.warnings == ()
    assert {column.name for column in data.preprocessing.used} == {"PassengerId", "age", "city", "member", "joined"}


def test_a_regression_target_is_standardised_by_the_training_part_and_turned_back(tmp_path):
    """Training targets have mean 0 and deviation 1; in units they are the file's own numbers."""
    data = load_data(written(people(), tmp_path / "people.csv"), target="fare")
    assert data.task == "regression"
    assert abs(data.y_train.mean()) < 1e-6
    assert abs(data.y_train.std() - 1) < 1e-6
    restored = np.concatenate([data.target.decode(data.part(part)[1]) for part in PARTS])
    np.testing.assert_allclose(np.sort(restored), np.sort(people()["fare"]), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8, bool])
def test_arrays_and_npz_files_give_the_same_data(tmp_path, dtype):
    """(X, y) in memory and in an NPZ file are one and the same, images flattened; none of their columns identifies."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (60, 3, 4)).astype(dtype), np.repeat(["a", "b", "c"], 20)
    x[:, 0, 0] = np.arange(60)
    np.savez(tmp_path / "images.npz", X=x, y=y)
    data = load_data(tmp_path / "images.npz")
    check_arrays(data)
    assert same(data, load_data((x, y)))
    assert same(data, load_data((x.reshape(60, 12).tolist(), y.tolist())))
    assert data.preprocessing.columns[0].name == "f0"
    assert data.preprocessing.columns[0].dropped == ""


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"] * 20, "classification"),
        ([True, False] * 20, "classification"),
        ([0, 1] * 20, "classification"),
        ([0.0, 1.0] * 20, "classification"),
        ([3, 4, 5, 6] * 10, "classification"),
        ([1, 2, 3, 4, 5] * 8, "regression"),
        (list(range(40)), "regression"),
        ([0.5, 1.5] * 20, "regression"),
        (pd.Categorical([1, 2] * 20), "classification"),
    ],
)
def test_the_task_is_told_from_the_target_and_said(values, task):
    """Text, booleans, categories and few integers are classes; fractions and many integers are measured."""
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=40), "target": values})
    data = load_data(table)
    assert data.task == task
    assert any(task in note for note in data.notes)
    assert any("'target'" in note for note in data.notes)


def test_a_given_task_overrules_what_the_target_looks_like():
    """A person knows better: integers are classes or measures as they are asked to be."""
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": [1, 2, 3] * 20})
    assert load_data(table, task="regression").task == "regression"
    assert load_data(table, task="classification").target.classes == (1, 2, 3)


def test_labels_keep_their_python_type_even_where_missing_ones_had_made_them_floats():
    """Rows without a target are dropped and counted; integers stay integers."""
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=63), "y": [1, 2, None] * 21})
    data = load_data(table)
    assert data.target.classes == (1, 2)
    assert [type(label) for label in data.target.classes] == [int, int]
    assert data.warnings == ("Left out 21 rows whose target 'y' is missing.",)
    assert sum(len(data.part(part)[0]) for part in PARTS) == 42


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_separators_quotes_and_byte_order_marks_do_not_matter(tmp_path, separator, encoding):
    """A quoted field may hold separators, quotes and line ends; blank lines and "?" hold nothing."""
    rows = [["größe", "note", "class"]] + [
        [str(index % 7), f'"a{separator} ""b""\nc{index % 2}"', "ja" if index % 3 else "nein"] for index in range(40)
    ]
    rows[5][0] = "?"
    path = tmp_path / "quoted.csv"
    path.write_text("\r\n\r\n".join(separator.join(row) for row in rows), encoding=encoding)
    data = load_data(path)
    assert [column.name for column in data.preprocessing.columns] == ["größe", "note"]
    assert data.preprocessing.columns[0].kind is Kind.NUMBER
    categories = [name for name in data.preprocessing.feature_names if name.startswith("note")]
    assert categories == [f'note_a{separator} "b"\nc{digit}' for digit in (0, 1)]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_numbers_with_a_decimal_comma_are_the_same_numbers(tmp_path, separator):
    """Features, targets and weights; a note names the columns. Where commas separate fields, "7,5" stays a text."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "heat": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(20, 9, ROWS).round(2)),
            "tiny": rng.normal(size=ROWS) * 1e-9,
            "count": rng.integers(0, 9, ROWS),
            "w": rng.random(ROWS).round(3) + 0.5,
            "y": rng.normal(size=ROWS).round(3),
        }
    )
    commas, points = tmp_path / "commas.csv", tmp_path / "points.csv"
    table.to_csv(commas, index=False, sep=separator, decimal=",")
    table.to_csv(points, index=False)
    data, expected = (load_data(path, weight="w") for path in (commas, points))
    assert same(data, expected)
    assert data.target == expected.target
    assert set(data.notes) - set(expected.notes) == {"Read as numbers with a decimal comma: 'heat', 'tiny', 'w', 'y'."}
    assert data.warnings == ()
    table.to_csv(commas, index=False, decimal=",")
    with pytest.raises(DataError):
        load_data(commas)


@pytest.mark.parametrize("other", ["1.5", "1.234,5", "1,2,3", ",", "a", "-"])
def test_where_one_cell_is_no_number_with_a_decimal_comma_the_column_is_text(tmp_path, other):
    """Nothing is guessed: a point may be a decimal point or part thousands."""
    cells = [f"{index % 7},5" for index in range(ROWS)]
    cells[5] = other
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": cells, "y": [0, 1] * (ROWS // 2)}).to_csv(path, index=False, sep=";")
    data = load_data(path)
    assert data.preprocessing.columns[0].kind is Kind.CATEGORY
    assert "x_0,5" in data.preprocessing.feature_names


def test_several_targets_are_named_in_a_sequence_or_by_commas(tmp_path):
    """A list, a tuple, commas and both together name the same columns, each once, in the order given."""
    path = written(people(), tmp_path / "people.csv")
    data = load_data(path, target=["survived", "member"])
    check_arrays(data)
    assert data.task == "multilabel"
    assert data.target.names == ("survived", "member")
    for target in [("survived", "member"), "survived,member", "survived , member", ["survived", "member,survived"]]:
        other = load_data(path, target=target)
        assert other.target == data.target
        assert other.source == data.source
    assert not {column.name for column in data.preprocessing.columns} & {"survived", "member"}


def test_a_column_whose_own_name_has_a_comma_is_meant_before_those_between_the_commas():
    """The exact name wins over splitting, also within a list."""
    table = people().rename(columns={"fare": "age,fare"})
    assert load_data(table, target="age,fare").target.names == ("age,fare",)
    assert load_data(table, target=["age,fare", "age"]).target.names == ("age,fare", "age")
    assert load_data(people(), target="age,fare").target.names == ("age", "fare")


@pytest.mark.parametrize("target", ["survived", "fare", "age,fare", ["survived", "member"]])
@pytest.mark.parametrize("options", [{}, {"seed": 5, "test": 0.3, "keep": ["ticket"], "drop": ["city"]}])
def test_a_source_survives_json_and_loads_the_same_data_again(tmp_path, options, target):
    """`load_source` of `Data.source` is the data itself, wherever the process stands."""
    path = written(people(), tmp_path / "people.csv")
    for data in (load_data(path, target=target, **options), load_data("wine", seed=3)):
        again = load_source(json.loads(json.dumps(data.source)))
        assert same(data, again)
        assert again.source == data.source
        assert again.fingerprint == data.fingerprint


def test_the_least_source_is_a_name():
    """Options that a source leaves out are the defaults."""
    assert same(load_source({"name": "iris"}), load_data("iris"))


def test_a_fingerprint_tells_content_and_preparation_apart_but_not_the_place(tmp_path):
    """The same file elsewhere has the same fingerprint; another seed, cell or target has another."""
    table = people()
    (tmp_path / "elsewhere").mkdir()
    first = load_data(written(table, tmp_path / "people.csv"), target="survived")
    moved = load_data(written(table, tmp_path / "elsewhere" / "people.csv"), target="survived")
    assert first.fingerprint == moved.fingerprint
    table.loc[0, "fare"] += 1
    changed = load_data(written(table, tmp_path / "people.csv"), target="survived")
    others = [changed, load_data(people(), target="survived"), load_data(table, target="survived")]
    others += [load_data(people(), target=target) for target in ("city", "survived,member", "member,survived")]
    others += [load_data(people(), target="survived", seed=1)]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1


def test_a_changed_or_missing_file_is_told_and_data_in_memory_are_asked_for(tmp_path):
    """What cannot be loaded again is never replaced by something else in silence."""
    path = written(people(), tmp_path / "people.csv")
    source = load_data(path, target="survived").source
    path.write_text(path.read_text().replace("Rome", "Roma"))
    with pytest.raises(DataError, match=r"people\.csv.*changed"):
        load_source(source)
    path.rename(tmp_path / "persons.csv")
    with pytest.raises(DataError, match=r"people\.csv.*no such file.*'persons\.csv'"):
        load_source(source)
    with pytest.raises(DataError, match=r"in memory.*again"):
        load_source(load_data(people(), target="survived").source)


def test_what_a_worker_gets_holds_the_arrays_and_no_more():
    """The training arrays are those of the data, without test part and scikit-learn objects."""
    data = load_data("iris")
    arrays = data.arrays()
    assert isinstance(arrays, TrainingData)
    assert arrays.x_train is data.x_train
    assert arrays.y_validation is data.y_validation
    assert len(pickle.dumps(arrays)) < sum(array.nbytes for array in arrays_of(data)) + 1000


def test_importing_the_package_imports_no_heavy_library():
    """`import hpo.data` and `import hpo.model` leave pandas, scikit-learn, pyarrow and skops alone."""
    code = (
        "import sys, hpo.data, hpo.model;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pandas', 'sklearn', 'pyarrow', 'skops'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
