"""What a failing trial costs: itself, not the study. What is said of failures before a search, and noted during one."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rough_objectives
from searches import SPACE, Trainer

import hpo
from hpo.processes import ending
from hpo.stopwatch import Reading, Stopwatch, read
from storage.exchange.deaths import UNSEEN, Death, lapse, vanished
from storage.exchange.workers import Worker
from strategies import Job

TEN = hpo.Space(x=hpo.Int(0, 7))


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., hpo.Study]:
    """Search eight points, some of which are rough."""

    def search(objective: Any, rough: str = "", n_jobs: int = 1, backend: str | None = None) -> hpo.Study:
        monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
        monkeypatch.setenv("ROUGH", rough)
        study = hpo.create_study(space=TEN, objective=objective, strategy="grid", seed=0, max_epochs=None, storage=None)
        return study.optimize(n_jobs=n_jobs, backend=backend)

    return search


# --- what an objective raises ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, None), (2, "threading")])
@pytest.mark.parametrize(
    ("name", "error"),
    [("leaving", "SystemExit: 4"), ("cancelled", "GeneratorExit: cancelled"), ("greedy", "MemoryError")],
)
def test_what_is_raised_fails_the_trial_alone(
    search: Callable[..., hpo.Study], name: str, error: str, n_jobs: int, backend: str | None
) -> None:
    """sys.exit, an error beyond Exception, and memory that is really short end one trial; the others are as undisturbed."""
    objective = getattr(rough_objectives, name)
    whole = search(objective).trials
    trials = search(objective, "2,5", n_jobs, backend).trials
    assert [trial.error for trial in trials] == [error if trial.params["x"] in (2, 5) else None for trial in whole]
    assert [trial.value for trial in trials if trial.error is None] == [
        trial.value for trial in whole if trial.params["x"] not in (2, 5)
    ]
    assert all("Traceback" in (trial.traceback or "") for trial in trials if trial.error)


def test_a_stack_too_large_for_memory_is_taken_apart(
    search: Callable[..., hpo.Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory is short for some trials together each is trained alone, and none fails that fits."""
    whole = [trial.value for trial in search(rough_objectives.Stacked()).trials]
    (tmp_path / "attempts.stacks").unlink()
    monkeypatch.setenv("MEMORY", "short")
    study = search(rough_objectives.Stacked())
    assert [trial.value for trial in study.trials] == whole
    assert {trial.attempts for trial in study.trials} == {0}
    assert [int(line) for line in (tmp_path / "attempts.stacks").read_text().split()] == [8] + 8 * [1]


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trial_timeout": 0}, "trial_timeout=0: give a number of seconds above 0"),
        ({"trial_timeout": float("nan")}, "trial_timeout=nan"),
        ({"trial_timeout": "1m"}, "trial_timeout='1m'"),
        ({"retries": -1}, "retries=-1: give a whole number, 0 for never"),
        ({"retries": 1.5}, r"retries=1\.5"),
        ({"retries": True}, "retries=True"),
        ({"retries": 2**31}, "retries=2147483648"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    """What cannot be is said before anything is written, by create_study and by amend."""
    path = tmp_path / "hpo.db"
    with pytest.raises(hpo.SettingError, match=message):
        hpo.create_study(space=SPACE, objective=Trainer, storage=path, **settings)
    assert not path.exists()
    with pytest.raises(hpo.SettingError, match=message):
        hpo.create_study(space=SPACE, objective=Trainer, storage=path).amend(**settings)


def test_the_policy_is_the_study_s(any_url: str) -> None:
    """It is kept with the study; amend changes what it names, and opens a study that ended by a coarser tolerance."""
    study = hpo.create_study("s", space=SPACE, objective=Trainer, storage=any_url, trial_timeout=90, retries=0)
    found = hpo.load_study("s", storage=any_url).spec
    assert (found.trial_timeout, found.retries, found.targets.tolerance) == (90.0, 0, None)
    study.amend(retries=5, tolerance=0.01)
    found = hpo.load_study("s", storage=any_url).spec
    assert (found.trial_timeout, found.retries, found.targets.tolerance) == (90.0, 5, 0.01)
    study.amend(trial_timeout="none", tolerance="none")
    found = hpo.load_study("s", storage=any_url).spec
    assert (found.trial_timeout, found.retries, found.targets.tolerance) == (None, 5, None)
    study.amend(trial_timeout=float("inf"))
    assert study.spec.trial_timeout is None
    plain = hpo.create_study("plain", space=SPACE, objective=Trainer, storage=any_url).spec
    assert (plain.trial_timeout, plain.retries) == (None, 2)


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_a_timeout_needs_processes_of_ours(backend: str) -> None:
    """Who cannot end a trial says so at once, and names what can."""
    study = hpo.create_study(space=SPACE, objective=Trainer, storage=None, trial_timeout=90)
    with pytest.raises(hpo.SettingError, match=f"backend='{backend}'.*use that, or a study without a trial_timeout"):
        study.optimize(3, 2, backend=backend)
    assert study.trials == []


# --- what is noted, and what follows --------------------------------------------------------------------------------


def test_a_stopwatch_can_be_read_by_others(tmp_path: Path) -> None:
    """Its file shows the jobs of the session, and each one's share of the time in training, without rests."""
    path = tmp_path / "7"
    assert read(path) is None
    watch = Stopwatch(path, most=3)
    assert read(path) == Reading()
    watch.set([4, 5, 9])
    assert read(path) == Reading((4, 5, 9))
    before = time.monotonic()
    with watch:
        time.sleep(0.03)
        running = read(path)
    after = time.monotonic()
    assert running is not None
    assert before <= running.since <= after
    assert running.seconds(running.since + 3) == 1.0
    rested = read(path)
    assert rested is not None
    assert 0.01 <= rested.spent <= (after - before) / 3
    assert rested.seconds(after + 1000) == rested.spent
    watch.keep([5])
    with watch:
        kept = read(path)
    assert kept is not None
    assert (kept.jobs, kept.spent) == ((5,), rested.spent)
    assert kept.seconds(kept.since + 3) == pytest.approx(3 + rested.spent)
    watch.set(())
    assert read(path) == Reading()


def test_a_stopwatch_nobody_reads() -> None:
    """Without a path it is the same for its worker."""
    watch = Stopwatch(most=2)
    watch.set([1, 2])
    with watch:
        watch.keep([1])
    watch.set(())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exited with code 3"),
        (0, "exited with code 0"),
        (-signal.SIGKILL, "was ended by SIGKILL (out of memory?)"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-40, "was ended by signal 40"),
    ],
)
def test_ends_are_told_in_words(code: int, words: str) -> None:
    """A signal is named; so is an exit code."""
    assert ending(code) == words


