"""Optuna: the point is asked for one parameter after another while the objective runs, conditions included."""

import warnings

import optuna

from search.runs import Objective
from strategies import Choice, Float, Params, Space, Value


def tpe(space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    """Search with its default, the tree-structured Parzen estimator."""
    _optimize(optuna.samplers.TPESampler(seed=seed), space, objective, evaluations)


def gp(space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    """Search with its Gaussian process."""
    _optimize(optuna.samplers.GPSampler(seed=seed), space, objective, evaluations)


def _optimize(sampler: optuna.samplers.BaseSampler, space: Space, objective: Objective, evaluations: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: objective(_suggested(trial, space)), n_trials=evaluations)


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
