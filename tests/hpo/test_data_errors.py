"""Every mistake that a person can make with data is a DataError that says what is wrong, where, and what to do."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpo.data import PARTS, TARGETS, DataError, load_data
from hpo.data.files import READERS

GOOD = pd.DataFrame(
    {
        "age": np.random.default_rng(0).normal(40, 9, 40).round(2),
        "town": ["Rome", "Bonn"] * 20,
        "species": ["cat"] * 20 + ["dog"] * 20,
    }
)
TEXT = GOOD.to_csv(index=False)
LINES = TEXT.splitlines()


def also(**columns) -> pd.DataFrame:
    return GOOD.assign(**columns)


FILES = {
    "missing": ("pepole.csv", None, {}, ["pepole.csv", "no such file", "'people.csv'"]),
    "folder": ("folder.csv", None, {}, ["folder.csv", "cannot be read", "data file"]),
    "unknown ending": ("people.xlsx", b"x", {}, ["people.xlsx", "'.xlsx'", ".parquet"]),
    "empty": ("t.csv", b"", {}, ["t.csv", "empty", "Give"]),
    "blank": ("t.csv", b"\n \n", {}, ["t.csv", "empty", "Give"]),
    "byte order mark alone": ("t.csv", b"\xef\xbb\xbf", {}, ["t.csv", "blank", "Give"]),
    "header only": ("t.csv", b"a,b\n", {}, ["t.csv", "0 rows", "Give"]),
    "not UTF-8": ("t.csv", "a,y\nb,c\né,d\n".encode("latin1"), {}, ["t.csv, line 3", "0xe9", "UTF-8", "iconv"]),
    "twice the same name": ("t.csv", b"a,b,a \n1,2,3\n", {}, ["t.csv", "'a'", "own name"]),
    "long row": (
        "t.csv",
        "\n".join([*LINES[:7], "1,2,3,4"]).encode(),
        {},
        ["t.csv, line 8", "4 fields", "3", "Correct"],
    ),
    "short row": ("t.csv", "\n".join([*LINES[:7], "1"]).encode(), {}, ["t.csv, line 8", "1 field", "3", "Correct"]),
    "open quote": ("t.csv", "\n".join([*LINES[:7], '1,"2,3']).encode(), {}, ["t.csv", "Correct"]),
    "huge field": ("t.csv", b"a,y\n" + b"x" * 200_000 + b",1\n", {}, ["t.csv, line 2", "field larger", "Correct"]),
    "no Parquet": ("t.parquet", b"PAR1 no", {}, ["t.parquet", "Parquet", "again"]),
    "no NPZ": ("t.npz", b"PK no", {}, ["t.npz", "NPZ", "savez"]),
    "target in file": (
        "t.csv",
        TEXT.encode(),
        {"target": "specie"},
        ["t.csv", "'specie'", "Did you mean 'species'?", "'age'"],
    ),
}

SOURCES = {
    "unknown name": ("digts", {}, ["'digts'", "Did you mean 'digits'?", "'wine'", ".csv"]),
    "no source": (7, {}, ["int", "'digits'", "DataFrame"]),
    "built-in target": ("digits", {"target": "pixel_0_0"}, ["digits", "apart", "Leave out"]),
    "unknown task": ("digits", {"task": "classify"}, ["'classify'", "'classification'", "'regression'"]),
    "negative seed": ("digits", {"seed": -1}, ["seed", "-1", "integer"]),
    "sizes": ("digits", {"test": 0.6, "validation": 0.4}, ["validation=0.4", "test=0.6", "below 1"]),
    "no test part": ("digits", {"test": 0}, ["test=0", "above 0"]),
    "keep is a text": ("digits", {"keep": "pixel"}, ["keep", "['pixel']"]),
    "unknown kept column": (GOOD, {"target": "species", "keep": ["ag"]}, ["'ag'", "Did you mean 'age'?", "'town'"]),
    "no target named": (GOOD, {}, ["target", "Name", "'age'", "'town'", "'species'"]),
    "two targets": (also(y=1, label=2), {}, ["target", "Name", "'y'", "'label'"]),
    "unknown target": (GOOD, {"target": "Species "}, ["'Species '", "Did you mean 'species'?"]),
    "same name twice": (pd.concat([GOOD, GOOD[["age"]]], axis=1), {"target": "species"}, ["'age'", "own name"]),
    "NUL in a name": (also(**{"a\0": 1.5}), {"target": "species"}, [r"'a\x00'", "Name"]),
    "empty table": (GOOD[:0], {"target": "species"}, ["0 rows", "Give"]),
    "no columns": (pd.DataFrame(index=range(20)), {}, ["0 columns", "Give"]),
    "few rows": (GOOD[::5], {"target": "species"}, ["8 rows", "too few", "10"]),
    "few targets": (
        also(y=[1.5, 2.5] + [None] * 38),
        {"target": "y"},
        ["2 rows", "'y'", "10"],
    ),
    "no target values": (also(y=None), {}, ["'y'", "missing in every row", "another column"]),
    "infinite targets": (also(y=np.inf), {}, ["0 rows", "'y'", "10"]),
    "one class": (also(y="same"), {}, ["'y'", "'same'", "nothing to learn", "another column"]),
    "one value": (also(y=1.5), {"task": "regression"}, ["'y'", "1.5", "nothing to learn", "another column"]),
    "regression on text": (GOOD, {"target": "species", "task": "regression"}, ["'species'", "text", "classification"]),
    "regression on booleans": (
        also(y=[True, False] * 20),
        {"task": "regression"},
        ["'y'", "booleans", "classification"],
    ),
    "dates as target": (also(y=pd.date_range("2020-01-01", periods=40)), {}, ["'y'", "dates", "numbers"]),
    "too many classes": (
        GOOD,
        {"target": "age", "task": "classification"},
        ["'age'", "classes", "40 rows", "regression"],
    ),
    "one common class": (also(y=["a"] * 38 + ["b", "c"]), {}, ["'y'", "'b', 'c'", "Merge"]),
    "all-missing column": (
        also(gap=None, hole=np.nan),
        {"target": "species"},
        ["'gap', 'hole'", "missing in every row", "Remove", "drop"],
    ),
    "infinite column": (also(gap=np.inf), {"target": "species"}, ["'gap'", "no finite number", "Remove", "drop"]),
    "lists": (also(deep=[[1]] * 40), {"target": "species"}, ["'deep'", "[1]", "Remove"]),
    "complex numbers": (also(c=1j * np.arange(40)), {"target": "species"}, ["'c'", "complex", "Remove"]),
    "durations": (also(d=pd.to_timedelta(range(40), unit="D")), {"target": "species"}, ["'d'", "Timedelta", "Remove"]),
    "only identifiers": (
        pd.DataFrame({"id": range(40), "code": [f"c{i}" for i in range(40)], "y": ["a", "b"] * 20}),
        {},
        ["'id', 'code'", "identifiers", "keep"],
    ),
    "only constants": (pd.DataFrame({"c": 1, "y": ["a", "b"] * 20}), {}, ["'c'", "constant", "Give other columns"]),
    "only a target": (pd.DataFrame({"y": ["a", "b"] * 20}), {}, ["only the target", "Give other columns"]),
    "y of another length": ((np.ones((30, 2)), np.ones(20)), {}, ["y", "(20,)", "30"]),
    "deep y": ((np.ones((30, 2)), np.ones((30, 3, 2))), {}, ["y", "(30, 3, 2)", "one value", "(rows, targets)"]),
    "no y": ((np.ones((30, 2)), np.ones((30, 0))), {}, ["y", "(30, 0)", "one value"]),
    "twice the same name in y": (
        (np.ones((40, 2)), GOOD[["age", "town"]].set_axis(["a", "a"], axis=1)),
        {},
        ["y", "'a'", "own name"],
    ),
    "no names": (GOOD, {"target": []}, ["target", "[]", "Give the name"]),
    "numbers as names": (GOOD, {"target": [1]}, ["target", "[1]", "Give the name"]),
    "a number as a name": (GOOD, {"target": 1}, ["target", "1", "Give the name"]),
    "one of several unknown": (GOOD, {"target": "town,specie"}, ["'specie'", "Did you mean 'species'?", "Name one"]),
    "labels and numbers": (
        also(a=[0, 1] * 20),
        {"target": ["town", "a", "age"]},
        ["labels ('town', 'a')", "numbers ('age')", "one sort", "regression"],
    ),
    "several of many classes": (
        also(y=["a", "b", "c", "d"] * 10),
        {"target": ["town", "y"]},
        ["'y'", "4 distinct values", "two", "Turn it into"],
    ),
    "several in one classification": (
        GOOD,
        {"target": ["town", "species"], "task": "classification"},
        ["'town', 'species'", "one target", "Name one", "multilabel"],
    ),
    "percentages as target": (
        also(y=[f"{number}%" for number in range(40)]),
        {},
        ["'y' has 40 classes in 40 rows", "signs or commas in 40 rows (such as '0%')", "write them like 1234.5"],
    ),
    "decimal commas among commas": (
        pd.DataFrame({"c": [f"{number},5" for number in range(40)], "y": ["a", "b"] * 20}),
        {},
        ["identifiers: 'c'", "'0,5'", "write them like 1234.5"],
    ),
    "one label": (GOOD, {"target": "town", "task": "multilabel"}, ["'town'", "several", "Name", "classification"]),
    "labels as measures": (
        GOOD,
        {"target": ["town", "species"], "task": "regression"},
        ["'town'", "text", "Use multilabel"],
    ),
    "labels that are the same": (
        also(y=0, z=True),
        {"target": ["town", "y", "z"]},
        ["'y', 'z'", "same in every row", "Leave"],
    ),
    "one of several measures constant": (
        also(y=1.5),
        {"target": ["age", "y"]},
        ["'y'", "1.5", "nothing to learn", "another column"],
    ),
    "one of several targets missing": (also(y=None), {"target": ["age", "y"]}, ["'y'", "missing in every row", "Name"]),
    "all columns are targets": (
        pd.DataFrame({"a": [0, 1] * 20, "b": [0, 0, 1, 1] * 10}),
        {"target": ["a", "b"]},
        ["only the target", "Give other columns"],
    ),
    "flat X": ((np.ones(30), np.ones(30)), {}, ["X", "(30,)", "(rows, features)"]),
    "no X": ((np.ones((0, 3)), np.ones(0)), {}, ["X", "(0, 3)", "(rows, features)"]),
    "ragged X": (([[1, 2], [3]] * 10, [0, 1] * 10), {}, ["X", "(20,)", "(rows, features)"]),
}


def check_message(error: DataError, said: list[str]) -> None:
    message = str(error)
    for part in said:
        assert part in message
    assert re.search(r"[.?)]$", message)
    assert re.search(
        r"\b(Give|Name|Use|Correct|Save|Remove|Write|Merge|Bring|Leave|Turn|Data files|The columns)\b", message
    )


@pytest.mark.parametrize(("name", "content", "options", "said"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(tmp_path, name, content, options, said):
    """The message names the file, the line where there is one, and the remedy."""
    (tmp_path / "people.csv").write_text(TEXT)
    (tmp_path / "folder.csv").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_data(tmp_path / name, **options)
    check_message(caught.value, said)


@pytest.mark.parametrize(("source", "options", "said"), SOURCES.values(), ids=SOURCES)
def test_data_that_cannot_be_learned_from_say_why_and_what_to_do(source, options, said):
    """The message names the column, what is wrong with it, and the remedy."""
    with pytest.raises(DataError) as caught:
        load_data(source, **options)
    check_message(caught.value, said)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": np.ones((20, 2)), "y": np.ones(20)}, ["'X'", "'x_train', 'y'", "Name"]),
        ({"X": np.ones((20, 2))}, ["target", "Name"]),
        ({"X": np.array([[{}]] * 20), "y": np.ones(20)}, ["Python objects", "savez"]),
    ],
    ids=["other names", "no y", "objects"],
)
def test_an_npz_file_of_another_make_says_what_is_in_it(tmp_path, arrays, said):
    """Arrays of other names, without a target, or of Python objects are refused; pickles are never read."""
    np.savez(tmp_path / "t.npz", **arrays, allow_pickle=True)
    with pytest.raises(DataError) as caught:
        load_data(tmp_path / "t.npz")
    check_message(caught.value, ["t.npz", *said])


def test_an_unknown_part_of_the_data_is_named():
    """The parts of the data are those listed in PARTS."""
    with pytest.raises(DataError, match=r"'tset'.*Did you mean 'test'\?"):
        load_data("iris").part("tset")


CELLS = {
    "anything": st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates(), st.datetimes(),
        st.binary(max_size=2), st.lists(st.integers(), max_size=2), st.timedeltas(), st.complex_numbers(),
    ),
    "booleans": st.sampled_from([True, False, None]),
    "digits": st.integers(0, 2),
    "integers": st.integers(),
    "floats": st.floats(),
    "letters": st.sampled_from(["a", "b", None]),
    "texts": st.text(max_size=3),
    "dates": st.dates(),
    "decimals": st.decimals(allow_nan=False),
    "date texts": st.sampled_from(["2020-01-01", "2021-02-03T10:00:00+02:00", "9999-12-31", "2021-02-30"]),
}  # fmt: skip


@st.composite
def tables(draw):
    rows = draw(st.one_of(st.integers(0, 9), st.integers(10, 30)))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), max_size=4))
    kinds.append(draw(st.sampled_from(["digits", "letters", "floats", *sorted(CELLS)])))
    names = [*draw(st.lists(st.text(max_size=3), min_size=len(kinds) - 1, max_size=len(kinds) - 1)), "target"]
    dtype = draw(st.sampled_from([None, object]))
    columns = {
        name: draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)) for name, kind in zip(names, kinds, strict=True)
    }
    return pd.DataFrame({name: pd.Series(values, dtype=dtype) for name, values in columns.items()})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.sampled_from([None, *TARGETS]))
def test_any_small_table_loads_or_raises_a_data_error(table, task):
    """Whatever the cells hold: finite arrays in three parts, or a DataError; never another exception."""
    check_loaded(table, target="target", task=task)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(10, 30), st.sampled_from([None, None, *TARGETS]))
def test_any_columns_in_any_roles_load_or_raise_a_data_error(data, rows, task):
    """Whichever columns are targets, and whichever the weight: likewise, with a weight above 0 for each row."""
    plausible = st.sampled_from(["booleans", "digits", "floats", "letters"])
    table = pd.DataFrame(
        {
            name: pd.Series(data.draw(st.lists(CELLS[data.draw(plausible)], min_size=rows, max_size=rows)))
            for name in "abcd"
        }
    )
    table["w"] = data.draw(st.lists(st.floats(0, 10), min_size=rows, max_size=rows))
    target = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
    check_loaded(table, target=target, task=task, weight=data.draw(st.sampled_from([None, "w", "c"])))


def check_loaded(table: pd.DataFrame, **options) -> None:
    """Whatever loads is fit for training."""
    try:
        data = load_data(table, **options)
    except DataError:
        return
    for part in PARTS:
        x, y = data.part(part)
        assert len(x) > 0
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
        if options.get("weight"):
            assert (data.weights(part) > 0).all()


def refusals(path) -> list[str]:
    """The message of the DataError that loading raises, if it does."""
    try:
        load_data(path)
    except DataError as error:
        return [str(error)]
    return []


FIELDS = st.one_of(
    st.sampled_from(
        ["", "1", "2", "2.5", "NA", "None", "?", "a", "true", "2020-01-01", "1e400", '"1,5"', '"q,x"', '"', "\x00", "é"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), min_size=10, max_size=25)
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_small_csv_file_loads_or_raises_a_data_error(tmp_path_factory, rows, separator, line_end):
    """Whatever the fields hold: data, or a DataError; never another exception."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    lines = [separator.join(row) for row in [["y", "b", "c"][: len(rows[0])], *rows]]
    path.write_bytes(line_end.join(lines).encode())
    assert all(str(path) in message for message in refusals(path))


@pytest.mark.parametrize("suffix", [suffix for suffix in READERS if suffix in {".parquet", ".npz"}])
def test_a_damaged_binary_file_loads_or_raises_a_data_error(tmp_path, suffix):
    """Wherever a byte is flipped or the file is cut off, the parser's own exceptions never come through."""
    path = tmp_path / f"t{suffix}"
    table = also(y=[0, 1] * 20)
    table.to_parquet(path) if suffix == ".parquet" else np.savez(path, X=table[["age"]].to_numpy(), y=table["y"])
    content = path.read_bytes()
    messages = []
    for place in range(0, len(content), max(1, len(content) // 80)):
        for damaged in (content[:place], content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]):
            path.write_bytes(damaged)
            messages += refusals(path)
    assert len(messages) > 80
    assert all(str(path) in message for message in messages)
