"""Honest winners: the leaders of a search trained again from fresh seeds, and ranked by their means.

The best of many noisy trials is partly the luckiest: its value flatters it. Trained again, from seeds that the search
never saw, it is as good as it is. The leaders' trainings of one shape go as stacks, and each is written down when it is
done, so that a confirmation that was cut short goes on where it was.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pickle import PicklingError
from statistics import fmean, stdev
from time import perf_counter
from typing import Any, Final

import numpy as np

from hpo.errors import SettingError, WorkerError
from hpo.objectives import Beginning, EpochResult, Objective, failure
from hpo.orphans import leave_with
from storage.database import Database
from storage.exchange.confirmations import Repeat, read_repeats, write_repeat
from storage.questions.queries import TrialRecord, get_trial, list_trials, read_curves
from storage.studies import StudyRecord
from strategies import State

LEVEL: Final = 0.95
"""Of the intervals around the means."""

_HUGE: Final = 1e150
_STEADY: Final = 5  # epochs: of equally good trials the one whose best epochs are the better on average leads


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a leader is worth: `value` in the search, `mean` over fresh seeds, with the mean's 95 % interval.

    The interval is Student's; there is none (None) for fewer than two trainings. Trainings that failed are counted.
    """

    trial: int
    value: float
    mean: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...]
    failed: int


@dataclass(frozen=True, slots=True)
class _Task:
    """A training to be done: so many epochs of a trial's params from a fresh seed."""

    trial: TrialRecord
    repeat: int
    seed: int


def confirm(
    database: Database, study: StudyRecord, objective: Objective, *, top: int, seeds: int, n_jobs: int = 1
) -> list[Confirmed]:
    """Train the `top` leaders from `seeds` fresh seeds each, but for what is on record; return `confirmed`.

    Raises SettingError when the search has no trial with a value, and when a leader is more than its params: an heir.
    """
    chosen = leaders(database, study, top)
    if not chosen:
        raise SettingError(f"the study {study.spec.name!r} has no trial with a value yet: there is nothing to confirm")
    if (heir := first_heir(chosen)) is not None:
        raise SettingError(
            f"trial {heir.number} of {study.spec.name!r} began with the weights of trial {heir.parent}: its params "
            "alone do not make it, so it cannot be confirmed by training them again"
        )
    known = {(repeat.trial, repeat.repeat) for repeat in _current(database, study)}
    tasks = [
        _Task(trial, repeat, fresh_seed(study.spec.seed, trial.number, repeat))
        for trial in chosen
        for repeat in range(seeds)
        if (trial.number, repeat) not in known
    ]
    sign = study.spec.sign
    for repeats in _trained(objective, _stacks(tasks, objective), sign, n_jobs):
        for repeat in repeats:
            write_repeat(database, study, repeat)
    return confirmed(database, study)


def confirmed(database: Database, study: StudyRecord) -> list[Confirmed]:
    """Return what is on record of the study's confirmations: those that never failed first, then the best mean."""
    by_trial: dict[int, list[Repeat]] = {}
    for repeat in _current(database, study):
        by_trial.setdefault(repeat.trial, []).append(repeat)
    trials = _those(database, study, by_trial)
    found = [
        _confirmed(number, trial.value, by_trial[number])
        for number, trial in trials.items()
        if trial.value is not None and trial.state not in (State.FAILED, State.DISCARDED)  # since it was confirmed
    ]
    sign = study.spec.sign
    return sorted(found, key=lambda each: (each.mean is None, each.failed, sign * (each.mean or 0.0), each.trial))


def _current(database: Database, study: StudyRecord) -> list[Repeat]:
    """Return the trainings on record that are as long as their trials: one that has gone on since is not confirmed."""
    found = read_repeats(database, study)
    trials = _those(database, study, {repeat.trial for repeat in found})
    return [each for each in found if each.error is not None or each.epochs == trials[each.trial].epochs]


def _those(database: Database, study: StudyRecord, numbers: Iterable[int]) -> dict[int, TrialRecord]:
    """Return a few trials by number."""
    found = (get_trial(database, study, number) for number in sorted(numbers))
    return {trial.number: trial for trial in found if trial is not None}


def leaders(database: Database, study: StudyRecord, top: int) -> list[TrialRecord]:
    """Return the `top` best trials; of equally good ones those first whose best epochs are the better on average.

    With little data to measure on many trials share a value: then one good epoch tells less than five.
    """
    ranked = list_trials(database, study, best_first=True, limit=top)
    if not ranked:
        return []
    last = ranked[-1].value
    everyone = list_trials(database, study, best_first=True)
    able = [trial for trial in everyone if trial.value is not None and _as_good(trial.value, last, study)]
    curves = read_curves(database, study, [trial.number for trial in able])
    sign = study.spec.sign

    def worth(trial: TrialRecord) -> tuple[float, float, int]:
        best = sorted(sign * value for _, value, _, _ in curves[trial.number])[:_STEADY]
        return sign * float(trial.value or 0.0), _mean(best), trial.number

    return sorted(able, key=worth)[:top]


