"""Honest winners: the leaders of a search trained again from fresh seeds, and ranked by their means.

The best of many noisy trials is partly the luckiest: its value flatters it. Trained again, from seeds that the search
never saw, it is as good as it is. The leaders' trainings of one shape go as stacks, and each is written down when it is
done, so that a confirmation that was cut short goes on where it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, stdev
from typing import Any, Final

import numpy as np

from hpo.errors import SettingError
from hpo.objectives import Objective
from hpo.retraining import Task, train_apart, train_here
from storage.database import Database
from storage.exchange.confirmations import Repeat, read_repeats, write_repeat
from storage.questions.queries import TrialRecord, get_trial, list_trials, read_curves
from storage.studies import StudyRecord, StudySpec
from strategies import State

LEVEL: Final = 0.95
"""Of the intervals around the means."""

_RANGES: Final = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "roc_auc"), (0.0, 1.0)),
    **dict.fromkeys(("log_loss", "rmse", "mae"), (0.0, inf)),
    "r2": (-inf, 1.0),
}
"""What a network's metrics can be."""

_HUGE: Final = 1e150
_STEADY: Final = 5  # epochs: of equally good trials the one whose best epochs are the better on average leads


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a leader is worth: `value` in the search, `mean` over fresh seeds, with the mean's 95 % interval.

    The interval is Student's, within what a network's metric can be; there is none (None) for fewer than two trainings.
    Trainings that failed are counted.
    """

    trial: int
    value: float
    mean: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...]
    failed: int
    errors: tuple[str, ...] = ()
    """What those that failed did so with, and which of the repetitions it was."""


def confirm(
    database: Database, study: StudyRecord, objective: Objective, *, top: int, seeds: int, n_jobs: int | None
) -> list[Confirmed]:
    """Train the `top` leaders from `seeds` fresh seeds each, but for what is on record; return `confirmed`.

    They are trained in `n_jobs` processes, which may die or hang as a worker of the search may; None: right here.
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
        Task(trial, repeat, fresh_seed(study.spec.seed, trial.number, repeat))
        for trial in chosen
        for repeat in range(seeds)
        if (trial.number, repeat) not in known
    ]
    spec, stacks = study.spec, _stacks(tasks, objective)
    trained = (
        train_here(objective, stacks, spec.sign)
        if n_jobs is None
        else train_apart(objective, stacks, spec.sign, n_jobs, timeout=spec.trial_timeout, retries=spec.retries)
    )
    for repeats in trained:
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
        _confirmed(number, trial.value, by_trial[number], _range_of(study.spec))
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


def _confirmed(number: int, value: float, repeats: Sequence[Repeat], bounds: tuple[float, float]) -> Confirmed:
    values = tuple(repeat.value for repeat in repeats if repeat.value is not None)
    errors = tuple(f"repeat {repeat.repeat}: {repeat.error}" for repeat in repeats if repeat.value is None)
    failed = len(errors)
    if not values:
        return Confirmed(number, value, None, None, None, (), failed, errors)
    mean = _mean(values)
    if len(values) == 1:
        return Confirmed(number, value, mean, None, None, values, failed, errors)
    from scipy.stats import t

    half = float(t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * stdev(map(_bounded, values)) / len(values) ** 0.5
    low, high = max(mean - half, bounds[0]), min(mean + half, bounds[1])
    return Confirmed(number, value, mean, low, high, values, failed, errors)


def _mean(values: Sequence[float]) -> float:
    return fmean(map(_bounded, values))


def _range_of(spec: StudySpec) -> tuple[float, float]:
    """Return what the study's metric can be."""
    return _RANGES.get(spec.metric, (-inf, inf)) if spec.objective.get("kind") == "network" else (-inf, inf)


def _bounded(value: float) -> float:
    """Return a value small enough to be squared and summed."""
    return min(max(value, -_HUGE), _HUGE)


def _stacks(tasks: Iterable[Task], objective: Objective) -> list[list[Task]]:
    """Put trainings together that can be one session: of one key, over as many epochs."""
    groups: dict[Any, list[Task]] = {}
    for task in tasks:
        key = objective.key(task.trial.params)
        group = ("alone", task.trial.number, task.repeat) if key is None else (key, task.trial.epochs)
        groups.setdefault(group, []).append(task)
    stack = objective.stack
    return [group[start : start + stack] for group in groups.values() for start in range(0, len(group), stack)]
