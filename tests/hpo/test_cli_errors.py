"""Wrong use: exit code 2, one message that says what, where and what to do, and nothing written."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_line import SPACE, command_here, environment

TABLE = "size,colour,kind\n" + "".join(f"{i},{'red' if i % 3 else 'blue'},{'a' if i % 2 else 'b'}\n" for i in range(40))
OBJECTIVE = "def objective(params):\n    return params['x']\n\ndef learning(params):\n    yield params['x']\n"


def space(line):
    return f"[space]\n{line}\n"


FILES = {
    "table.csv": TABLE,
    "one.csv": TABLE.replace(",b\n", ",a\n"),
    "header.csv": "size,colour,kind\n",
    "blank.csv": "",
    "hollow.csv": "size,kind\n" + "".join(f",{'a' if i % 2 else 'b'}\n" for i in range(40)),
    "train.py": OBJECTIVE,
    "broken.py": "def objective(params:\n",
    "space.toml": SPACE,
    "swapped.toml": space('x = {type = "float", low = 2, high = 1}'),
    "log.toml": space('x = {type = "float", low = 0, high = 1, log = true}'),
    "empty.toml": space('x = {type = "choice", values = []}'),
    "field.toml": space('x = {type = "float", lower = 0, high = 1}'),
    "parent.toml": space('x = {type = "float", low = 0, high = 1, when = {optimiser = "sgd"}}\noptimizer = {type = "choice", values = ["sgd"]}'),
    "value.toml": space('x = {type = "float", low = 0, high = 1, when = {o = "sdg"}}\no = {type = "choice", values = ["sgd"]}'),
    "syntax.toml": space("x = {type = "),
    "nospace.toml": "x = 1\n",
    "key.toml": 'data = "iris"\ntrails = 3\n',
    "type.toml": 'data = "iris"\ntrials = "three"\n',
    "truth.toml": 'data = "iris"\nbalance = 1\n',
    "number.toml": 'data = "iris"\ntarget = ["a", 3]\n',
    "sign.toml": space('activation = {type = "choice", values = ["tanh", "sign"]}'),
    "neither.toml": "trials = 3\n",
    "both.toml": 'data = "iris"\nobjective = "train.py:objective"\n',
    "notes.txt": "these are notes, and no database at all",
}  # fmt: skip

RUN = ("run", "train.py:objective", "--space")

WRONG_RUNS = {
    "no such file": (("run", "tabel.csv"), ["tabel.csv", "no such file", "table.csv"]),
    "unknown data set": (("run", "iriss"), ["iriss", "Did you mean 'iris'"]),
    "unknown target": (("run", "table.csv", "--target", "kid"), ["table.csv", "'kid'", "Did you mean 'kind'"]),
    "no target": (("run", "table.csv"), ["table.csv", "target"]),
    "one of two targets": (("run", "table.csv", "--target", "kind,siz"), ["table.csv", "'siz'", "Did you mean 'size'"]),
    "targets of two sorts": (("run", "table.csv", "--target", "kind,size"), ["'kind'", "'size'", "one sort"]),
    "unknown weight": (("run", "table.csv", "--target", "kind", "--weight", "siez"), ["'siez'", "Did you mean 'size'"]),
    "weights of text": (("run", "table.csv", "--target", "kind", "--weight", "colour"), ["'colour', row 1", "'blue'"]),
    "the target as weight": (("run", "table.csv", "--target", "kind", "--weight", "kind"), ["'kind'", "target"]),
    "balanced numbers": (("run", "diabetes", "--balance"), ["diabetes", "balance", "regression", "Leave it out"]),
    "balanced labels": (("run", "table.csv", "--target", "kind,colour", "--balance"), ["balance", "multilabel"]),
    "one class": (("run", "one.csv", "--target", "kind"), ["one.csv", "kind"]),
    "no rows": (("run", "header.csv", "--target", "kind"), ["header.csv", "0 rows"]),
    "blank file": (("run", "blank.csv"), ["blank.csv", "empty"]),
    "all missing": (("run", "hollow.csv", "--target", "kind"), ["hollow.csv", "size"]),
    "unknown column to drop": (("run", "table.csv", "--target", "kind", "--drop", "siz"), ["siz", "Did you mean 'size'"]),
    "unknown task": (("run", "iris", "--task", "sorting"), ["sorting", "classification"]),
    "unknown metric": (("run", "iris", "--metric", "rmse"), ["rmse", "accuracy"]),
    "metric of classes": (("run", "diabetes", "--metric", "roc_auc"), ["roc_auc", "regression", "use rmse or r2 or mae"]),
    "nothing to train by": (("run", "iris", "--space", "sign.toml"), ["'activation' may be 'sign'", "no gradient", "'tanh'"]),
    "unknown strategy": (("run", "iris", "--strategy", "halvin"), ["halvin", "Did you mean 'halving'"]),
    "a threshold without a value": (("run", "iris", "--strategy", "tpe+full+threshold"), ["threshold", "Threshold(value"]),
    "two searchers": (("run", "iris", "--strategy", "grid+random"), ["grid", "random", "drop one"]),
    "grid without a resolution": ((*RUN, "space.toml", "--strategy", "grid"), ["'x'", "points"]),
    "must resume, cannot": ((*RUN, "space.toml", "--strategy", "halving"), ["halving", "train.py:objective", "random+full"]),
    "epochs of a function": ((*RUN, "space.toml", "--max-epochs", 9), ["max_epochs=9", "generator"]),
    "bounds in the wrong order": ((*RUN, "swapped.toml"), ["swapped.toml", "'x'", "swap"]),
    "log scale at 0": ((*RUN, "log.toml"), ["log.toml", "'x'", "above 0"]),
    "empty choice": ((*RUN, "empty.toml"), ["empty.toml", "'x'"]),
    "unknown field": ((*RUN, "field.toml"), ["field.toml", "'x'", "lower", "Did you mean 'low'"]),
    "condition on an unknown parameter": ((*RUN, "parent.toml"), ["parent.toml", "optimiser", "Did you mean 'optimizer'"]),
    "condition on an unknown value": ((*RUN, "value.toml"), ["value.toml", "'x'", "sdg"]),
    "bad TOML": ((*RUN, "syntax.toml"), ["syntax.toml", "line 2"]),
    "no [space]": ((*RUN, "nospace.toml"), ["nospace.toml", "[space]"]),
    "no space file": ((*RUN, "nowhere.toml"), ["nowhere.toml", "no file"]),
    "no space": (("run", "train.py:objective"), ["--space", "train.py:objective"]),
    "foreign parameter": (("run", "iris", "--space", "space.toml"), ["'x'", "learning_rate"]),
    "no such function": (("run", "train.py:objektive", "--space", "space.toml"), ["objektive", "did you mean 'objective'"]),
    "no function": (("run", "train.py", "--space", "space.toml"), ["train.py:objective"]),
    "no such module": (("run", "nowhere:objective", "--space", "space.toml"), ["nowhere", "cannot be imported"]),
    "broken file": (("run", "broken.py:objective", "--space", "space.toml"), ["broken.py", "SyntaxError"]),
    "a table's option": ((*RUN, "space.toml", "--target", "kind"), ["--target", "leave it out"]),
    "weights of no table": ((*RUN, "space.toml", "--weight", "w"), ["--weight", "leave it out"]),
    "balance of no table": ((*RUN, "space.toml", "--balance"), ["--balance", "leave it out"]),
    "a network's direction": (("run", "iris", "--direction", "minimize"), ["--direction", "--metric"]),
    "unknown direction": ((*RUN, "space.toml", "--direction", "up"), ["up", "minimize"]),
    "unknown order": (("run", "iris", "--order", "any"), ["any", "reproducible"]),
    "no trials": (("run", "iris", "--trials", 0), ["n_trials=0", "above 0"]),
    "no jobs": (("run", "iris", "--jobs", 0), ["jobs = 0", "above 0"]),
    "no epochs": (("run", "iris", "--max-epochs", 0), ["max_epochs=0", "above 0"]),
    "no budget": (("run", "iris", "--budget", 0), ["budget=0", "above 0"]),
    "no time": (("run", "iris", "--timeout", "0s"), ["0s", "10m"]),
    "no span of time": (("run", "iris", "--timeout", "soon"), ["soon", "10m"]),
    "negative seed": (("run", "iris", "--seed", -1), ["seed=-1", "from 0"]),
    "empty name": (("run", "iris", "--name", " "), ["name", "not empty"]),
    "unknown key": (("run", "key.toml"), ["key.toml", "trails", "did you mean 'trials'"]),
    "no truth": (("run", "truth.toml"), ["truth.toml", "balance = 1", "true or false"]),
    "a number for a name": (("run", "number.toml"), ["number.toml", "target = ['a', 3]", "a list of texts"]),
    "wrong type": (("run", "type.toml"), ["type.toml", "trials = 'three'", "whole number"]),
    "nothing to tune": (("run", "neither.toml"), ["neither.toml", 'data = "digits"']),
    "two things to tune": (("run", "both.toml"), ["both.toml", "not both"]),
    "no study file": (("run", "nowhere.toml"), ["nowhere.toml", "no file"]),
    "no database": (("run", "iris", "--storage", "notes.txt"), ["notes.txt", "not an SQLite database", "--storage"]),
    "a folder as database": (("run", "iris", "--storage", "."), ["not a file"]),
    "no folder": (("run", "iris", "--storage", "nowhere/hpo.db"), ["nowhere", "does not exist"]),
    "another kind of database": (("run", "iris", "--storage", "mysql://host/base"), ["mysql"]),
    "in memory": (("run", "iris", "--storage", "sqlite://"), ["names no file", "hpo.db"]),
}  # fmt: skip

LISTINGS = [
    ("list",),
    ("show", "x"),
    ("best", "x"),
    ("trials", "x"),
    ("curves", "x"),
    ("resume", "x"),
    ("sql", "SELECT 1"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files above, as the current one."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    monkeypatch.setenv("HPO_DEBUG", "0")  # what a test sets is taken back
    return tmp_path


@pytest.fixture
def small(folder, capsys):
    """A folder with a study `train` as well."""
    assert command_here(capsys, *RUN, "space.toml", "--trials", 2, "--jobs", 1, "--backend", "threading").code == 0
    return folder


def contents(folder):
    """Return every file's content; of a database, what it says, as its bytes depend on when its log is merged."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and ".db-" not in path.name}
    if "hpo.db" in files:
        connection = sqlite3.connect(f"file:{folder / 'hpo.db'}?mode=ro", uri=True)
        files["hpo.db"] = "\n".join(connection.iterdump()).encode()
        connection.close()
    return files


