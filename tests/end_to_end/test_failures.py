"""Trials that end their process or hang, in real processes: each fails by itself, and the others are as undisturbed."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import rough_objectives
from command_line import command, command_here
from evidence import rows
from searches import ran

import hpo
from hpo.launch import Launch, Watcher, run_workers
from hpo.sources import as_objective

SPACE = hpo.Space(x=hpo.Int(0, 7))


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., hpo.Study]:
    """Search eight points in worker processes, some of which are rough."""
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))

    def search(url: object, objective: Any, rough: str, n_jobs: int = 2, space: hpo.Space = SPACE, **settings: Any):
        monkeypatch.setenv("ROUGH", rough)
        settings = {"strategy": "grid", "seed": 0} | settings
        study = hpo.create_study("rough", space=space, objective=objective, storage=url, **settings)
        return study.optimize(n_jobs=n_jobs, backend="loky")

    return search


def undisturbed(objective: Any, **settings: Any) -> dict[int, float | None]:
    """Return each point's value when none is rough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUGH", "")
        study = hpo.create_study(space=SPACE, objective=objective, strategy="grid", seed=0, storage=None, **settings)
        return {trial.params["x"]: trial.value for trial in study.optimize().trials}


def outcome(study: hpo.Study) -> tuple[dict[int, str], dict[int, float | None]]:
    """Return the errors of the failed trials, and the values of the others, by point; the study must be at its end."""
    assert study.is_complete
    assert len(study.trials) == 8
    failed = {trial.params["x"]: str(trial.error) for trial in study.trials if trial.state is hpo.State.FAILED}
    complete = {trial.params["x"]: trial.value for trial in study.trials if trial.state is hpo.State.COMPLETE}
    return failed, complete


def attempts(folder: Path, x: int) -> int:
    """Return how often a point was tried."""
    return sum(line.split()[0] == str(x) for line in (folder / "attempts").read_text().splitlines())


# --- crashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("killed", "its worker was ended by SIGKILL (out of memory?)"),
        ("segfaulting", "its worker was ended by SIGSEGV"),
        ("exiting", "its worker exited with code 3"),
    ],
)
def test_a_trial_that_crashes_its_worker_fails(
    search: Callable[..., hpo.Study], tmp_path: Path, name: str, ending: str
) -> None:
    """It is tried as often as the study's retries say; then it fails with the signal or the exit code named."""
    objective = getattr(rough_objectives, name)
    whole = undisturbed(objective)
    before = attempts(tmp_path, 5)
    failed, complete = outcome(search(tmp_path / "hpo.db", objective, "5", retries=1))
    assert failed == {5: f"{ending}, in the last of 2 attempts"}
    assert complete == {x: value for x, value in whole.items() if x != 5}
    assert attempts(tmp_path, 5) - before == 2


def test_of_a_stack_only_the_guilty_fails(search: Callable[..., hpo.Study], any_url: str, tmp_path: Path) -> None:
    """One of eight that train together kills their process: it alone fails, the seven others have the same values."""
    objective = rough_objectives.Stacked()
    whole = undisturbed(objective, max_epochs=4)
    (tmp_path / "attempts.stacks").unlink()
    study = search(any_url, objective, "3", n_jobs=1, max_epochs=4, retries=1)
    failed, complete = outcome(study)
    assert failed == {3: "its worker was ended by SIGKILL (out of memory?), in the last of 2 attempts"}
    assert complete == {x: value for x, value in whole.items() if x != 3}
    stacks = [int(line) for line in (tmp_path / "attempts.stacks").read_text().split()]
    assert stacks[0] == 8
    assert set(stacks[1:]) == {1}
    assert rows(any_url, "SELECT count(*) FROM jobs WHERE state <> 'done'") == [(0,)]
    assert rows(any_url, "SELECT count(*) FROM workers") == [(0,)]


def test_many_crashes_do_not_end_the_search(search: Callable[..., hpo.Study], tmp_path: Path) -> None:
    """However many trials crash one after another: that is their fault, and no sign that processes cannot live."""
    space = hpo.Space(x=hpo.Int(0, 11))
    rough = ",".join(map(str, range(11)))
    study = search(tmp_path / "hpo.db", rough_objectives.exiting, rough, n_jobs=1, space=space, retries=0)
    errors = {trial.params["x"]: trial.error for trial in study.trials}
    assert errors == dict.fromkeys(range(11), "its worker exited with code 3") | {11: None}


def test_a_crash_of_the_search_itself_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial takes a search in one process with it; gone on with in workers, the trial fails and the search ends."""
    program = """
import sys, hpo, rough_objectives
study = hpo.create_study("rough", space=hpo.Space(x=hpo.Int(0, 7)), objective=rough_objectives.killed, seed=0,
                         strategy="grid", storage="hpo.db", retries=0)
