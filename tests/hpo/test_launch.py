"""Workers launched and looked after: signals, watchers, launchers and workers that die."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from evidence import PATIENCE, TRAINER, evidence, rows, wait_until
from joblib import Parallel, delayed
from searches import SPACE, Trainer, started
from tasks import fail, leave_a_thread, multiply, run, runs, wait_for_runs

import hpo
from hpo.launch import Launch, Watcher, work
from hpo.processes import IsolatedProcesses
from hpo.sources import load_objective
from storage.exchange.workers import process_name
from storage.exchange.worklist import LEASE

MEASURED = "SELECT count(*) FROM measurements"

SCRIPT = """
import sys, hpo
from hpo.sources import load_objective
space = hpo.Space(rate=hpo.Float(0.001, 0.99))
study = hpo.create_study("s", space=space, objective=load_objective("trainer.py:Objective"), seed=3,
                         strategy="halving", max_epochs=9, n_trials=18, storage="hpo.db")
try:
    study.optimize(n_jobs=int(sys.argv[1]), backend=None if sys.argv[1] == "1" else sys.argv[2])
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(130)
"""


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; raise TimeoutError when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(condition)
        time.sleep(0.01)


def gone(pids: list[int]) -> bool:
    """Tell whether none of the processes works any more."""
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What an undisturbed search leaves behind."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "trainer.py").write_text(TRAINER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINER_PAUSE", "0")
        study = hpo.create_study(
            "s",
            space=hpo.Space(rate=hpo.Float(0.001, 0.99)),
            objective=load_objective(f"{folder}/trainer.py:Objective"),
            seed=3,
            strategy="halving",
            max_epochs=9,
            storage=folder / "hpo.db",
        )
        study.optimize(18)
    return evidence(folder / "hpo.db")


class Search:
    """A search in a process of its own, in a session of its own, as a terminal's foreground job is."""

    def __init__(self, folder: Path, workers: int, backend: str = "loky", pause: float = 0.05) -> None:
        (folder / "trainer.py").write_text(TRAINER)
        self.path = folder / "hpo.db"
        self.process = started(SCRIPT, folder, workers, backend, TRAINER_PAUSE=str(pause))

    def workers(self) -> list[int]:
        return [pid for (pid,) in rows(self.path, "SELECT DISTINCT pid FROM workers")]

    def end(self) -> tuple[int, str, str]:
        try:
            out, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return self.process.returncode, out, errors

    def resumed(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what is there after the search has gone on, here, to its end."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TRAINER_PAUSE", "0")
            hpo.load_study("s", storage=self.path).optimize()
        assert rows(self.path, "SELECT state FROM studies") == [("complete",)]
        return evidence(self.path)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Search]]:
    """Begin searches that are ended with the test, whatever happens."""
    begun: list[Search] = []

    def begin(*arguments: Any, **settings: Any) -> Search:
        begun.append(Search(tmp_path, *arguments, **settings))
        return begun[-1]

    yield begin
    for search in begun:
        with suppress(ProcessLookupError):  # also when the launcher is gone: its workers may not be
            os.killpg(search.process.pid, signal.SIGKILL)
        search.process.communicate()


