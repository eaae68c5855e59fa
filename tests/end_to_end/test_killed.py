"""Processes are killed with SIGKILL, at random moments; nothing is lost, and the search ends as if nothing had been."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence import PATIENCE, TRAINER, evidence, rows, wait_until

import hpo

TRIALS, EPOCHS = 30, 9
SPACE = hpo.Space(rate=hpo.Float(0.001, 0.99), kind=hpo.Choice("a", "b"))
LAUNCH = """
import sys, hpo
from hpo.sources import load_objective
space = hpo.Space(rate=hpo.Float(0.001, 0.99), kind=hpo.Choice("a", "b"))
study = hpo.create_study("killed", space=space, objective=load_objective(sys.argv[1] + ":Objective"), seed=11,
                         strategy=sys.argv[2], max_epochs=9, storage=sys.argv[3])
study.optimize(30, n_jobs=2, backend="loky")
"""
MEASURED = "SELECT count(*) FROM measurements"
MOMENTS = [("postgresql" if moment % 5 == 4 else "sqlite", moment) for moment in range(20)]


def uninterrupted(folder: Path, strategy: str) -> dict[str, list[tuple]]:
    from hpo.sources import load_objective

    path = folder / f"undisturbed-{strategy}.db"
    objective = load_objective(f"{folder / 'trainer.py'}:Objective")
    study = hpo.create_study(
        "killed", space=SPACE, objective=objective, seed=11, strategy=strategy, max_epochs=EPOCHS, storage=path
    )
    study.optimize(TRIALS)
    return evidence(path)


def launch(folder: Path, strategy: str, url: str, log: Path, pause: float = 0.004) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(folder / "trainer.py"), strategy, url],
        env=os.environ | {"TRAINER_LOG": str(log), "TRAINER_PAUSE": str(pause)},
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    (folder / "trainer.py").write_text(TRAINER)
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, dict[str, list[tuple]]]:
    return {strategy: uninterrupted(folder, strategy) for strategy in ("halving", "random+full")}


@pytest.mark.parametrize(("new_url", "moment"), MOMENTS, indirect=["new_url"])
def test_the_whole_group_is_killed_and_the_search_is_resumed(
    folder: Path, expected: dict, new_url: Callable[..., str], moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SIGKILL and resume: equal trials and measurements, nothing running, no checkpointed epoch repeated."""
    strategy = ("halving", "random+full")[moment % 2]
    url, log = new_url(empty=True), folder / f"{moment}.log"
    total = len(expected[strategy]["measurements"])
    process = launch(folder, strategy, url, log)
    wait_until(url, MEASURED, random.Random(moment).randrange(1, total * 6 // 10))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert rows(url, "SELECT state FROM studies") == [("open",)]
    checkpoints = dict(rows(url, "SELECT seed, epoch FROM checkpoints c JOIN trials t ON t.number = c.trial"))
    log.rename(log.with_suffix(".before"))

    monkeypatch.setenv("TRAINER_LOG", str(log))
    study = hpo.load_study("killed", storage=url)
    study.optimize(n_jobs=1)

    assert evidence(url) == expected[strategy]
    assert rows(url, "SELECT count(*) FROM trials WHERE state IN ('running', 'paused')") == [(0,)]
    assert rows(url, "SELECT count(*) FROM jobs WHERE state <> 'done'") == [(0,)]
    trained = [tuple(map(int, line.split()[:2])) for line in log.read_text().splitlines()]
    assert trained, "the kill came too late to test anything"
    assert not [(seed, epoch) for seed, epoch in trained if epoch <= checkpoints.get(seed, 0)]


def test_a_long_job_goes_on_from_its_last_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that is killed in the middle of its one job is trained on from the checkpoint, and ends the same."""
    program = """
import sys, hpo, hpo.worker
from hpo.sources import load_objective
hpo.worker.CHECKPOINT_EVERY = 0.05
study = hpo.create_study("long", space=hpo.Space(rate=hpo.Float(0.001, 0.5)), strategy="random", seed=3, max_epochs=150,
                         objective=load_objective(sys.argv[1] + ":Objective"), storage=sys.argv[2], n_trials=1)
study.optimize()
"""
    found = {}
    for name in ("killed", "whole"):
        path, log = folder / f"long-{name}.db", folder / f"long-{name}.log"
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder / "trainer.py"), str(path)],
            env=os.environ | {"TRAINER_LOG": str(log), "TRAINER_PAUSE": "0.01"},
        )
        if name == "killed":
            wait_until(path, "SELECT max(epoch) FROM checkpoints", 20)
            process.kill()
        process.wait()
        if name == "killed":
            ((kept,),) = rows(path, "SELECT epoch FROM checkpoints")
            log.rename(log.with_suffix(".before"))
            monkeypatch.setenv("TRAINER_LOG", str(log))
            hpo.load_study("long", storage=path).optimize()
            trained = [int(line.split()[1]) for line in log.read_text().splitlines()]
            assert trained == list(range(kept + 1, 151))
        found[name] = evidence(path)
    assert found["killed"] == found["whole"]


def test_one_worker_is_killed_and_the_others_go_on(folder: Path, expected: dict, any_url: str) -> None:
    """A worker that dies alone takes nobody along: its colleague lives on, its jobs are done, the study ends."""
    process = launch(folder, "halving", any_url, folder / "one.log", pause=0.05)
    wait_until(any_url, "SELECT count(DISTINCT worker) FROM jobs WHERE state = 'running'", 2)
    first, second = (row[0] for row in rows(any_url, "SELECT pid FROM workers ORDER BY started_at"))
    os.kill(first, signal.SIGKILL)
    before = rows(any_url, "SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
    wait_until(any_url, "SELECT count(*) FROM jobs WHERE state = 'done'", before + 10)
    assert (second,) in rows(any_url, "SELECT pid FROM workers")
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert evidence(any_url) == expected["halving"]


def test_a_trial_that_kills_its_workers_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    """An objective that ends its process over some params costs those trials, with the reason, and no other."""
    (tmp_path / "deadly.py").write_text(
        "import os, signal\n"
        "def objective(params):\n"
        "    if params['x'] == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return float(params['x'])\n"
    )
    from hpo.sources import load_objective

    path = tmp_path / "deadly.db"
    objective = load_objective(f"{tmp_path / 'deadly.py'}:objective")
    study = hpo.create_study(
        "deadly", space=hpo.Space(x=hpo.Int(0, 4)), objective=objective, strategy="grid", storage=path
    )
    study.optimize(n_jobs=2, backend="loky")
    states = rows(path, "SELECT number, state, error FROM trials ORDER BY number")
    assert [state for _, state, _ in states] == ["complete", "complete", "failed", "complete", "complete"]
    assert "ended by SIGKILL" in states[2][2]
    assert "the last of 3 attempts" in states[2][2]