study.optimize()
"""
    folder = Path(rough_objectives.__file__).parent
    places = os.pathsep.join([str(folder), str(folder.parents[1])])
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setenv("ROUGH", "4")
    code, _, errors = ran(program, tmp_path, PYTHONPATH=places)
    assert code == -signal.SIGKILL, errors
    study = hpo.load_study("rough", storage=tmp_path / "hpo.db", objective=rough_objectives.killed)
    failed, complete = outcome(study.optimize(n_jobs=2))
    assert failed == {4: "its worker was ended by SIGKILL (out of memory?), in the last of 2 attempts"}
    assert len(complete) == 7


# --- hangs ----------------------------------------------------------------------------------------------------------


def test_a_trial_that_hangs_in_c_code_fails(search: Callable[..., hpo.Study], any_url: str, tmp_path: Path) -> None:
    """It holds the interpreter's lock and ignores signals: its process is ended all the same, and it is not retried."""
    objective = rough_objectives.deaf
    whole = undisturbed(objective)
    before = attempts(tmp_path, 2) if (tmp_path / "attempts").exists() else 0
    failed, complete = outcome(search(any_url, objective, "2", trial_timeout=1))
    assert failed == {2: "trained longer than its 1 s"}
    assert complete == {x: value for x, value in whole.items() if x != 2}
    assert attempts(tmp_path, 2) - before == 1


def test_a_silent_worker_keeps_its_job(any_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that keeps the interpreter to itself beyond the lease goes on: the launcher vouches for it, until its timeout.

    Nobody else takes the trial over, to hang in it as well.
    """
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setenv("ROUGH", "2")
    objective = as_objective(rough_objectives.deaf, "value")
    study = hpo.create_study(
        space=SPACE, objective=objective, strategy="grid", seed=0, storage=any_url, trial_timeout=8, parallelism=2
    )
    launch = Launch(study.database.given_url, study.name, study.record.id, objective, 2, "loky", None, lease=3.0)
    run_workers(study.database, study.record, launch, Watcher())
    failed, complete = outcome(study)
    assert failed == {2: "trained longer than its 8 s"}
    assert len(complete) == 7
    assert attempts(tmp_path, 2) == 1


def test_what_a_hanging_trial_started_is_ended_too(search: Callable[..., hpo.Study], tmp_path: Path) -> None:
    """A process that the trial waits for does not go on without it."""
    failed, _ = outcome(search(tmp_path / "hpo.db", rough_objectives.waiting, "2", trial_timeout=1))
    assert failed == {2: "trained longer than its 1 s"}
    child = int((tmp_path / "attempts.child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_of_a_stack_that_hangs_only_the_guilty_fails(
    search: Callable[..., hpo.Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its members are trained alone, and the one that hangs then fails; a stack's time is shared by its members."""
    monkeypatch.setenv("HANG", "yes")
    whole = undisturbed(rough_objectives.Stacked(), max_epochs=4)
    study = search(tmp_path / "hpo.db", rough_objectives.Stacked(), "3", 1, max_epochs=4, trial_timeout=0.5)
    failed, complete = outcome(study)
    assert failed == {3: "trained longer than its 0.5 s, in the last of 2 attempts"}
    assert complete == {x: value for x, value in whole.items() if x != 3}


def test_waiting_is_not_training(search: Callable[..., hpo.Study], tmp_path: Path) -> None:
    """Trials that take two seconds one after another, each a quarter, are all within a timeout of one.

    And with a timeout even a single worker is a process of its own: the caller's may not be ended.
    """
    monitored = search(tmp_path / "hpo.db", rough_objectives.steady, "", 1, trial_timeout=1)
    assert outcome(monitored)[0] == {}
    study = hpo.create_study(
        space=hpo.Space(x=hpo.Int(0, 0)),
        objective=rough_objectives.steady,
        strategy="grid",
        storage=None,
        trial_timeout=9,
    )
    study.optimize()
    pids = {int(line.split()[1]) for line in (tmp_path / "attempts").read_text().splitlines()}
    assert len(pids) == 2
    assert os.getpid() not in pids


# --- by command -----------------------------------------------------------------------------------------------------


def test_the_policy_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hpo run` ends a hanging trial, hpo resume changes the policy, hpo show tells it; a wrong one is refused."""
    (tmp_path / "train.py").write_text(
        "import time\n\ndef objective(params):\n    time.sleep(3600 if params['x'] == 1 else 0)\n    return params['x']\n"
    )
    (tmp_path / "space.toml").write_text('[space]\nx = {type = "int", low = 0, high = 3}\n')
    line = ("run", "train.py:objective", "--space", "space.toml", "--strategy", "grid", "--no-confirm", "-f", "json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    refused = command_here(capsys, *line, "--trial-timeout", "1s", "--backend", "threading")
    assert refused.code != 0
    assert "use that, or a study without a trial_timeout" in " ".join(refused.err.split())
    assert not (tmp_path / "hpo.db").exists()
    found = command(*line, "--trial-timeout", "1s", "--retries", "0", "--jobs", "1", cwd=tmp_path)
    assert found.code == 0, found.err
    assert json.loads(found.out)["trials"] == {"complete": 3, "failed": 1}
    assert json.loads(found.out)["failures"][0]["error"] == "trained longer than its 1 s"
    assert "is not tried again; at most 1 s" in " ".join(command_here(capsys, "show", "train").out.split())
    more = ("--retries", "4", "--trial-timeout", "2m", "--tolerance", "0.5", "--jobs", "1", "--no-confirm")
    assert command("resume", "train", *more, cwd=tmp_path).code == 0
    shown = json.loads(command_here(capsys, "show", "train", "-f", "json").out)
    assert (shown["retries"], shown["trial_timeout"], shown["tolerance"]) == (4, 120.0, 0.5)
