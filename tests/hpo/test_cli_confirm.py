"""The command line's honest winners: confirmed at the end of a run, when asked, and again after more trials."""

import csv
import io
import json
import sqlite3

import pytest
from command_line import command_here
from test_cli_errors import assert_refused

from hpo import load_study

FILES = {
    "train.py": "import random\n"
    "def objective(params, seed):\n    return params['x'] + random.Random(seed).gauss(0, 0.3)\n"
    "def plain(params):\n    return params['x']\n"
    "def failing(params, seed):\n    raise ValueError('never')\n",
    "space.toml": '[space]\nx = {type = "float", low = 0, high = 1}\n',
    "study.toml": 'objective = "train.py:objective"\ntrials = 8\nseed = 1\nstrategy = "random"\nconfirm = false\n'
    '[space]\nx = {type = "float", low = 0, high = 1}\n',
}
QUICK = ("--jobs", 1, "--backend", "threading")


def run(what="objective"):
    return ("run", f"train.py:{what}", "--space", "space.toml", "--strategy", "random", "--seed", 1, *QUICK)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files above, as the current one."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


def repeats(folder):
    query = "SELECT trial, repeat, value FROM confirmations ORDER BY trial, repeat"
    return sqlite3.connect(folder / "hpo.db").execute(query).fetchall()


def test_a_run_confirms_its_leaders(folder, capsys):
    """At its end the best three are trained again from five seeds, told with their means, and the best mean is the winner."""
    said = command_here(capsys, *run(), "--trials", 8)
    assert said.code == 0
    assert "confirming the best 3 with 5 fresh seeds each (--no-confirm leaves this out)" in said.err
    assert "confirmed  value on fresh seeds: the mean and its 95 % interval" in said.out
    assert len(repeats(folder)) == 15
    study = load_study("train")
    assert f"(trial {study.winner.number}, epoch 1)" in said.out
    for each in study.confirmed:
        assert f"trial {each.trial:<5} {each.mean:.6g} [{each.low:.6g}, {each.high:.6g}]" in said.out
    as_json = json.loads(command_here(capsys, "resume", "train", *QUICK, "-f", "json").out)
    assert [each["trial"] for each in as_json["confirmed"]] == [each.trial for each in study.confirmed]
    assert (
        as_json["trial"]
        == study.winner.number
        == json.loads(command_here(capsys, "best", "train", "-f", "json").out)["trial"]
        == json.loads(command_here(capsys, "show", "train", "-f", "json").out)["best"]["trial"]
    )
    shown = command_here(capsys, "show", "train").out
    assert f"(trial {study.winner.number}; {study.confirmed[0].mean:.6g} on average from 5 fresh seeds)" in shown
    assert len(repeats(folder)) == 15


@pytest.mark.parametrize(
    "line", [(*run(), "--trials", 8, "--no-confirm"), ("run", "study.toml", *QUICK)], ids=["option", "file"]
)
def test_a_run_without_confirmation(folder, capsys, line):
    """--no-confirm, or `confirm = false` in a study file, leaves it out; then the command for it comes next, and works."""
    said = command_here(capsys, *line)
    assert (said.code, repeats(folder)) == (0, [])
    assert "confirm" not in said.err
    assert "hpo confirm train" in said.out
    assert command_here(capsys, "confirm", "train", "--top", 2, "--seeds", 3, *QUICK[:2]).code == 0
    assert len(repeats(folder)) == 6


def test_more_trials_are_confirmed_in_their_turn(folder, capsys):
    """`resume` to a larger total confirms the new leaders; what was confirmed before stays."""
    command_here(capsys, *run(), "--trials", 4)
    before = repeats(folder)
    said = command_here(capsys, "resume", "train", "--trials", 30, *QUICK)
    assert "confirming the best 3" in said.err
    after = repeats(folder)
    assert set(before) < set(after)
    assert len(after) <= 2 * len(before)


def test_a_run_that_cannot_be_confirmed(folder, capsys):
    """Where no seed is taken, or no trial has a value, there is nothing to confirm, and nothing is said of it."""
    for what, code in (("plain", 0), ("failing", 1)):
        said = command_here(capsys, *run(what), "--trials", 4, "--name", what)
        assert said.code == code
        assert "confirm" not in said.err + said.out
    assert repeats(folder) == []


def test_confirm_in_every_format(folder, capsys):
    """A table for people; CSV and JSON of the same numbers in full precision, nothing else on stdout; two workers find the same."""
    command_here(capsys, *run(), "--trials", 8, "--no-confirm")
    asked = ("confirm", "train", "--top", 2, "--seeds", 3)
    table = command_here(capsys, *asked, "--jobs", 1)
    as_json = json.loads(command_here(capsys, *asked, "-f", "json").out)
    as_csv = list(csv.DictReader(io.StringIO(command_here(capsys, *asked, "--jobs", 2, "-f", "csv").out)))
    study = load_study("train")
    assert [(row["trial"], row["mean"], row["low"], row["high"]) for row in as_json] == [
        (each.trial, each.mean, each.low, each.high) for each in study.confirmed
    ]
    assert [(float(row["mean"]), row["seeds"], row["failed"]) for row in as_csv] == [
        (each.mean, "3", "0") for each in study.confirmed
    ]
    assert all(f"trial {row['trial']}" in table.out for row in as_json)


def test_what_cannot_be_confirmed(folder, capsys):
    """An unknown study, an objective without a seed, no trial with a value, and counts of none are told in one line."""
    command_here(capsys, *run("plain"), "--trials", 2, "--name", "plain")
    command_here(capsys, *run("failing"), "--trials", 2, "--name", "failing")
    assert_refused(command_here(capsys, "confirm", "plian"), ["'plian'", "did you mean 'plain'"])
    assert_refused(command_here(capsys, "confirm", "plain"), ["train.py:plain", "takes no seed"])
    assert_refused(command_here(capsys, "confirm", "failing"), ["no trial with a value yet"])
    assert command_here(capsys, "confirm", "plain", "--top", 0).code == 2


def test_a_tolerance_ends_a_run_by_itself(folder, capsys):
    """With --tolerance a run ends before its trials are used up; `resume` says so, and a smaller one goes further."""
    counts = []
    for name, tolerance in (("coarse", 0.2), ("fine", 0.02)):
        said = command_here(capsys, *run("plain"), "--trials", 500, "--tolerance", tolerance, "--name", name)
        assert said.code == 0
        study = load_study(name)
        assert study.is_complete
        counts.append(len(study.trials))
    assert 10 <= counts[0] < counts[1] < 500
