"""Workers and their desks: what is written when, what becomes of jobs that wait, and of errors on the way."""

import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from evidence import PATIENCE, rows, wait_until
from searches import SPACE, Trainer
from threadpoolctl import threadpool_info

import hpo
from hpo.sources import load_objective
from strategies import STRATEGIES

MEASURED = "SELECT count(*) FROM measurements"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hpo.db"


def test_a_running_trial_s_measurements_are_written_soon(path: Path) -> None:
    """What an epoch brought is in the database while the next epoch still lasts."""
    go_on = threading.Event()

    def objective(params: Mapping[str, float]) -> Iterator[float]:
        yield 3.0
        yield 2.0
        go_on.wait(PATIENCE)
        yield 1.0

    study = hpo.create_study(space=SPACE, objective=objective, max_epochs=3, storage=path)
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(study.optimize, 1, 1, backend="threading")
        try:
            wait_until(path, MEASURED, 2)
            assert not search.done()
            assert rows(path, "SELECT state, epochs, value, best_epoch FROM trials") == [("running", 2, 2.0, 2)]
            assert rows(path, "SELECT count(*) FROM workers") == [(1,)]
        finally:
            go_on.set()
        assert search.result(PATIENCE).best_value == 1.0
    assert rows(path, "SELECT count(*) FROM workers") == [(0,)]


def test_jobs_behind_a_long_one_are_done_by_others(path: Path) -> None:
    """A worker that has claimed many short jobs and meets a long one gives the others back."""
    go_on = threading.Event()

    def objective(params: Mapping[str, int]) -> float:
        if params["x"] == 5:
            go_on.wait(PATIENCE)
        return float(params["x"])

    study = hpo.create_study(
        space=hpo.Space(x=hpo.Int(0, 39)), objective=objective, strategy="grid", seed=0, storage=path
    )
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(study.optimize, None, 2, backend="threading")
        try:
            wait_until(path, "SELECT count(*) FROM trials WHERE state = 'complete'", 39)
            assert not search.done()
        finally:
            go_on.set()
        search.result(PATIENCE)
    assert rows(path, "SELECT count(*) FROM trials WHERE state = 'complete'") == [(40,)]
    assert rows(path, "SELECT count(*), count(DISTINCT trial) FROM jobs WHERE state = 'done'") == [(40, 40)]


# --- errors -------------------------------------------------------------------------------------------------------


def deleting(path: Path) -> Any:
    """Return an objective that deletes its own study, and would go on for ever."""

    def objective(params: Mapping[str, float]) -> Iterator[float]:
        yield 1.0
        with sqlite3.connect(path, timeout=30) as connection:
            connection.execute("DELETE FROM studies")
        connection.close()
        while True:
            yield params["x"]

    return objective


@pytest.mark.parametrize("backend", [None, "threading"])
def test_an_error_of_the_heartbeat_reaches_the_caller(path: Path, backend: str | None) -> None:
    """When the heartbeat can write no more, training ends after its epoch, and the caller gets the StorageError."""
    study = hpo.create_study(space=SPACE, objective=deleting(path), max_epochs=10**9, storage=path)
    with pytest.raises(hpo.StorageError, match="'study'"):
        study.optimize(1, backend=backend)