def assert_refused(said, fragments):
    assert said.code == 2
    assert said.out == ""
    *before, message = said.err.splitlines()
    assert message.startswith("error: ")
    assert all(line.startswith("study ") for line in before)  # which one it is about
    assert "Traceback" not in said.err
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize("case", WRONG_RUNS)
def test_wrong_runs(folder, capsys, case):
    """What is wrong, where, and what to do, in one line; no database and no other file is made."""
    line, fragments = WRONG_RUNS[case]
    before = contents(folder)
    assert_refused(command_here(capsys, *line), fragments)
    assert contents(folder) == before


@pytest.mark.parametrize("line", LISTINGS, ids=lambda line: line[0])
def test_no_database_yet(folder, capsys, line):
    """Where there is no database, none is made, and the message says how to begin."""
    before = contents(folder)
    assert_refused(command_here(capsys, *line), ["no database at hpo.db", "hpo run", "--storage"])
    assert contents(folder) == before


@pytest.mark.parametrize("command", ["show", "best", "trials", "curves", "resume"])
def test_unknown_study(small, capsys, command):
    """The nearest name is proposed."""
    assert_refused(command_here(capsys, command, "trian"), ["'trian'", "did you mean 'train'"])


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ((*RUN, "space.toml"), ["'train' exists already", "hpo resume train", "--name"]),
        (("resume", "train", "--trials", 1), ["total", "2 trials have started"]),
        (("resume", "train", "--trials", 0), ["n_trials=0"]),
        (("resume", "train", "--jobs", 0), ["jobs", "above 0"]),
        (("best", "train", "--save", "x.hpo"), ["train.py:objective", "not a built-in network"]),
        (("trials", "train", "--state", "finished"), ["'finished'", "complete"]),
        (("trials", "train", "--trial", 7), ["no trial 7"]),
        (("curves", "train", 7), ["no trial 7"]),
        (("sql", "SELECT * FROM train_trial"), ["train_trial", "did you mean train_trials"]),
        (("sql", "DELETE FROM trials"), ["only reads"]),
        (("predict", "nowhere.hpo", "table.csv"), ["nowhere.hpo", "no such file"]),
        (("predict", "notes.txt", "table.csv"), ["notes.txt"]),
    ],
)
def test_wrong_use_of_a_study(small, capsys, line, fragments):
    """What cannot be done with a study is refused, and the study stays as it is."""
    before = contents(small)
    assert_refused(command_here(capsys, *line), fragments)
    assert contents(small) == before