def test_a_lease_that_runs_out_proves_little() -> None:
    """Of a living worker here, nothing; of one elsewhere, so much that a few more attempts are granted."""
    held = [Job(0, 0, 0, 1), Job(1, 1, 0, 1)]
    assert lapse(Worker.here().id).suspects(held) == []
    elsewhere = lapse(f"elsewhere/boot/1/2:{os.getpid()}:1.00:0")
    assert elsewhere.suspects(held) == held
    assert [elsewhere.error(attempts, 1) is None for attempts in range(1, 7)] == [True] * (1 + UNSEEN) + [False] * 2
    assert vanished("host/boot/1/2:3:4.00:5").cause == "its worker vanished from host"


def test_a_death_that_was_seen_counts() -> None:
    """It is charged to what was in training, after as many retries as granted; a final one at once."""
    death = Death("w", "its worker exited with code 3", frozenset([1]), seen=True)
    assert death.suspects([Job(0, 0, 0, 1), Job(1, 1, 0, 1)]) == [Job(1, 1, 0, 1)]
    assert [death.error(attempts, 2) is None for attempts in (1, 2, 3)] == [True, True, False]
    assert death.error(1, 0) == "its worker exited with code 3"
    assert Death("w", "trained longer than its 1 s", final=True).error(1, 9) == "trained longer than its 1 s"
