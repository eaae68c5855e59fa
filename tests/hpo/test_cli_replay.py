"""Recorded and replayed on the command line: one table, any strategy, in seconds."""

import csv
import io
import json

import pytest
from command_line import command_here

from hpo import load_study
from hpo.cli.main import main
from hpo.recordings import load_recording, recorded_curves

FILES = {
    "train.py": "def objective(params):\n"
    "    for epoch in range(1, 10):\n"
    "        yield {'value': params['x'] + 1 / epoch, 'error': params['x'] ** 2}\n",
    "space.toml": '[space]\nx = {type = "float", low = 0, high = 1}\n',
    "study.toml": 'name = "mine"\nobjective = "train.py:objective"\nstrategy = "random+full+patience"\nmax_epochs = 9\n'
    '[space]\nx = {type = "float", low = 0, high = 1}\n',
}
RECORD = ("record", "train.py:objective", "--space", "space.toml", "--trials", 12, "--max-epochs", 9, "--jobs", 1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with the files above and a recording of twelve configurations, `train-recorded.npz`."""
    folder = tmp_path_factory.mktemp("replay")
    for name, content in FILES.items():
        (folder / name).write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("HPO_STORAGE", raising=False)
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in RECORD])
    assert end.value.code == 0
    return folder


@pytest.fixture
def hpo(recorded, monkeypatch, capsys):
    """A command in that folder: `hpo("list")`."""
    monkeypatch.chdir(recorded)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return lambda *arguments: command_here(capsys, *arguments)


def test_a_recording_is_a_study_trained_in_full(hpo, recorded):
    """Its configurations are trained to the last epoch; the file holds the study's curves, and the same command makes it again."""
    study = load_study("train-recorded")
    assert [trial.epochs for trial in study.trials] == [9] * 12
    curves, kept = load_recording(recorded / "train-recorded.npz"), recorded_curves(study)
    assert list(curves.rows) == list(kept.rows)
    assert list(curves.metrics) == ["value", "error"]
    before = (recorded / "train-recorded.npz").read_bytes()
    said = hpo(*RECORD, "--output", "again.npz")
    assert said.code == 0
    assert "hpo replay again.npz" in said.err
    assert (recorded / "again.npz").read_bytes() == before
    assert len(load_study("train-recorded").trials) == 12


def test_a_study_file_is_recorded_beside_its_study(hpo, recorded):
    """What is recorded from a study file is a study of its own, not the one that the file names."""
    assert hpo("run", "study.toml", "--trials", 2, "--jobs", 1, "--backend", "threading").code == 0
    assert hpo("record", "study.toml", "--trials", 3, "--jobs", 1).code == 0
    assert len(load_study("mine").trials) == 2
    assert load_study("mine-recorded").spec.strategy.name == "random+full"
    assert (recorded / "mine-recorded.npz").exists()


def test_strategies_are_compared_on_the_same_curves(hpo):
    """A line for each strategy; random search over all configurations finds the best on record, at its full cost."""
    asked = ("replay", "train-recorded.npz", "-s", "random", "-s", "halving", "--seeds", 3)
    table, as_csv, as_json = (hpo(*asked, "--format", form) for form in ("table", "csv", "json"))
    assert [said.code for said in (table, as_csv, as_json)] == [0, 0, 0]
    rows = json.loads(as_json.out)
    assert [row["strategy"] for row in rows] == ["random", "halving"]
    random, halving = rows
    best = load_recording(load_study("train-recorded").database.path.parent / "train-recorded.npz").recording().best
    assert (random["best value"], random["trials"], random["epochs"]) == (best, 12, 12 * 9)
    assert random["searches that got there"] == "3 of 3"
    assert halving["epochs"] < random["epochs"]
    assert float(next(csv.DictReader(io.StringIO(as_csv.out)))["best value"]) == best
    assert "Medians of 3 searches on 12 configurations of train-recorded" in table.out


def test_a_replay_by_name_metric_and_bounds(hpo):
    """A study is replayed by its name; --metric searches another of its metrics, --trials and --budget bound it."""
    asked = ("replay", "train-recorded", "-s", "random", "--seeds", 2, "-f", "json")
    (row,) = json.loads(hpo(*asked, "--trials", 4, "--workers", 2).out)
    assert (row["trials"], row["epochs"]) == (4, 36)
    (row,) = json.loads(hpo(*asked, "--budget", 20).out)
    assert row["epochs"] == 18
    assert "best error" in json.loads(hpo(*asked, "--metric", "error").out)[0]


def test_a_strategy_that_cannot_is_told_and_the_others_go_on(hpo):
    """A search that was cut short is no record for strategies that train on: each is told why, and where none can, the exit code is 1."""
    assert (
        hpo(
            "run", "study.toml", "--name", "cut", "--trials", 6, "--budget", 40, "--jobs", 1, "--backend", "threading"
        ).code
        == 0
    )
    said = hpo("replay", "train-recorded", "-s", "pbt", "-s", "random", "--seeds", 1, "-f", "json")
    assert said.code == 0
    assert "pbt: " in said.err
    assert "such a curve was not recorded" in said.err
    assert [row["strategy"] for row in json.loads(said.out)] == ["random"]
    alone = hpo("replay", "train-recorded", "-s", "pbt", "--seeds", 1)
    assert alone.code == 1
    assert "Traceback" not in alone.err


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        (("replay", "nowhere.npz"), ["nowhere.npz", "no file", "hpo record"]),
        (("replay", "train.npz"), ["train.npz", "is not a recording"]),
        (("replay", "train-recored"), ["did you mean 'train-recorded'"]),
        (("replay", "train-recorded", "--metric", "acc"), ["no metric 'acc'", "value, error"]),
        (("replay", "train-recorded", "-s", "halvin"), ["halvin", "Did you mean 'halving'"]),
        (("record", "train.py:objective"), ["--space", "train.py:objective"]),
        (("record", "iriss"), ["iriss", "Did you mean 'iris'"]),
        ((*RECORD, "--output", "nowhere/x.npz"), ["nowhere", "does not exist"]),
    ],
)
def test_wrong_use(hpo, recorded, line, fragments):
    """What is wrong and what to do, in one line."""
    (recorded / "train.npz").write_text("no archive")
    said = hpo(*line)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err
    assert said.err.splitlines()[-1].startswith("error: ")
    for fragment in fragments:
        assert fragment in said.err
