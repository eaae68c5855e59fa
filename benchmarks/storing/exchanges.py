"""A worker that exchanges with the database and trains nothing: `python -m benchmarks.storing.exchanges URL ROUNDS`.

It answers lines of its input: `go` with the seconds an exchange took on average, `memory` with its size in MB.
The first line that it prints is after how many seconds it had claimed its first job.
"""

import sys
import time

import psutil

from storage.database import Database
from storage.exchange.work import Claim, Measurement, Progress, Report, Wanted
from storage.exchange.workers import Worker, register
from storage.exchange.worklist import Worklist
from storage.studies import load_study
from strategies import State


def main(url: str, rounds: int) -> None:
    """Work as told."""
    began = time.perf_counter()
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET n_trials = NULL")
    study = load_study(database, "bench")
    worker = Worker.here()
    register(database, study.id, worker)
    worklist = Worklist(database, study, worker)
    (claim,) = worklist.exchange((), Wanted()).claims
    print(time.perf_counter() - began, flush=True)
    (claim,) = worklist.exchange([_ended(claim)], Wanted()).claims
    for line in sys.stdin:
        if line.strip() == "end":
            worklist.exchange([_ended(claim)], Wanted(jobs=0))
            return
        if line.strip() == "memory":
            print(psutil.Process().memory_info().rss / 2**20, flush=True)
            continue
        began = time.perf_counter()
        for _ in range(rounds):
            (claim,) = worklist.exchange([_ended(claim)], Wanted()).claims
        print((time.perf_counter() - began) / rounds, flush=True)


def _ended(claim: Claim) -> Report:
    """Return the report of a claim's job, as if it had been trained."""
    curve = [0.5 + 1 / (epoch + 1 + claim.job.trial % 97) for epoch in range(claim.job.until)]
    new = [Measurement(epoch + 1, curve[epoch], None, 0.01) for epoch in range(claim.job.from_epoch, claim.job.until)]
    outcome = State.COMPLETE if claim.job.until == 20 else State.PAUSED
    return Report(Progress(claim, curve, 1.0, new), outcome)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
