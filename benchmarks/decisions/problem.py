"""What is searched: two spaces of eight parameters, and learning curves that a formula gives at once."""

from math import cos

import numpy as np

from strategies import Choice, Float, Int, Params, Space

Observed = list[tuple[Params, float]]

# The points of a grid, for its sake.
FLOATS = Space({f"x{i}": Float(0, 1, points=4) for i in range(8)})
MIXED = Space(
    learning_rate=Float(1e-5, 1, log=True, points=4),
    weight_decay=Float(1e-6, 1e-1, log=True, points=4),
    dropout=Float(0, 0.6, points=4),
    momentum=Float(0, 0.99, points=4),
    layers=Int(1, 6),
    hidden=Int(8, 1024, log=True, points=4),
    optimizer=Choice("sgd", "adam", "rmsprop"),
    activation=Choice("relu", "tanh", "gelu", "sigmoid"),
)
SPACES = {"floats": FLOATS, "mixed": MIXED}


def loss(space: Space, params: Params) -> float:
    """A rippled bowl in the coordinates of the space."""
    return float(sum((u - 0.3) ** 2 + 0.02 * (1 - cos(12 * (u - 0.3))) for u in space.encode(params)))


def curve(space: Space, params: Params, epochs: int) -> tuple[float, ...]:
    """The first `epochs` values of a curve that falls towards the loss of these params."""
    end = loss(space, params)
    return tuple(end + 1 / (1 + epoch) for epoch in range(1, epochs + 1))


def observed(space: Space, count: int) -> Observed:
    """Return random points of the space with their losses, the same ones always."""
    rng = np.random.default_rng(0)
    points = [space.sample(rng) for _ in range(count)]
    return [(params, loss(space, params)) for params in points]
