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
    seconds = max(3.0, 24 * scale)  # a crowd of 64 takes some to get going
    print(f"trials a second, an instant objective, {seconds:.0f} s each, counted while all are at work")
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
    """Return the trials a second that `count` processes commit in sum, and how many of them met an error.

    Counted in the database in the middle of the search: to begin and to leave takes some of the time.
    """
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
    (first, begin), (last, end) = [counted(who, url, after=share * seconds) for share in (0.25, 0.65)]
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in crew]
    faults = {each["error"] for each in told} - {None}
    if faults:
        print("   ", *faults, sep="\n    ")
    return (last - first) / (end - begin), sum(each["error"] is not None for each in told)


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


def counted(who: str, url: str, *, after: float) -> tuple[int, float]:
    """Wait so many seconds; return how many trials have ended with a value, and when."""
    import sqlalchemy as sa

    time.sleep(after)
    state = "COMPLETE" if who == "optuna" else "complete"
    with sa.create_engine(for_optuna(url)).connect() as connection:
        now = time.monotonic()
        count = connection.execute(sa.text(f"SELECT count(*) FROM trials WHERE state = '{state}'")).scalar_one()
    return int(count), now
