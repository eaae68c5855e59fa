"""Hyperopt: its tree-structured Parzen estimator, in a space of choices within choices.

A point that was evaluated instead of the one proposed replaces it in the trial's document, which is all it learns from.
"""

from math import log
from typing import Any

import hyperopt
import numpy as np
from hyperopt import hp
from hyperopt.pyll import rec_eval, scope

from search.rivals import Evaluate
from strategies import Choice, Float, Parameter, Params, Space, Value


def tpe(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with `tpe.suggest`."""
    tree = _Tree(space)

    @hyperopt.fmin_pass_expr_memo_ctrl
    def loss(expr: Any, memo: Any, ctrl: hyperopt.Ctrl) -> float:
        proposed = _point(rec_eval(expr, memo=memo), space)
        evaluated, value = evaluate(proposed)
        if evaluated != proposed:
            trial = ctrl.current_trial
            found = {name: tree.found(name, evaluated[name]) for name in evaluated}
            trial["misc"]["vals"] = {name: [found[name]] if name in found else [] for name in space.parameters}
            trial["misc"]["idxs"] = {name: [trial["tid"]] if name in found else [] for name in space.parameters}
        return value

    hyperopt.fmin(
        loss,
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
            parameter, beneath = self._space.parameters[name], self._beneath(name)
            if self._is_choice(name):
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

    def found(self, name: str, value: Value) -> Value:
        """Return a parameter's value as a trial's document has it: a choice by its index."""
        return list(self._space.parameters[name].levels(None)).index(value) if self._is_choice(name) else value

    def _beneath(self, name: str) -> dict[str, tuple[Value, ...]]:
        return {child: wanted for child, each in self._space.conditions.items() for up, wanted in each if up == name}

    def _is_choice(self, name: str) -> bool:
        return isinstance(self._space.parameters[name], Choice) or bool(self._beneath(name))


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
