"""scikit-optimize: its Gaussian process, with its portfolio of acquisitions. It knows no conditions.

It searches all parameters at once; those that are inactive are dropped from the point. What it learns is the list that
it passes to the objective and the value: so a point that was evaluated instead is written into that list.
"""

import warnings

import skopt
from skopt.space import Categorical, Dimension, Integer, Real

from search.rivals import Evaluate
from strategies import Choice, Float, Parameter, Space, Value


def gp(space: Space, evaluate: Evaluate, seed: int, evaluations: int) -> None:
    """Search with `gp_minimize`."""

    def objective(point: list[Value]) -> float:
        values = dict(zip(space.parameters, point, strict=True))
        evaluated, loss = evaluate({name: _plain(values[name]) for name in space.active(values)})
        point[:] = [evaluated.get(name, values[name]) for name in space.parameters]
        return loss

    dimensions = [_dimension(parameter) for parameter in space.parameters.values()]
    with warnings.catch_warnings(category=UserWarning, action="ignore"):  # a point it has had already
        skopt.gp_minimize(objective, dimensions, n_calls=evaluations, random_state=seed)


def _dimension(parameter: Parameter) -> Dimension:
    if isinstance(parameter, Choice):
        return Categorical(parameter.values)
    scale = "log-uniform" if parameter.log else "uniform"
    return (Real if isinstance(parameter, Float) else Integer)(parameter.low, parameter.high, prior=scale)


def _plain(value: Value) -> Value:
    return value.item() if hasattr(value, "item") else value
