"""Hyperopt: its tree-structured Parzen estimator, in a space of choices within choices."""

from math import log
from typing import Any

import hyperopt
import numpy as np
from hyperopt import hp
from hyperopt.pyll import scope

from search.runs import Objective
from strategies import Choice, Float, Parameter, Params, Space


def tpe(space: Space, objective: Objective, seed: int, evaluations: int) -> None:
    """Search with `tpe.suggest`."""
    tree = _Tree(space)
    hyperopt.fmin(
        lambda found: objective(_point(found, space)),
        [tree.node(name) for name in space.parameters if not space.conditions[name]],
        algo=hyperopt.tpe.suggest,
        max_evals=evaluations,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )


class _Tree:
    """The expressions of a space's parameters; one upon which others depend holds these beneath its values.

    A parameter that several values activate is the same expression beneath each of them.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._nodes: dict[str, Any] = {}

    def node(self, name: str) -> Any:
        if name not in self._nodes:
            parameter = self._space.parameters[name]
            beneath = {
                child: wanted for child, each in self._space.conditions.items() for up, wanted in each if up == name
            }
            if isinstance(parameter, Choice) or beneath:
                values = parameter.levels(None)
                self._nodes[name] = hp.choice(
                    name,
                    [
                        (name, value, [self.node(child) for child in beneath if value in beneath[child]])
                        for value in values
                    ],
                )
            else:
                self._nodes[name] = (name, _number(name, parameter), [])
        return self._nodes[name]


def _number(name: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Float):
        if parameter.log:
            return hp.loguniform(name, log(parameter.low), log(parameter.high))
        return hp.uniform(name, parameter.low, parameter.high)
    if parameter.log:
        return scope.int(hp.qloguniform(name, log(parameter.low), log(parameter.high), 1))
    return hp.uniformint(name, parameter.low, parameter.high)


def _point(found: Any, space: Space) -> Params:
    values: Params = {}

    def visit(branches: Any) -> None:
        for name, value, beneath in branches:
            values[name] = value
            visit(beneath)

    visit(found)
    return {name: values[name] for name in space.parameters if name in values}
