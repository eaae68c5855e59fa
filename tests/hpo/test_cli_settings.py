"""Study files, spans of time, and what values look like: what lies between the command line and the search."""

import csv
import io
import json
from math import inf

import pytest
from command_line import command_here
from hypothesis import given
from hypothesis import strategies as st

from hpo.cli.durations import parse_duration
from hpo.cli.options import Format
from hpo.cli.output import flattened, shown, write_rows
from hpo.errors import SettingError

STUDY = """
data = "data/table.csv"
target = "kind"
name = "from a file"
trials = 4
max-epochs = 3
jobs = 1
backend = "threading"
seed = 3
timeout = "10m"
drop = ["noise"]
storage = "kept.db"
strategy = {scheduler = {name = "halving", settings = {eta = 2}}}

[space]
learning_rate = {type = "float", low = 1e-3, high = 1e-1, log = true}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a study file and its data; the current one is another."""
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    (tmp_path / "study" / "data").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    rows = [f"{i},{i % 5},{i % 7},{'a' if i % 2 else 'b'},{i % 3 == 0}" for i in range(60)]
    (tmp_path / "study" / "data" / "table.csv").write_text("\n".join(["size,noise,weight,kind,cold", *rows]))
    (tmp_path / "study" / "study.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_a_study_file(folder, capsys):
    """A study file says all that the options can; its paths start from its own folder."""
    found = json.loads(command_here(capsys, "run", "../study/study.toml", "-f", "json").out)
    assert (found["study"], found["seed"], sum(found["trials"].values())) == ("from a file", 3, 4)
    assert list(found["params"]) == ["learning_rate"]
    assert (folder / "study" / "kept.db").exists()
    assert not list((folder / "elsewhere").iterdir())


TARGETS_FILE = """
data = "data/table.csv"
target = ["kind", "cold"]
weight = "weight"
keep = ["size"]
metric = "roc_auc"
trials = 2
max-epochs = 1
"""
BALANCED_FILE = """
data = "data/table.csv"
target = "kind"
balance = true
drop = ["noise", "cold"]
trials = 2
max-epochs = 1
"""


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (TARGETS_FILE, ["--target", "kind,cold", "--weight", "weight", "--keep", "size", "--metric", "roc_auc"]),
        (BALANCED_FILE, ["--target", "kind", "--balance", "--drop", "noise", "--drop", "cold"]),
    ],
    ids=["several targets and a weight", "balance"],
)
def test_a_study_file_says_what_options_say(folder, capsys, content, options):
    """Targets, weight and balance in a study file are the options of these names: the same data, the same search."""
    (folder / "study" / "other.toml").write_text(content)
    here = ("--jobs", 1, "--backend", "threading", "--seed", 1, "--storage", "hpo.db")
    data = folder / "study" / "data" / "table.csv"
    assert command_here(capsys, "run", "../study/other.toml", *here, "--name", "a").code == 0
    assert command_here(capsys, "run", data, *options, "--trials", 2, "--max-epochs", 1, *here, "--name", "b").code == 0
    query = "SELECT objective, metric FROM studies"
    ours, theirs = json.loads(command_here(capsys, "sql", query, "--storage", "hpo.db", "-f", "json").out)
    assert ours == theirs
    values = [command_here(capsys, "trials", name, "--storage", "hpo.db", "-f", "csv").out for name in "ab"]
    first, second = ([row["value"] for row in csv.DictReader(io.StringIO(text))] for text in values)
    assert first == second


def test_a_byte_order_mark_is_no_key(folder, capsys):
    """Editors that begin a file with one write study files as well as others."""
    (folder / "study" / "marked.toml").write_text(STUDY, encoding="utf-8-sig")
    assert command_here(capsys, "run", "../study/marked.toml", "--name", "marked").code == 0


def test_a_key_given_twice(folder, capsys):
    """In its two spellings: neither wins in silence."""
    (folder / "study" / "twice.toml").write_text(f"trial-timeout = 5\ntrial_timeout = 6\n{STUDY}")
    said = command_here(capsys, "run", "../study/twice.toml")
    assert said.code == 2
    assert "trial_timeout is given twice" in said.err