# --- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("workers", "backend"), [(1, "none"), (2, "loky"), (2, "threading")])
def test_ctrl_c_saves_and_leaves(begin: Callable[..., Search], expected: Any, workers: int, backend: str) -> None:
    """Ctrl-C in a terminal ends the search with KeyboardInterrupt, all saved; gone on with, it is the undisturbed one."""
    search = begin(workers, backend)
    wait_until(search.path, MEASURED, 5)
    os.killpg(search.process.pid, signal.SIGINT)
    code, out, errors = search.end()
    assert (code, out, errors) == (130, "interrupted\n", "")
    assert rows(search.path, "SELECT state FROM studies") == [("open",)], "the signal came too late to test anything"
    assert rows(search.path, "SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    assert rows(search.path, "SELECT count(*) FROM trials WHERE state = 'running'") == [(0,)]
    assert rows(search.path, "SELECT count(*) FROM workers") == [(0,)]
    begun = evidence(search.path)["measurements"]
    assert set(begun) < set(expected["measurements"])
    assert search.resumed() == expected


def test_sigterm_is_a_wish_to_leave(begin: Callable[..., Search], expected: Any) -> None:
    """SIGTERM to the launcher is as good as Ctrl-C: its workers save and leave."""
    search = begin(2)
    wait_until(search.path, MEASURED, 5)
    search.process.terminate()
    assert search.end()[0] == 130
    assert rows(search.path, "SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    assert search.resumed() == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_ctrl_c_ends_at_once(begin: Callable[..., Search], expected: Any, workers: int) -> None:
    """Nobody waits for an epoch of an hour: a second Ctrl-C ends launcher and workers, and nothing saved is lost."""
    search = begin(workers, pause=3600)
    wait_until(search.path, "SELECT count(*) FROM jobs WHERE state = 'running'", workers)
    pids = search.workers()
    sent = 0
    while search.process.poll() is None and sent < 5:
        search.process.send_signal(signal.SIGINT)
        sent += 1
        try:
            search.process.wait(1.0 if sent == 1 else PATIENCE / 8)  # a third would meet it as it leaves
        except subprocess.TimeoutExpired:
            continue
    code, out, _ = search.end()
    assert (code, out) == (130, "interrupted\n")
    assert sent >= 2
    wait_for(lambda: gone(pids))
    assert rows(search.path, "SELECT state FROM studies") == [("open",)]
    began = time.monotonic()
    assert search.resumed() == expected
    assert time.monotonic() - began < LEASE, "the search waited for leases to run out"


def test_workers_leave_when_their_launcher_is_killed(begin: Callable[..., Search], expected: Any) -> None:
    """When the launcher dies without a word its workers save what they have, and leave by themselves."""
    search = begin(2, pause=0.1)
    wait_until(search.path, MEASURED, 3)
    wait_until(search.path, "SELECT count(*) FROM workers", 2)
    pids = search.workers()
    assert search.process.pid not in pids
    search.process.kill()
    wait_for(lambda: gone(pids))
    assert rows(search.path, "SELECT state FROM studies") == [("open",)], "the kill came too late to test anything"
    assert rows(search.path, "SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    assert rows(search.path, "SELECT count(*) FROM workers") == [(0,)]
    assert search.resumed() == expected


# --- watchers and errors ------------------------------------------------------------------------------------------


class Counting(Watcher):
    def __init__(self) -> None:
        self.updates = 0

    def update(self) -> None:
        self.updates += 1


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, None), (2, "threading")])
def test_a_watcher_is_called_while_workers_work(n_jobs: int, backend: str | None) -> None:
    """Whoever watches is called again and again, with any number of workers."""
    watcher = Counting()
    study = hpo.create_study(space=SPACE, objective=Trainer, strategy="random", max_epochs=10**9, storage=None)
    study.optimize(n_jobs=n_jobs, backend=backend, timeout=0.7, watcher=watcher)
    assert watcher.updates >= 2


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_an_error_of_a_worker_reaches_the_caller(tmp_path: Path, backend: str) -> None:
    """What goes wrong in a worker's own business is raised where the search was started, as the same error."""
    (tmp_path / "deleting.py").write_text(
        "import sqlite3\n"
        "def objective(params):\n"
        f"    connection = sqlite3.connect({str(tmp_path / 'hpo.db')!r}, timeout=30)\n"
        "    connection.execute('DELETE FROM studies')\n"
        "    connection.commit()\n"
        "    return 1.0\n"
    )
    objective = load_objective(f"{tmp_path}/deleting.py:objective")
    study = hpo.create_study(space=SPACE, objective=objective, storage=tmp_path / "hpo.db")
    with pytest.raises(hpo.StudyNotFound, match="'study'"):
        study.optimize(10, 2, backend=backend)


def test_a_study_that_changes_as_its_workers_begin(tmp_path: Path) -> None:
    """A worker that has just begun knows its study by another name, too; one that was deleted meanwhile is named."""
    study = hpo.create_study("s", space=SPACE, objective=Trainer, max_epochs=1, n_trials=2, storage=tmp_path / "hpo.db")
    launch = Launch(study.database.given_url, "s", study.record.id, study.objective, 1, "threading", None)
    study.rename("another")
    assert work(launch, process_name(), os.getpid(), None) is None
    assert hpo.load_study("another", storage=tmp_path / "hpo.db").is_complete
    hpo.delete_study("another", storage=tmp_path / "hpo.db")
    with pytest.raises(hpo.StudyNotFound, match="the study 's' has been deleted from"):
        raise work(launch, process_name(), os.getpid(), None) or AssertionError("it worked")