@dataclass(frozen=True)
class Faulty(hpo.Searcher):
    """Fails at its third proposal."""

    summary: ClassVar[str] = "Fails."

    def propose(self, number: int, history: hpo.History, rng: Any) -> hpo.Proposal:
        if number == 2:
            raise hpo.StrategyError("out of ideas")
        return hpo.Proposal(history.space.sample(rng))


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, None), (3, "threading")])
def test_a_broken_strategy_loses_no_result(
    path: Path, n_jobs: int, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy's error reaches the caller once all workers have saved what they have, and left; no job stays theirs."""
    monkeypatch.setitem(STRATEGIES, "faulty", Faulty)
    study = hpo.create_study(
        space=SPACE, objective=Trainer, strategy="faulty", max_epochs=3, parallelism=1, storage=path
    )
    with pytest.raises(hpo.StrategyError, match="out of ideas"):
        study.optimize(5, n_jobs, backend=backend)
    assert rows(path, "SELECT count(*) FROM workers") == [(0,)]
    assert rows(path, "SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    trials = rows(path, "SELECT state, epochs FROM trials ORDER BY number")
    assert trials
    assert all(trial == ("complete", 3) if n_jobs == 1 else trial[0] != "running" for trial in trials)


# --- surroundings -------------------------------------------------------------------------------------------------

THREADS = """
import numpy
import sklearn.cluster  # it brings OpenMP
import threadpoolctl

def objective(params):
    numpy.ones((64, 64)) @ numpy.ones((64, 64))
    return max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
"""


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, None), (2, "threading"), (2, "loky")])
def test_numerical_libraries_keep_to_one_thread(tmp_path: Path, path: Path, n_jobs: int, backend: str | None) -> None:
    """Within a worker BLAS and OpenMP use one thread, however many cores there are; afterwards all as before."""
    (tmp_path / "threads.py").write_text(THREADS)
    objective = load_objective(f"{tmp_path}/threads.py:objective")
    before = threadpool_info()
    study = hpo.create_study(space=SPACE, objective=objective, storage=path).optimize(4, n_jobs, backend=backend)
    assert threadpool_info() == before
    assert [trial.value for trial in study.trials] == [1.0] * 4


def test_printing_does_no_harm(tmp_path: Path, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What an objective prints comes out, from threads and processes, and changes nothing."""
    (tmp_path / "loud.py").write_text(
        "import sys\n"
        "def objective(params):\n"
        "    print('out ' * 1000, flush=True)\n"
        "    print('err ' * 1000, file=sys.stderr, flush=True)\n"
        "    return params['x']\n"
    )
    objective = load_objective(f"{tmp_path}/loud.py:objective")
    study = hpo.create_study(space=SPACE, objective=objective, storage=path)
    for total, backend in ((2, None), (4, "threading"), (6, "loky")):
        study.optimize(total, 2 if backend else 1, backend=backend)
    assert {trial.state for trial in study.trials} == {hpo.State.COMPLETE}
    out, errors = capfd.readouterr()
    assert (out.count("out "), errors.count("err ")) == (6000, 6000)


def test_a_search_leaves_the_signals_as_they_were(path: Path) -> None:
    """The handlers of Ctrl-C and SIGTERM are those of before, after a search and after one that failed."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    hpo.create_study(space=SPACE, objective=Trainer, max_epochs=1, storage=None).optimize(1)
    with pytest.raises(hpo.StorageError):
        hpo.create_study(space=SPACE, objective=deleting(path), max_epochs=10**9, storage=path).optimize(1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_search_may_run_in_any_thread(path: Path) -> None:
    """Off the main thread, where no signal arrives, a search works all the same."""
    study = hpo.create_study(space=SPACE, objective=Trainer, strategy="halving", max_epochs=9, storage=path)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(study.optimize, 9).result(PATIENCE).is_complete
    assert threading.main_thread() is threading.current_thread()
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_an_objective_may_search_itself(path: Path) -> None:
    """A search within a search, in the same database, is just another study."""

    def inner(params: Mapping[str, float]) -> float:
        return params["x"]

    def outer(params: Mapping[str, float], seed: int) -> float:
        study = hpo.create_study(space=SPACE, objective=inner, seed=seed, storage=path)
        return study.optimize(3).best_value

    study = hpo.create_study("outer", space=SPACE, objective=outer, storage=path)
    study.optimize(2)
    assert [trial.state for trial in study.trials] == [hpo.State.COMPLETE] * 2
    assert rows(path, "SELECT count(*) FROM trials WHERE state = 'complete'") == [(8,)]


def test_deep_recursion_fails_the_trial(path: Path) -> None:
    """An objective that exhausts the stack fails its trial, nothing else."""

    def objective(params: Mapping[str, float]) -> float:
        return objective(params) + 1

    (trial,) = hpo.create_study(space=SPACE, objective=objective, storage=path).optimize(1).trials
    assert trial.state is hpo.State.FAILED
    assert trial.error.startswith("RecursionError")
    assert sys.getrecursionlimit() > 0
