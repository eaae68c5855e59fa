"""Objectives of the user's own on the command line: whatever they do, the search goes on and tells."""

import json

import pytest
from command_line import SPACE, command, command_here

TRAIN = """
import os

import metrics_of_mine


def value(params):
    print("training", flush=True)
    return metrics_of_mine.square(params["x"])


def score(params, seed):
    return {"auc": params["x"], "loss": 1.0}


def learning(params):
    for epoch in range(4):
        yield params["x"] / (epoch + 1)


def endless(params):
    while True:
        yield params["x"]


def raising(params):
    if params["x"] > 0.5:
        raise ValueError(f"too large: {params['x'] > 0.5}")
    return params["x"]


def always(params):
    raise RuntimeError("always\\x1b[31m [bold]")


def text(params):
    return "good"


def nothing(params):
    pass


def nan(params):
    return float("nan")


def dying(params):
    if params["x"] > 0.5:
        os._exit(9)
    return params["x"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with objectives, a module that they import, and a space; as the current one."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "metrics_of_mine.py").write_text("def square(x):\n    return x * x\n")
    (tmp_path / "space.toml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Run an objective in a thread: `run("train.py:value", "--trials", 4)`; returns what it said and its outcome."""

    def run(objective, *options):
        quick = ("--space", "space.toml", "--jobs", 1, "--backend", "threading", "--seed", 1, "--format", "json")
        said = command_here(capsys, "run", objective, *quick, *options)
        return said, json.loads(said.out)

    return run


def test_a_function(run):
    """A function of a file is minimised: its best value is that of the best params."""
    said, found = run("train.py:value", "--trials", 5)
    assert said.code == 0
    assert found["study"] == "train"
    assert found["value"] == found["params"]["x"] ** 2
    assert found["trials"] == {"complete": 5}


def test_a_metric_and_a_direction(run, capsys):
    """--metric names the entry of a dict, --direction which way is good."""
    _, found = run("train.py:score", "--trials", 5, "--metric", "auc", "--direction", "maximize")
    trials = json.loads(command_here(capsys, "trials", "train", "-f", "json").out)
    assert found["value"] == max(trial["params"]["x"] for trial in trials)
    curves = json.loads(command_here(capsys, "curves", "train", 0, "-f", "json").out)
    assert [row["loss"] for row in curves] == [1.0]


def test_a_generator_is_at_its_end(run):
    """A generator that returns after four values has trained four epochs, and nothing was saved by that."""
    _, found = run("train.py:learning", "--trials", 2)
    assert (found["epochs"], found["epochs_saved"]) == (8, 0)


def test_an_endless_generator(run):
    """A generator without an end is trained for --max-epochs, else for 100 epochs."""
    assert run("train.py:endless", "--trials", 2, "--max-epochs", 7, "--name", "seven")[1]["epochs"] == 14
    assert run("train.py:endless", "--trials", 1, "--name", "all")[1]["epochs"] == 100


def test_a_module(folder):
    """MODULE:NAME is found in the current folder, by workers in processes of their own and by `hpo resume` as well."""
    said = command("run", "train:value", "--space", "space.toml", "--trials", 2, "--jobs", 2, cwd=folder)
    assert said.code == 0, said.err
    more = command("resume", "train", "--trials", 3, "--jobs", 1, "--format", "json", cwd=folder)
    assert json.loads(more.out)["trials"] == {"complete": 3}


def test_what_an_objective_prints(folder):
    """What an objective prints in its process comes on stderr: stdout is the outcome's alone."""
    said = command(
        "run", "train.py:value", "--space", "space.toml", "--trials", 2, "--jobs", 1, "-f", "json", cwd=folder
    )
    assert said.err.count("training\n") == 2
    assert json.loads(said.out)["trials"] == {"complete": 2}


def test_an_objective_that_raises(run, capsys):
    """A trial whose objective raises has failed; the search goes on, `show` counts, and the traceback is kept."""
    said, _ = run("train.py:raising", "--trials", 8)
    trials = json.loads(command_here(capsys, "trials", "train", "-f", "json").out)
    failed = [trial["number"] for trial in trials if trial["state"] == "failed"]
    assert said.code == 0
    assert failed == [trial["number"] for trial in trials if trial["params"]["x"] > 0.5] != []
    told = command_here(capsys, "show", "train").out
    assert f"{len(failed)} × ValueError: too large: True (trial {failed[0]})" in told
    assert f"hpo trials train --trial {failed[0]}" in told
    shown = command_here(capsys, "trials", "train", "--trial", failed[0]).out
    assert "Traceback (most recent call last)" in shown
    assert "raise ValueError" in shown


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("always", "RuntimeError: always"),
        ("text", "'good'"),
        ("nothing", "returned nothing"),
        ("nan", "must be finite"),
    ],
)
def test_every_trial_fails(run, capsys, name, error):
    """When no trial has a value, the exit code is 1, and why each failed is told without control characters."""
    said, found = run(f"train.py:{name}", "--trials", 3)
    assert said.code == 1
    assert (found["value"], found["trials"], found["epochs_saved"]) == (None, {"failed": 3}, 0)
    assert sum(failure["count"] for failure in found["failures"]) == 3
    told = command_here(capsys, "show", "train")
    assert "3 × " in told.out
    assert error in told.out
    assert "\x1b" not in told.out
    assert command_here(capsys, "best", "train").code == 2
    assert command_here(capsys, "trials", "train", "--best-first").code == 0


def test_a_run_tells_why_trials_failed(folder, capsys):
    """The outcome for people names the most frequent errors, and the command that shows a traceback."""
    told = command_here(
        capsys, "run", "train.py:always", "--space", "space.toml", "--trials", 3, "-j", 1, "--backend", "threading"
    ).out
    assert "3 × RuntimeError: always" in told
    assert "hpo trials train --trial 0" in told


def test_an_objective_that_kills_its_process(folder):
    """With a single job, too, an objective runs in a process of its own: its end is not the search's."""
    said = command(
        "run",
        "train.py:dying",
        "--space",
        "space.toml",
        "--strategy",
        "random",
        "--trials",
        3,
        "--jobs",
        1,
        "--seed",
        1,
        "-f",
        "json",
        cwd=folder,
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["trials"] == {"complete": 2, "failed": 1}
