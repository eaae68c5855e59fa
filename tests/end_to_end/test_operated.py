"""Surgery while real processes are at work, on both databases: nothing is lost, and nothing is trained or told twice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evidence import PATIENCE, TRAINER, rows, wait_until

import hpo

LAUNCH = """
import sys, hpo
study = hpo.load_study("operated", storage=sys.argv[1])
study.optimize(n_jobs=2, backend="loky")
"""
MEASURED = "SELECT count(*) FROM measurements"
RUNNING = "SELECT count(*) FROM jobs WHERE state = 'running'"


@contextmanager
def at_work(url: str, folder: Path, pause: float) -> Iterator[subprocess.Popen]:
    """Two worker processes and their launcher, until they leave by themselves; killed only where a test has failed."""
    environment = os.environ | {"TRAINER_PAUSE": str(pause), "TRAINER_LOG": str(folder / "log")}
    process = subprocess.Popen([sys.executable, "-c", LAUNCH, url], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    finally:
        process.kill()
        process.communicate()


def new_study(url: str, folder: Path, strategy: str) -> hpo.Study:
    """A study of the trainer, in which a rate above 0.97 fails."""
    from hpo.sources import load_objective

    (folder / "trainer.py").write_text(TRAINER)
    return hpo.create_study(
        "operated",
        space=hpo.Space(rate=hpo.Float(0.001, 0.99), kind=hpo.Choice("a", "b")),
        objective=load_objective(f"{folder / 'trainer.py'}:Objective"),
        strategy=strategy,
        max_epochs=9,
        n_trials=16,
        parallelism=2,
        seed=11,
        storage=url,
    )


def assert_whole(url: str) -> None:
    """Every curve is what an undisturbed training brings, from its first epoch on and without a gap."""
    trainer: dict[str, Any] = {}
    exec(TRAINER, trainer)  # noqa: S102 - the very objective that was trained
    trainer["PAUSE"] = 0.0
    import json

    for number, params, seed, epochs in rows(url, "SELECT number, params, seed, epochs FROM trials"):
        measured = rows(url, "SELECT epoch, value FROM measurements WHERE trial = ? ORDER BY epoch", number)
        assert [epoch for epoch, _ in measured] == list(range(1, epochs + 1))
        trained = trainer["Objective"](json.loads(params), seed)
        assert [value for _, value in measured] == [trained.train_epoch()["value"] for _ in range(epochs)]
    numbers = [number for (number,) in rows(url, "SELECT number FROM jobs ORDER BY number")]
    assert numbers == list(range(len(numbers)))
    assert rows(url, "SELECT count(*) FROM jobs WHERE state <> 'done'") == [(0,)]
    assert rows(url, "SELECT count(*) FROM workers") == [(0,)]


def someone(url: str, state: str) -> int:
    """The first trial in a state, as soon as there is one."""
    wait_until(url, f"SELECT count(*) FROM trials WHERE state = '{state}'", 1)
    return int(rows(url, f"SELECT min(number) FROM trials WHERE state = '{state}'")[0][0])


def test_trials_are_taken_from_workers_at_work(any_url: str, tmp_path: Path) -> None:
    """Discarded and stopped in the middle of an epoch: their workers go on with others, and every curve is whole."""
    study = new_study(any_url, tmp_path, "tpe+asha")
    with at_work(any_url, tmp_path, pause=0.02):
        done: dict[str, int] = {}
        for action, operate in (("discarded", lambda n: study.discard(n, reason="wrong")), ("stopped", study.stop)):
            while action not in done:
                trial = someone(any_url, "running")
                try:
                    operate(trial)
                except hpo.SurgeryError:  # it has ended meanwhile
                    continue
                done[action] = trial
    states = dict(rows(any_url, "SELECT number, state FROM trials"))
    assert len(states) == 16
    assert all(states[trial] == state for state, trial in done.items())
    assert study.is_complete
    assert study.best_trial.number != done["discarded"]
    assert_whole(any_url)


def test_a_search_changes_under_its_workers(any_url: str, tmp_path: Path) -> None:
    """More epochs, more trials and a wider space come while two processes train; they never leave, and miss nothing."""
    study = new_study(any_url, tmp_path, "random+full")
    with at_work(any_url, tmp_path, pause=0.01):
        wait_until(any_url, MEASURED, 30)
        study.extend(max_epochs=12, n_trials=20)
        wait_until(any_url, MEASURED, 90)
        study.extend(space={"kind": hpo.Choice("a", "b", "c")}, n_trials=50)  # c comes by chance
    assert study.is_complete
    assert rows(any_url, "SELECT count(*) FROM trials") == [(50,)]
    assert set(rows(any_url, "SELECT state, epochs FROM trials WHERE state <> 'failed'")) == {("complete", 12)}
    assert rows(any_url, "SELECT count(DISTINCT kind) FROM operated_trials") == [(3,)]
    assert_whole(any_url)


def test_everybody_leaves_a_paused_search(any_url: str, tmp_path: Path) -> None:
    """The launcher ends within seconds, all is saved; the next one goes on, from checkpoints and to the same bits."""
    study = new_study(any_url, tmp_path, "random+full")
    with at_work(any_url, tmp_path, pause=0.02):
        wait_until(any_url, MEASURED, 20)
        study.pause()
    assert rows(any_url, "SELECT state FROM studies") == [("paused",)]
    assert rows(any_url, RUNNING) == rows(any_url, "SELECT count(*) FROM workers") == [(0,)]
    with at_work(any_url, tmp_path, pause=0.0):
        pass
    assert study.is_complete
    assert [each.action for each in study.interventions] == ["pause", "resume"]
    trained = [tuple(line.split()[:2]) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(trained) == len(set(trained))  # no epoch twice
    assert_whole(any_url)


def test_a_search_is_stopped_under_its_workers(any_url: str, tmp_path: Path) -> None:
    """They leave, what was open ends as stopped, and what was measured counts."""
    study = new_study(any_url, tmp_path, "random+full")
    with at_work(any_url, tmp_path, pause=0.02):
        wait_until(any_url, MEASURED, 20)
        study.stop(reason="good enough")
    assert rows(any_url, "SELECT state FROM studies") == [("stopped",)]
    assert rows(any_url, "SELECT count(*) FROM trials WHERE state = 'stopped'")[0][0] >= 1
    assert study.best_value is not None
    assert_whole(any_url)
