"""Functions with a known minimum, in the shapes that hyperparameters come in."""

from math import cos, exp, log2, log10, pi

import numpy as np

from search.problems import Problem
from strategies import Choice, Float, Int, Params, Space

NOISE = 0.2
HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_SCALES = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_CENTRES = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)


def branin(params: Params) -> float:
    """Three equal valleys (Dixon & Szegő 1978)."""
    x, y = float(params["x"]), float(params["y"])
    valley = y - 5.1 / (4 * pi**2) * x**2 + 5 / pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10


def hartmann(params: Params) -> float:
    """Four bumps in six dimensions, of unequal width in each (Dixon & Szegő 1978)."""
    x = np.array(list(params.values()))
    distances = (HARTMANN_SCALES * (x - HARTMANN_CENTRES) ** 2).sum(axis=1)
    return -float(HARTMANN_WEIGHTS @ np.exp(-distances))


def noisy_hartmann(params: Params, seed: int) -> float:
    """The same under normal noise, half as wide as the spread of random draws."""
    return hartmann(params) + NOISE * float(np.random.default_rng(seed).standard_normal())


def mixed(params: Params) -> float:
    """A network's loss in shape: the best learning rate hangs on optimizer and depth, activations on the optimizer.

    Flat far away from the optimum, and rippled along the learning rate. 0 with adam, gelu, 3 layers of 96.
    """
    rate, layers = log10(float(params["learning_rate"])), int(params["layers"])
    off = rate - {"sgd": -0.9, "adam": -2.2, "rmsprop": -2.6}[params["optimizer"]] + 0.25 * layers
    activation = {"relu": 0.06, "tanh": 0.12, "gelu": 0.0, "sigmoid": 0.4}[params["activation"]]
    if params["optimizer"] == "sgd" and params["activation"] == "tanh":
        activation = 0.02
    return (
        1.5 * _well(off / 0.6)
        + 0.05 * (1 - cos(4 * pi * off))
        + 0.8 * _well(log2(int(params["hidden"]) / 96) / 1.5)
        + 0.5 * _well((float(params["dropout"]) - 0.05 * layers) / 0.15)
        + 0.4 * _well((layers - 3) / 1.5)
        + activation
        + {"sgd": 0.05, "adam": 0.0, "rmsprop": 0.08}[params["optimizer"]]
    )


def conditional(params: Params) -> float:
    """Three families of models, each with hyperparameters of its own, and some of these with theirs.

    0 in a network of two layers trained with momentum; the forest reaches 0.3, the linear model 0.4.
    """
    match params["model"]:
        case "linear":
            return 0.4 + 0.8 * _well((log10(float(params["penalty"])) + 2) / 1.5)
        case "forest":
            depth = _well((int(params["depth"]) - 11) / 5)
            return 0.3 + 0.5 * depth + 0.4 * _well((float(params["features"]) - 0.35) / 0.25)
    rate, layers = log10(float(params["learning_rate"])), int(params["layers"])
    loss = {1: 0.1, 2: 0.0, 3: 0.05}[layers] + 0.3 * _well(log2(int(params["width"]) / 64) / 2)
    if layers > 1:
        loss += 0.2 * _well(log2(int(params["second_width"]) / 32) / 2)
    if params["optimizer"] == "adam":
        return loss + 0.04 + _well((rate + 2.8) / 0.9)
    # What counts is the effective learning rate, rate / (1 - momentum).
    momentum = float(params["momentum"])
    return loss + _well((rate - log10(1 - momentum) + 0.8) / 0.9) + 0.3 * _well((momentum - 0.9) / 0.2)


def _well(distance: float) -> float:
    """Return 0 at the centre, and nearly 1 from a distance of 2 on."""
    return 1 - exp(-(distance**2))


BRANIN_SPACE = Space(x=Float(-5, 10), y=Float(0, 15))
UNIT_CUBE = Space({f"x{i}": Float(0, 1) for i in range(1, 7)})
MIXED_SPACE = Space(
    learning_rate=Float(1e-5, 1, log=True),
    optimizer=Choice("sgd", "adam", "rmsprop"),
    layers=Int(1, 6),
    hidden=Int(8, 1024, log=True),
    activation=Choice("relu", "tanh", "gelu", "sigmoid"),
    dropout=Float(0, 0.6),
)
NETWORK = {"model": "network"}
CONDITIONAL_SPACE = Space(
    model=Choice("linear", "forest", "network"),
    penalty=Float(1e-6, 1e2, log=True, when={"model": "linear"}),
    depth=Int(1, 30, when={"model": "forest"}),
    features=Float(0.05, 1, when={"model": "forest"}),
    learning_rate=Float(1e-5, 1, log=True, when=NETWORK),
    optimizer=Choice("sgd", "adam", when=NETWORK),
    momentum=Float(0, 0.99, when={"optimizer": "sgd"}),
    layers=Int(1, 3, when=NETWORK),
    width=Int(4, 512, log=True, when=NETWORK),
    second_width=Int(4, 512, log=True, when={"layers": [2, 3]}),
)

FUNCTIONS = (
    Problem("branin", BRANIN_SPACE, branin, best=0.39788735772973816),
    Problem("hartmann6", UNIT_CUBE, hartmann, best=-3.322368011415515),
    Problem("mixed", MIXED_SPACE, mixed, best=0.0),
    Problem("conditional", CONDITIONAL_SPACE, conditional, best=0.0),
    Problem("noisy", UNIT_CUBE, hartmann, best=-3.322368011415515, seen=noisy_hartmann),
)
