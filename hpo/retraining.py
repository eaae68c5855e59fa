"""Trainings outside of the search, from the beginning and in one go: right here, or in processes that may die or hang.

A process that dies takes nobody along. As in the search, a stack that was lost is trained again one by one, and what
then loses its process is tried again as often as the study's trials are before it counts as failed. What hangs is
ended: an epoch that takes longer than a trial may without a pause.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from hpo.errors import WorkerError
from hpo.objectives import Beginning, EpochResult, Objective, failure
from hpo.orphans import leave_with
from hpo.stopwatch import Stopwatch
from storage.exchange.confirmations import Repeat
from storage.exchange.deaths import Death
from storage.exchange.workers import process_name
from storage.questions.queries import TrialRecord

if TYPE_CHECKING:
    from hpo.coroner import Coroner


@dataclass(frozen=True, slots=True)
class Task:
    """A training to be done: so many epochs of a trial's params from a fresh seed."""

    trial: TrialRecord
    repeat: int
    seed: int


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Trainings that are one session, and how many processes they have lost, as they are now."""

    stack: Sequence[Task]
    lost: int = 0


def train_here(objective: Objective, stacks: Sequence[Sequence[Task]], sign: float) -> Iterator[list[Repeat]]:
    """Yield what became of each stack, as it is done; `sign` turns values into ones of which lower is better."""
    for stack in stacks:
        yield _train(objective, stack, sign, None)


def train_apart(
    objective: Objective,
    stacks: Sequence[Sequence[Task]],
    sign: float,
    n_jobs: int,
    *,
    timeout: float | None,
    retries: int,
) -> Iterator[list[Repeat]]:
    """Yield what became of each stack, as it is done in one of `n_jobs` processes.

    Raises WorkerError where no process can be had, or the objective cannot travel to one.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    from hpo.coroner import Coroner
    from hpo.processes import explained

    waiting = deque(_Attempt(stack) for stack in stacks)
    resting: list[int] = []
    with Coroner(timeout) as coroner:
        running: dict[Future[list[Repeat]], tuple[_Attempt, int]] = {}
        train = partial(_train_watched, os.getpid(), coroner.stopwatches, objective, sign)
        try:
            while waiting or running:
                while waiting and len(running) < n_jobs:
                    attempt = waiting.popleft()
                    process = resting.pop() if resting else None
                    future, pid = _started(coroner, partial(train, attempt.stack), process)
                    running[future] = attempt, pid
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    attempt, pid = running.pop(future)
                    error = future.exception()
                    if isinstance(error, TerminatedWorkerError):
                        death = coroner.death_in(pid, process_name())
                        again, failed = _after(attempt, death, retries)
                        waiting.extendleft(again)
                        yield failed
                    elif error is not None:
                        raise explained(error)
                    else:
                        resting.append(pid)
                        yield future.result()
        finally:
            coroner.processes.abort_everything()


def _started(
    coroner: "Coroner", training: Callable[[], list[Repeat]], pid: int | None
) -> "tuple[Future[list[Repeat]], int]":
    try:
        return coroner.processes.run(training, pid)
    except (OSError, RuntimeError) as error:
        raise WorkerError(f"no process can be started to train in: {error}") from error


def _after(attempt: _Attempt, death: Death, retries: int) -> tuple[list[_Attempt], list[Repeat]]:
    """Return what a lost process leaves to be done, and what it makes fail."""
    if len(attempt.stack) > 1:
        return [_Attempt([task]) for task in attempt.stack], []
    lost = attempt.lost + 1
    death = death if death.training else replace(death, seen=False)  # it may have died of something else
    (task,) = attempt.stack
    error = death.error(lost, retries)
    if error is None:
        return [_Attempt(attempt.stack, lost)], []
    return [], [Repeat(task.trial.number, task.repeat, task.seed, 0, None, None, None, error, 0.0)]


def _train_watched(
    parent: int, stopwatches: Path, objective: Objective, sign: float, stack: Sequence[Task]
) -> list[Repeat]:
    """Train a stack in a process of its own, whose `parent` reads its stopwatch."""
    _leave_with(parent)
    return _train(objective, stack, sign, Stopwatch(stopwatches / str(os.getpid()), most=len(stack)))


_leave_with = cache(leave_with)  # one thread watches, however many stacks a process trains


def _train(objective: Objective, stack: Sequence[Task], sign: float, stopwatch: Stopwatch | None) -> list[Repeat]:
    """Train a stack from the beginning for as many epochs as its trials had, on one thread as the search did."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _train_stack(objective, stack, sign, stopwatch)


def _train_stack(objective: Objective, stack: Sequence[Task], sign: float, stopwatch: Stopwatch | None) -> list[Repeat]:
    began = perf_counter()
    results: list[list[EpochResult]] = [[] for _ in stack]
    living = list(range(len(stack)))
    try:
        with _timed(stopwatch, living):
            session = objective.open([Beginning(task.trial.params, task.seed) for task in stack])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
        results = [[failure(error)] for _ in stack]
        living = []
    while living:
        with _timed(stopwatch, living):
            measured = session.train_epoch()
        for place, result in reversed(list(enumerate(measured))):
            mine = results[living[place]]
            if result.value is not None or result.error is not None:
                mine.append(result)
            if result.value is None or len(mine) == stack[living[place]].trial.epochs:
                session.drop(place)
                del living[place]
    seconds = (perf_counter() - began) / len(stack)
    return [_repeat(task, mine, sign, seconds) for task, mine in zip(stack, results, strict=True)]


def _timed(stopwatch: Stopwatch | None, living: Sequence[int]) -> "Stopwatch | nullcontext[None]":
    """Return what notes, within, that an epoch of these members of a stack is trained."""
    if stopwatch is None:
        return nullcontext()
    stopwatch.set(living)
    return stopwatch


def _repeat(task: Task, results: Sequence[EpochResult], sign: float, seconds: float) -> Repeat:
    values = [result.value for result in results if result.value is not None]
    error = next((result.error for result in results if result.error is not None), None)
    key = (task.trial.number, task.repeat, task.seed, len(values))
    if error is not None or not values:
        return Repeat(*key, None, None, None, error or "it ended without a value", seconds)
    best = min(range(len(values)), key=lambda i: sign * values[i])
    return Repeat(*key, values[best], best + 1, results[best].metrics, None, seconds)
