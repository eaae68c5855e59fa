"""Trials a second with an objective that returns at once: everything but training, from one process to many."""

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.storing.places import for_optuna, place

CREWS = {"sqlite": (1, 4, 16), "postgresql": (1, 16, 64)}


def run(folder: Path, databases: list[str], scale: float) -> None:
    """Print trials a second, errors, and the ratios."""
    seconds = max(3.0, 10 * scale)
    print(f"trials a second, an instant objective, {seconds:.0f} s each, started together")
    for kind in databases:
        with place(kind, folder) as new_url:
            one = None
            for count in CREWS[kind]:
                mine, my_errors = measure("ours", new_url(), folder, count, seconds)
                theirs, their_errors = measure("optuna", for_optuna(new_url()), folder, count, seconds)
                one = one or mine
                print(
                    f"  {kind:10} x {count:2} processes: ours {mine:8.0f} ({my_errors} errors), Optuna {theirs:6.0f} "
                    f"({their_errors} errors): {mine / max(theirs, 1e-9):6.1f}x; {mine / one:.2f} of one process",
                    flush=True,
                )


def measure(who: str, url: str, folder: Path, count: int, seconds: float) -> tuple[float, int]:
    """Return the trials a second that `count` processes have committed in sum, and how many of them met an error."""
    make(who, url)
    place = folder / f"{who}-{time.time_ns()}"
    place.mkdir()
    line = [sys.executable, "-m", "benchmarks.storing.process", who, url, str(place)]
    root = Path(__file__).resolve().parents[2]
    crew = [
        subprocess.Popen([*line, str(index), str(seconds)], cwd=root, stdout=subprocess.PIPE, text=True)
        for index in range(count)
    ]
    while sum(1 for _ in place.glob("*.ready")) < count and all(process.poll() is None for process in crew):
        time.sleep(0.01)
    (place / "go").touch()
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in crew]
    took = max(each["ended"] for each in told) - min(each["began"] for each in told)
    faults = {each["error"] for each in told} - {None}
    if faults:
        print("   ", *faults, sep="\n    ")
    return completed(who, url) / took, sum(each["error"] is not None for each in told)


def make(who: str, url: str) -> None:
    """Make an empty study."""
    if who == "optuna":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        optuna.create_study(study_name="bench", storage=url)
        return
    import hpo
    from benchmarks.storing.process import objective

    space = hpo.Space(x=hpo.Float(0, 1))
    hpo.create_study("bench", space=space, objective=objective, storage=url, seed=0, strategy="random", max_epochs=1)


def completed(who: str, url: str) -> int:
    """Count the trials that have ended with a value."""
    import sqlalchemy as sa

    engine = sa.create_engine(for_optuna(url))
    state = "COMPLETE" if who == "optuna" else "complete"
    with engine.connect() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM trials WHERE state = '{state}'")).scalar_one())
