"""A million trials with ten million measurements: what the views answer, how fast, and by which plan."""

import time
from pathlib import Path

import sqlalchemy as sa

from benchmarks.storing.filling import fill_ours
from benchmarks.storing.places import place
from storage.database import Database

TRIALS, EPOCHS = 1_000_000, 10
QUESTIONS = {
    "the leaderboard": """SELECT * FROM leaderboard WHERE study = 'bench' ORDER BY "rank" LIMIT 10""",
    "best by category": "SELECT * FROM best_by_choice WHERE study = 'bench'",
    "the ten best, typed": "SELECT learning_rate, hidden, value FROM bench_trials WHERE value IS NOT NULL "
    "AND state NOT IN ('failed', 'discarded') ORDER BY value LIMIT 10",
    "a learning curve": "SELECT epoch, value FROM learning_curves WHERE study = 'bench' AND trial = 4711",
    "why a trial": "SELECT job, reason FROM decisions WHERE study = 'bench' AND trial = 4711",
}


def run(folder: Path, databases: list[str], scale: float) -> None:
    """Print milliseconds, and the database's own plan."""
    count = int(TRIALS * scale)
    for kind in databases:
        with place(kind, folder) as new_url:
            url = new_url()
            began = time.perf_counter()
            fill_ours(url, "bench", count, EPOCHS)
            took = time.perf_counter() - began
            print(f"{kind}: {count:,} trials, {count * EPOCHS:,} measurements (written in {took:.0f} s)", flush=True)
            database = Database(url)
            for title, query in QUESTIONS.items():
                _ask(database, title, query)
            database.close()


def _ask(database: Database, title: str, query: str) -> None:
    explain = "EXPLAIN QUERY PLAN " if database.engine.dialect.name == "sqlite" else "EXPLAIN "
    with database.read() as connection:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            rows = connection.execute(sa.text(query)).all()
            times.append(time.perf_counter() - began)
        plan = [str(row[-1]) for row in connection.execute(sa.text(explain + query))]
    print(f"  {title}: {len(rows)} rows in {sorted(times)[1] * 1000:.1f} ms (at first {times[0] * 1000:.1f} ms)")
    for line in plan:
        if "trials" in line or "measurements" in line or "jobs" in line or "INDEX" in line:
            print(f"      {line.strip()[:140]}")