def test_an_error_that_cannot_travel_is_told(tmp_path: Path) -> None:
    """One of a worker process that cannot be pickled, or not be made again, comes as one that says the same."""
    (tmp_path / "odd.py").write_text(
        "import threading\n"
        "from storage.exchange.worklist import Worklist\n"
        "class Odd(Exception):\n"
        "    def __init__(self, words, lock):\n"
        "        super().__init__(words)\n"
        "        self.lock = lock\n"
        "def exchange(*_, **__):\n"
        "    raise Odd('out of order', threading.Lock())\n"
        "def objective(params):\n"
        "    Worklist.exchange = exchange\n"
        "    return 1.0\n"
    )
    objective = load_objective(f"{tmp_path}/odd.py:objective")
    study = hpo.create_study(space=SPACE, objective=objective, storage=tmp_path / "hpo.db")
    with pytest.raises(RuntimeError, match="Odd: out of order") as caught:
        study.optimize(10, 2)
    assert "in exchange" in "".join(caught.value.__notes__), "where it happened"


# --- processes ----------------------------------------------------------------------------------------------------


def run_in_processes(*tasks: Any) -> list[Any]:
    parallel = Parallel(n_jobs=len(tasks), backend=IsolatedProcesses(), pre_dispatch="all", batch_size=1)
    return list(parallel(tasks))


def test_a_task_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Every task, even a single one, runs in another process than ours and its colleagues'."""
    assert run_in_processes(delayed(run)(tmp_path, "alone"))[0][1] != os.getpid()
    found = run_in_processes(*(delayed(run)(tmp_path, name) for name in "abc"))
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert len({os.getpid(), *(pid for _, pid in found)}) == 4


def test_one_task_s_death_leaves_the_others_alone(tmp_path: Path) -> None:
    """A task whose process dies is run again in a new one; another goes on in the process it has."""
    waited, found = run_in_processes(delayed(wait_for_runs)(tmp_path, "mortal", 3), delayed(run)(tmp_path, "mortal", 2))
    assert waited == int((tmp_path / "waiting").read_text())
    assert found == ("mortal", runs(tmp_path, "mortal")[-1])
    assert len(set(runs(tmp_path, "mortal"))) == 3


def test_a_task_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """After many deaths within a short time there is a clear error, and an end of it."""
    with pytest.raises(hpo.WorkerError, match="process died 10 times"):
        run_in_processes(delayed(run)(tmp_path, "doomed", 10**9), delayed(run)(tmp_path, "other"))
    assert len(runs(tmp_path, "doomed")) == 10


def test_a_task_s_error_is_its_own() -> None:
    """What a task raises comes back as it is, and is not tried again."""
    with pytest.raises(LookupError, match="nowhere"):
        run_in_processes(delayed(fail)("nowhere"))


@pytest.mark.parametrize("method", [None, "fork", "spawn", "forkserver"])
def test_a_task_may_start_processes(method: str | None) -> None:
    """As an objective's data loader does, in any of Python's ways."""
    assert run_in_processes(delayed(multiply)(method)) == [(0, [2])]


def test_a_task_s_thread_keeps_nobody() -> None:
    """A process whose task has left a thread behind is ended: whoever launched it can leave."""
    (pid,) = run_in_processes(delayed(leave_a_thread)())
    wait_for(lambda: gone([pid]))


def test_a_task_that_cannot_travel_is_told(tmp_path: Path) -> None:
    """A task that cannot be sent to a process is no death: it is told at once."""
    with pytest.raises(hpo.WorkerError, match=r"cannot travel to a worker process \(.*generator"):
        run_in_processes(delayed(run)(tmp_path, (name for name in "a")))


def test_a_task_may_be_ended_as_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C at the very moment at which a process is given its next task: nothing stumbles, and it is over."""
    stumbled: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: stumbled.append(told.exc_value))
    for _ in range(3):
        processes = IsolatedProcesses()
        first, pid = processes.run(int)
        assert first.result(PATIENCE) == 0
        second, _ = processes.run(partial(time.sleep, 3600), pid)
        processes.abort_everything()
        assert second.exception(PATIENCE) is not None
        assert processes.exit_code(pid) is not None
    assert stumbled == []
