"""Optuna: the point is asked for one parameter after another, conditions included.

A point that was evaluated instead of the one proposed is added as a trial of its own, and the one that was asked for is
told as failed: the samplers look at no failed trial.
"""

import warnings

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search.rivals import Evaluate
from strategies import Choice, Float, Params, Space, Value


def tpe(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with its default, the tree-structured Parzen estimator."""
    _optimize(optuna.samplers.TPESampler(seed=seed), space, evaluate, evaluations)


def gp(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with its Gaussian process."""
    _optimize(optuna.samplers.GPSampler(seed=seed), space, evaluate, evaluations)


def _optimize(sampler: optuna.samplers.BaseSampler, space: Space, evaluate: Evaluate, evaluations: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        study = optuna.create_study(sampler=sampler)
        for _ in range(evaluations):
            trial = study.ask()
            proposed = _suggested(trial, space)
            evaluated, value = evaluate(proposed)
            if evaluated == proposed:
                study.tell(trial, value)
            else:
                domains = {name: _distribution(name, space) for name in evaluated}
                added = optuna.trial.create_trial(params=evaluated, distributions=domains, value=value)
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                study.add_trial(added)


def _suggested(trial: optuna.Trial, space: Space) -> Params:
    values: Params = {}
    for name in space.parents_first:
        if name in space.active(values):
            values[name] = _suggestion(trial, name, space)
    return {name: values[name] for name in space.parameters if name in values}


def _suggestion(trial: optuna.Trial, name: str, space: Space) -> Value:
    parameter = space.parameters[name]
    if isinstance(parameter, Choice):
        return trial.suggest_categorical(name, parameter.values)
    suggest = trial.suggest_float if isinstance(parameter, Float) else trial.suggest_int
    return suggest(name, parameter.low, parameter.high, log=parameter.log)


def _distribution(name: str, space: Space) -> BaseDistribution:
    """Return what `_suggestion` draws from."""
    parameter = space.parameters[name]
    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.values)
    kind = FloatDistribution if isinstance(parameter, Float) else IntDistribution
    return kind(parameter.low, parameter.high, log=parameter.log)
