"""SMAC: a random forest (its facade for hyperparameters) and a Gaussian process (its facade for black boxes).

Told that the objective is deterministic, as all others assume: it evaluates no point twice. Proposals come from its
intensifier, where the facade's `ask` takes them too; but that notes each as running, and one in place of which another
point was evaluated, and told, would run for ever. A run repeats under the same PYTHONHASHSEED only.
"""

import tempfile
from itertools import islice
from pathlib import Path

from ConfigSpace import (
    AndConjunction,
    Categorical,
    Configuration,
    ConfigurationSpace,
    InCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters import Hyperparameter
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.runhistory import TrialInfo, TrialValue

from search.rivals import Evaluate
from strategies import Choice, Float, Parameter, Params, Space, Value


def random_forest(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with `HyperparameterOptimizationFacade`."""
    _optimize(HyperparameterOptimizationFacade, space, evaluate, seed, evaluations)


def gaussian_process(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with `BlackBoxFacade`."""
    _optimize(BlackBoxFacade, space, evaluate, seed, evaluations)


def _optimize(facade: type, space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            _configuration_space(space),
            output_directory=Path(folder),
            deterministic=True,
            n_trials=evaluations,
            seed=seed,
        )
        search = facade(scenario, logging_level=False, overwrite=True)
        for trial in islice(search.intensifier, evaluations):
            proposed = _point(trial.config, space)
            evaluated, value = evaluate(proposed)
            told = trial.config if evaluated == proposed else Configuration(scenario.configspace, values=evaluated)
            search.tell(TrialInfo(told, seed=trial.seed), TrialValue(value))


def _point(configuration: Configuration, space: Space) -> Params:
    found = dict(configuration)
    return {name: _plain(found[name], space.parameters[name]) for name in space.parameters if name in found}


def _configuration_space(space: Space) -> ConfigurationSpace:
    configurations = ConfigurationSpace()
    known = {name: _hyperparameter(name, parameter) for name, parameter in space.parameters.items()}
    configurations.add(*known.values())
    for name, conditions in space.conditions.items():
        clauses = [InCondition(known[name], known[parent], list(wanted)) for parent, wanted in conditions]
        if clauses:
            configurations.add(clauses[0] if len(clauses) == 1 else AndConjunction(*clauses))
    return configurations


def _hyperparameter(name: str, parameter: Parameter) -> Hyperparameter:
    if isinstance(parameter, Choice):
        return Categorical(name, list(parameter.values))
    kind = UniformFloatHyperparameter if isinstance(parameter, Float) else UniformIntegerHyperparameter
    return kind(name, parameter.low, parameter.high, log=parameter.log)


def _plain(value: object, parameter: Parameter) -> Value:
    plain = value.item() if hasattr(value, "item") else value
    return parameter.validate(plain)
