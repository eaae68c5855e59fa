"""Sixteen processes on one SQLite file, while others read it all the time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from evidence import PATIENCE, rows

import hpo
from hpo.sources import load_objective

TRIALS = 3000
OBJECTIVE = "import time\n\ndef objective(params):\n    time.sleep(0.002)\n    return params['x']\n"
WORKER = """
import json, sys, time
from pathlib import Path
from hpo.sources import load_objective
from hpo.worker import WorkerLoop
from storage.database import Database
from storage.studies import load_study
from storage.exchange.worklist import Worklist

waits = []
exchange = Worklist.exchange

def timed(self, *arguments):
    began = time.perf_counter()
    result = exchange(self, *arguments)
    waits.append(time.perf_counter() - began)
    return result

Worklist.exchange = timed
url, script, folder, name = sys.argv[1:]
database = Database(url)
loop = WorkerLoop(database, load_study(database, "many"), load_objective(script))
Path(folder, name + ".ready").touch()
while not Path(folder, "go").exists():
    time.sleep(0.002)
loop.run()
print(json.dumps({"longest": max(waits), "ended": time.time()}))
"""


@contextmanager
def readers(path: Path) -> Iterator[list[str]]:
    """Run `hpo show` and `hpo sql` over and over, each a process of its own; collect what goes wrong."""
    faults: list[str] = []
    over = threading.Event()

    def read(arguments: list[str]) -> None:
        command = [sys.executable, "-m", "hpo", *arguments, "--storage", f"sqlite:///{path}"]
        while not over.is_set():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                faults.append(done.stderr)

    commands = (["show", "many"], ["sql", "SELECT state, count(*) FROM many_trials GROUP BY state"])
    threads = [threading.Thread(target=read, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    yield faults
    over.set()
    for thread in threads:
        thread.join()


def run_together(folder: Path, count: int) -> tuple[float, float]:
    """Let `count` processes search; return trials per second and the longest exchange with the database."""
    folder.mkdir()
    script = folder / "quick.py"
    script.write_text(OBJECTIVE)
    path = folder / "many.db"
    reference = f"{script}:objective"
    hpo.create_study(
        "many",
        space=hpo.Space(x=hpo.Float(0, 1)),
        objective=load_objective(reference),
        strategy="random",
        seed=3,
        n_trials=TRIALS,
        storage=path,
    )
    arguments = [sys.executable, "-c", WORKER, f"sqlite:///{path}", reference, str(folder)]
    crew = [subprocess.Popen([*arguments, str(i)], stdout=subprocess.PIPE, text=True) for i in range(count)]
    try:
        while len(list(folder.glob("*.ready"))) < count:
            assert all(process.poll() is None for process in crew)
            time.sleep(0.01)
        with readers(path) as faults:
            began = time.time()
            (folder / "go").touch()
            reports = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in crew]
        assert faults == []
        assert [process.returncode for process in crew] == [0] * count
    finally:
        for process in crew:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
    seconds = max(report["ended"] for report in reports) - began
    return TRIALS / seconds, max(report["longest"] for report in reports)


@pytest.mark.alone
def test_sixteen_processes_share_a_file(tmp_path: Path) -> None:
    """No error, no trial lost or doubled, no claim that waits for half of the search, and no slower in sum than one process."""
    alone, _ = run_together(tmp_path / "one", 1)
    together, longest = run_together(tmp_path / "sixteen", 16)
    path = tmp_path / "sixteen" / "many.db"
    assert rows(path, "SELECT count(*), min(number), max(number) FROM trials") == [(TRIALS, 0, TRIALS - 1)]
    assert rows(path, "SELECT DISTINCT state, epochs FROM trials") == [("complete", 1)]
    assert rows(path, "SELECT count(*), count(DISTINCT trial) FROM jobs WHERE state = 'done'") == [(TRIALS, TRIALS)]
    assert rows(path, "SELECT count(*) FROM measurements") == [(TRIALS,)]
    assert len(rows(path, "SELECT DISTINCT worker FROM jobs")) == 16
    assert longest < 0.5 * TRIALS / together
    assert together >= alone
