"""SMAC: a random forest (its facade for hyperparameters) and a Gaussian process (its facade for black boxes).

Told that the objective is deterministic, as all others assume: it evaluates no point twice.
"""

import tempfile
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

from search.runs import Objective
from strategies import Choice, Float, Parameter, Space, Value


def random_forest(space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    """Search with `HyperparameterOptimizationFacade`."""
    _optimize(HyperparameterOptimizationFacade, space, objective, seed, evaluations)


def gaussian_process(space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    """Search with `BlackBoxFacade`."""
    _optimize(BlackBoxFacade, space, objective, seed, evaluations)


def _optimize(facade: type, space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    def loss(configuration: Configuration, seed: int = 0) -> float:  # noqa: ARG001 - it passes one, by this name
        found = dict(configuration)
        return objective(
            {name: _plain(found[name], space.parameters[name]) for name in space.parameters if name in found}
        )

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            _configuration_space(space),
            output_directory=Path(folder),
            deterministic=True,
            n_trials=evaluations,
            seed=seed,
        )
        facade(scenario, loss, logging_level=False, overwrite=True).optimize()


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