def first_heir(trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """Return the first trial that began with another's weights, if there is one."""
    return next((trial for trial in trials if trial.parent is not None), None)


def fresh_seed(seed: int, trial: int, repeat: int) -> int:
    """Return the seed of a confirmation: 63 bits, none of the search's own."""
    return int(np.random.SeedSequence((seed, trial, 3, repeat)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _as_good(value: float, last: float | None, study: StudyRecord) -> bool:
    return last is not None and study.spec.sign * value <= study.spec.sign * last


def _confirmed(number: int, value: float, repeats: Sequence[Repeat]) -> Confirmed:
    values = tuple(repeat.value for repeat in repeats if repeat.value is not None)
    failed = len(repeats) - len(values)
    if not values:
        return Confirmed(number, value, None, None, None, (), failed)
    mean = _mean(values)
    if len(values) == 1:
        return Confirmed(number, value, mean, None, None, values, failed)
    from scipy.stats import t

    half = float(t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * stdev(map(_bounded, values)) / len(values) ** 0.5
    return Confirmed(number, value, mean, mean - half, mean + half, values, failed)


def _mean(values: Sequence[float]) -> float:
    return fmean(map(_bounded, values))


def _bounded(value: float) -> float:
    """Return a value small enough to be squared and summed."""
    return min(max(value, -_HUGE), _HUGE)


def _stacks(tasks: Iterable[_Task], objective: Objective) -> list[list[_Task]]:
    """Put trainings together that can be one session: of one key, over as many epochs."""
    groups: dict[Any, list[_Task]] = {}
    for task in tasks:
        key = objective.key(task.trial.params)
        group = ("alone", task.trial.number, task.repeat) if key is None else (key, task.trial.epochs)
        groups.setdefault(group, []).append(task)
    stack = objective.stack
    return [group[start : start + stack] for group in groups.values() for start in range(0, len(group), stack)]


def _trained(
    objective: Objective, stacks: Sequence[Sequence[_Task]], sign: float, n_jobs: int
) -> Iterator[list[Repeat]]:
    """Yield what became of each stack, as it is done."""
    if n_jobs == 1 or len(stacks) == 1:
        for stack in stacks:
            yield _train(objective, stack, sign)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import BrokenProcessPool

    family = {"initializer": leave_with, "initargs": (os.getpid(),)}
    with parallel_config(backend="loky", inner_max_num_threads=1, **family):
        work = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        try:
            yield from work(delayed(_train)(objective, stack, sign) for stack in stacks)
        except (BrokenProcessPool, PicklingError) as error:
            raise WorkerError(
                "a process that trained leaders again has died, or the objective cannot travel to it: memory may be "
                "short, or compiled code crashed; one worker (n_jobs=1) shows where. What is done is kept"
            ) from error


def _train(objective: Objective, stack: Sequence[_Task], sign: float) -> list[Repeat]:
    """Train a stack from the beginning for as many epochs as its trials had, on one thread as the search did."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _train_stack(objective, stack, sign)


def _train_stack(objective: Objective, stack: Sequence[_Task], sign: float) -> list[Repeat]:
    began = perf_counter()
    results: list[list[EpochResult]] = [[] for _ in stack]
    living = list(range(len(stack)))
    try:
        session = objective.open([Beginning(task.trial.params, task.seed) for task in stack])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
        results = [[failure(error)] for _ in stack]
        living = []
    while living:
        for place, result in reversed(list(enumerate(session.train_epoch()))):
            mine = results[living[place]]
            if result.value is not None or result.error is not None:
                mine.append(result)
            if result.value is None or len(mine) == stack[living[place]].trial.epochs:
                session.drop(place)
                del living[place]
    seconds = (perf_counter() - began) / len(stack)
    return [_repeat(task, mine, sign, seconds) for task, mine in zip(stack, results, strict=True)]


def _repeat(task: _Task, results: Sequence[EpochResult], sign: float, seconds: float) -> Repeat:
    values = [result.value for result in results if result.value is not None]
    error = next((result.error for result in results if result.error is not None), None)
    key = (task.trial.number, task.repeat, task.seed, len(values))
    if error is not None or not values:
        return Repeat(*key, None, None, None, error or "it ended without a value", seconds)
    best = min(range(len(values)), key=lambda i: sign * values[i])
    return Repeat(*key, values[best], best + 1, results[best].metrics, None, seconds)