def test_options_win(folder, capsys):
    """An option has precedence over the same key of the file."""
    line = ("run", "../study/study.toml", "--trials", 2, "--name", "mine", "--storage", "mine.db", "-s", "random")
    found = json.loads(command_here(capsys, *line, "-f", "json").out)
    assert (found["study"], found["strategy"], found["trials"]) == ("mine", "random+full", {"complete": 2})
    assert (folder / "elsewhere" / "mine.db").exists()
    assert not (folder / "study" / "kept.db").exists()


def test_the_strategy_of_a_study_file_has_settings(folder, capsys):
    """A table in the place of the strategy's name sets its parts up."""
    command_here(capsys, "run", "../study/study.toml")
    query = "SELECT json_extract(strategy, '$.scheduler.settings.eta') AS eta FROM studies"
    kept = command_here(capsys, "sql", query, "--storage", folder / "study" / "kept.db", "-f", "json")
    assert json.loads(kept.out) == [{"eta": 2}]


def test_a_grid_is_searched_whole(folder, capsys):
    """Without --trials a grid gives all of its points; with it, the first ones."""
    (folder / "elsewhere" / "grid.toml").write_text('[space]\nx = {type = "int", low = 1, high = 70}\n')
    (folder / "elsewhere" / "f.py").write_text("def f(params):\n    return params['x']\n")
    line = ("run", "f.py:f", "--space", "grid.toml", "-s", "grid", "--backend", "threading", "-j", 1, "-f", "json")
    assert json.loads(command_here(capsys, *line).out)["trials"] == {"complete": 70}
    assert json.loads(command_here(capsys, *line, "--trials", 5, "--name", "five").out)["trials"] == {"complete": 5}


def test_a_budget_and_a_default_number_of_trials(folder, capsys):
    """--budget bounds the epochs in all; otherwise sixty trials are started."""
    (folder / "elsewhere" / "space.toml").write_text('[space]\nx = {type = "float", low = 0, high = 1}\n')
    (folder / "elsewhere" / "f.py").write_text("def f(params):\n    while True:\n        yield params['x']\n")
    line = (
        "run",
        "f.py:f",
        "--space",
        "space.toml",
        "--max-epochs",
        2,
        "--backend",
        "threading",
        "-j",
        1,
        "-f",
        "json",
    )
    assert json.loads(command_here(capsys, *line).out)["trials"] == {"complete": 60}
    assert json.loads(command_here(capsys, *line, "--budget", 9, "--name", "few").out)["epochs"] == 8


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5m", 90),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1H 30 M", 5400),
        ("0.5", 0.5),
    ],
)
def test_spans_of_time(text, seconds):
    """A span of time is the sum of its parts."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "ten", "5x", "m", "1h-5m", "1e3", "nan", "1:30"])
def test_what_is_no_span_of_time(text):
    """Everything else is refused with an example of what is meant."""
    with pytest.raises(SettingError, match="10m"):
        parse_duration(text)


@given(
    st.dictionaries(st.text("ab"), st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.binary()), min_size=1)
)
def test_rows_are_json_whatever_they_hold(row):
    """JSON is strict: no NaN, no infinity, no bytes; and every column is there."""

    def refuse(constant):
        raise AssertionError(constant)

    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as out:
        write_rows(list(row), [list(row.values())], Format.JSON)
    assert set(json.loads(out.getvalue(), parse_constant=refuse)[0]) == set(row)


def test_columns_of_one_name_are_kept_apart(capsys):
    """JSON objects cannot hold a name twice: the second gets a number."""
    write_rows(["a", "a", "b"], [[1, 2, 3]], Format.JSON)
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "a_2": 2, "b": 3}]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.1234567, "0.123457"), (inf, "inf"), (b"abc", "<3 bytes>"), ("a\x1b[31m", "a\\x1b[31m"), ({"x": 0.5, "y": None}, "x=0.5, y=–"), (True, "True")],
)  # fmt: skip
def test_values_for_people(value, text):
    """People see six digits, no bytes, and control characters spelled out."""
    assert shown(value) == text


def test_nested_records_become_columns():
    """A path through a record becomes a column, its names joined by underscores."""
    assert dict(flattened({"a": 1, "b": {"c": 2, "d": {"e": 3}}})) == {"a": 1, "b_c": 2, "b_d_e": 3}
