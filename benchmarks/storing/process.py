"""One of many processes that search at once.

    python -m benchmarks.storing.process ours|optuna URL FOLDER NAME SECONDS

It says when it is ready, waits until all are, and searches for so many seconds. What it prints is JSON.
"""

import json
import sys
import threading
import time
from pathlib import Path


def objective(params: dict[str, float]) -> float:
    """Return at once."""
    return params["x"]


def ours(url: str) -> object:
    """Return what searches until a moment."""
    from hpo.sources import as_objective
    from hpo.worker import WorkerLoop
    from storage.database import Database
    from storage.studies import load_study

    database = Database(url)
    study = load_study(database, "bench")
    tuned = as_objective(objective)
    loop = WorkerLoop(database, study, tuned)

    def search(seconds: float) -> None:
        threading.Timer(seconds, loop.stopping.set).start()
        loop.run()

    return search


def optuna(url: str) -> object:
    """Likewise."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.load_study(study_name="bench", storage=url, sampler=optuna.samplers.RandomSampler())
    return lambda seconds: study.optimize(lambda trial: trial.suggest_float("x", 0, 1), timeout=seconds)


if __name__ == "__main__":
    who, url, folder, name, seconds = sys.argv[1:]
    search = {"ours": ours, "optuna": optuna}[who](url)
    Path(folder, f"{name}.ready").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.002)
    error = None
    try:
        search(float(seconds))
    except Exception as fault:  # noqa: BLE001 - whatever it is, it counts
        error = f"{type(fault).__name__}: {fault}".splitlines()[0][:200]
    print(json.dumps({"error": error}))