def test_the_objective_is_gone(small, capsys):
    """A study whose objective is no longer there says where it was; nothing of it is lost."""
    (small / "train.py").unlink()
    assert_refused(command_here(capsys, "resume", "train", "--trials", 3), ["train.py", "bring it back"])
    assert command_here(capsys, "show", "train").code == 0


def test_the_objective_has_changed(small, capsys):
    """A changed file is warned of, and used."""
    (small / "train.py").write_text(OBJECTIVE.replace("return", "return 1 +"))
    said = command_here(capsys, "resume", "train", "--trials", 3, "--jobs", 1, "--backend", "threading")
    assert said.code == 0
    assert "warning: train.py:objective" in said.err


def test_the_data_have_changed(folder, capsys):
    """Data that are not those of the study are refused, with their path."""
    small = ("--trials", 3, "--max-epochs", 3, "--jobs", 1, "--backend", "threading")
    assert command_here(capsys, "run", "table.csv", "--target", "kind", *small).code == 0
    (folder / "table.csv").write_text(TABLE.replace("red", "green"))
    assert_refused(command_here(capsys, "resume", "table", "--trials", 4), ["table.csv", "changed"])


def test_a_newer_database(small, capsys):
    """A database of a later version is left alone, and the program to be upgraded is named."""
    connection = sqlite3.connect("hpo.db")
    connection.execute("UPDATE hpo_alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for line in (("list",), (*RUN, "space.toml", "--name", "new"), ("resume", "train")):
        assert_refused(command_here(capsys, *line), ["9999", "newer", "upgrade"])


def test_a_foreign_database(folder, capsys):
    """Another program's tables are left alone."""
    connection = sqlite3.connect("hpo.db")
    connection.execute("CREATE TABLE trials(x)")
    connection.close()
    before = contents(folder)
    assert_refused(command_here(capsys, "run", "iris"), ["another program", "--storage"])
    assert contents(folder)["hpo.db"] == before["hpo.db"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_read_only_database(small, locked):
    """A database, or a folder, that may not be written is named by `hpo run` before anything is trained."""
    program = (
        "import contextlib, io, os, sys\n"
        "from hpo.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):\n"
        "    main([*sys.argv[1:], '--storage', 'nowhere/hpo.db'])\n"  # imports all that the other user may not read
        "os.setgid(65534); os.setuid(65534); main(sys.argv[1:])"
    )
    with tempfile.TemporaryDirectory() as place:
        for name in ("train.py", "space.toml", *(["hpo.db"] if locked == "file" else [])):
            Path(shutil.copy(small / name, place)).chmod(0o444)
        Path(place).chmod(0o777 if locked == "file" else 0o555)
        line = [sys.executable, "-c", program, *RUN, "space.toml", "--name", "new"]
        done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, check=False)
        assert {path.name for path in Path(place).iterdir()} <= {"train.py", "space.toml", "hpo.db", "__pycache__"}
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert "read-only" in done.stderr


@pytest.mark.parametrize("line", [("runn",), ("run",), ("run", "iris", "--trails", 3), ("list", "--format", "xml"), ("run", "iris", "--seed", "x")])  # fmt: skip
def test_wrong_words(folder, capsys, line):
    """A command, an option or a value that there is not is told on stderr, with exit code 2."""
    said = command_here(capsys, *line)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err
    assert str(line[-1] if len(line) != 4 else line[2]).lstrip("-") in said.err or line == ("run",)
    assert not (folder / "hpo.db").exists()


def test_debug_shows_the_traceback(folder, capsys):
    """`hpo --debug` and HPO_DEBUG=1 add the traceback to the message."""
    said = command_here(capsys, "--debug", "run", "iriss")
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("error: ")


def test_the_unexpected(small, capsys, monkeypatch):
    """An error of the program's own is exit code 1, a short message, and how to get its traceback."""
    connection = sqlite3.connect("hpo.db")
    connection.execute("UPDATE studies SET space = 'no JSON'")
    connection.commit()
    connection.close()
    said = command_here(capsys, "show", "train")
    assert (said.code, said.out) == (1, "")
    assert "should not have happened" in said.err
    assert "--debug" in said.err
    assert "Traceback" not in said.err


def test_a_reader_who_has_seen_enough(small):
    """A pipe that is closed early is no error to tell about."""
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 200000) SELECT x FROM n"
    line = [sys.executable, "-m", "hpo", "sql", query, "--format", "csv"]
    with subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"x\n"
        process.stdout.close()
        assert process.stderr.read() == b""
