"""Networks of every kind, and data that they take: what the laws of networks are checked over.

The families are read from their dictionaries: a new member is tested the moment it is registered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import inf
from typing import Any

import numpy as np

from network import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES, Architecture, Convolution, Member
from network.architecture import DTYPES, NORMALIZATIONS
from network.data import TrainingData
from network.randomness import Purpose, generator
from network.regularization import AFTER, BEFORE
from network.schedules import Warmup

IMAGES = {
    "images": {
        "image": (6, 5, 2),
        "convolutions": (Convolution(3, pool=2), Convolution(2, kernel=2, pool=2, pooling="average")),
        "hidden": (4,),
    },
    "images of one pixel": {"image": (1, 1, 1), "convolutions": (Convolution(1, kernel=1, padding=0),), "hidden": ()},
    "images in strides": {"image": (7, 4, 1), "convolutions": (Convolution(3, stride=2, padding=2),), "hidden": ()},
}
SHAPES: Mapping[str, dict[str, Any]] = {
    "linear": {"inputs": 3, "outputs": 2, "hidden": (), "batch_size": 4, "rows": 10},
    "batches of one": {"inputs": 5, "outputs": 3, "hidden": (4,), "batch_size": 1, "rows": 6},
    "all widths one": {"inputs": 1, "outputs": 1, "hidden": (1,), "batch_size": 4, "rows": 9},
    "a width of one, one output": {"inputs": 4, "outputs": 1, "hidden": (1, 7), "batch_size": 8, "rows": 20},
    "deep, one row left": {"inputs": 6, "outputs": 10, "hidden": (8, 5, 3), "batch_size": 16, "rows": 33},
    "fewer rows than a batch": {"inputs": 64, "outputs": 10, "hidden": (16,), "batch_size": 32, "rows": 20},
    "no power of two": {"inputs": 17, "outputs": 3, "hidden": (33, 9), "batch_size": 7, "rows": 25},
    "images": {"inputs": 60, "outputs": 3, "batch_size": 5, "rows": 11, **IMAGES["images"]},
    "images of one pixel": {"inputs": 1, "outputs": 2, "batch_size": 2, "rows": 5, **IMAGES["images of one pixel"]},
    "images in strides": {"inputs": 28, "outputs": 2, "batch_size": 8, "rows": 17, **IMAGES["images in strides"]},
}
"""Beside an architecture's own settings, how many rows there are to train on."""

TRAINABLE = [name for name, activation in ACTIVATIONS.items() if activation.differentiable]
FACTORS: Mapping[str, Sequence[Any]] = {
    "shape": list(SHAPES),
    "activation": TRAINABLE,
    "initializer": list(INITIALIZERS),
    "optimizer": list(OPTIMIZERS),
    "loss": list(LOSSES),
    "normalization": NORMALIZATIONS,
    "dtype": DTYPES,
    "dropout": (False, True),
    "weighted": (False, True),
}
"""What a case is made of."""

VALIDATION_ROWS = 11


@dataclass(frozen=True)
class Case:
    """A kind of network, and how many rows it trains on, weighted or not."""

    architecture: Architecture
    rows: int
    weighted: bool
    name: str

    @classmethod
    def of(cls, **levels: Any) -> "Case":
        """Return the case of some levels of FACTORS and settings of an architecture; others are a plain network's."""
        name = "-".join(key if level is True else str(level) for key, level in levels.items() if level is not False)
        shape = dict(SHAPES[levels.pop("shape", "no power of two")])
        rows, weighted = shape.pop("rows"), levels.pop("weighted", False)
        return cls(Architecture(**(shape | levels)), rows, weighted, name)

    def __str__(self) -> str:
        return self.name

    @property
    def data(self) -> TrainingData:
        """Random data, the same every time."""
        rng = np.random.default_rng(0)
        x, y = self.inputs(rng, self.rows), self.targets(rng, self.rows)
        weights = rng.uniform(0, 3, self.rows) if self.weighted else None
        x_validation, y_validation = self.inputs(rng, VALIDATION_ROWS), self.targets(rng, VALIDATION_ROWS)
        counts = rng.integers(3, size=VALIDATION_ROWS) if self.weighted else None
        return TrainingData(x, y, x_validation, y_validation, weights, counts)

    def inputs(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        return rng.normal(size=(rows, self.architecture.inputs))

    def targets(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Return targets as a user gives them."""
        outputs, loss = self.architecture.outputs, self.architecture.loss
        if loss == "cross_entropy":
            return rng.integers(outputs, size=rows)
        if loss == "binary_cross_entropy":
            return rng.integers(2, size=(rows, outputs))
        return rng.normal(size=(rows, outputs))


def each(factors: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return settings in which every level of every factor occurs: as few as the longest factor has levels."""
    count = max(map(len, factors.values()))
    return [{name: levels[index % len(levels)] for name, levels in factors.items()} for index in range(count)]


def pairs(factors: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return settings in which any two levels of any two factors meet; each in turn is filled with what meets most."""
    missing = dict.fromkeys(
        frozenset({(one, level), (other, peer)})
        for one, other in combinations(factors, 2)
        for level, peer in product(factors[one], factors[other])
    )
    found = []
    while missing:
        chosen = dict(next(iter(missing)))
        for name in sorted(factors.keys() - chosen.keys()):
            meetings = {
                level: sum(frozenset({(name, level), item}) in missing for item in chosen.items())
                for level in factors[name]
            }
            chosen[name] = max(meetings, key=meetings.__getitem__)
        for pair in combinations(chosen.items(), 2):
            missing.pop(frozenset(pair), None)
        found.append({name: chosen[name] for name in factors})
    return found


SCHEDULED = {
    "constant": {},
    "cosine": {"epochs": 2.5},
    "exponential": {"factor": 0.7},
    "plateau": {"factor": 0.5, "patience": 0, "threshold": 0.3},
    "step": {"every": 1, "factor": 0.5},
}
"""Settings of every schedule that make it move within three epochs."""
SOME = [SCHEDULES[name](**settings) for name, settings in SCHEDULED.items()]
ALL_SCHEDULES = [*SOME, *(Warmup(1.3, then) for then in SOME)]

RULES = [rule.setting for rule in (*BEFORE, *AFTER)] + ["label_smoothing"]
RULE_SETS = [[], RULES, RULES[::2], RULES[1::2]]
"""Which rules members want; those that want the same train in the same calls."""


def member(seed: int) -> Member:
    """Return a member that differs in all that it can from its neighbours; two neighbours want the same rules."""
    amounts = {
        "l2": 0.1 / (1 + seed),
        "l1": 0.01 / (1 + seed % 5),
        "clip_norm": 0.1 + seed % 7,
        "max_norm": 0.5 + seed % 3,
        "label_smoothing": 0.05 * (1 + seed % 9),
    }
    off = dict.fromkeys(RULES, 0.0) | {"clip_norm": inf, "max_norm": inf}
    wanted = RULE_SETS[seed // 2 % len(RULE_SETS)]
    return Member(
        seed=seed,
        learning_rate=10.0 ** -(1 + seed % 4),
        momentum=(0.0, 0.5, 0.99)[seed % 3],
        beta1=(0.9, 0.0)[seed % 2],
        beta2=(0.999, 0.9)[seed % 2],
        rho=(0.9, 0.0, 0.99)[seed % 3],
        weight_decay=(0.01, 0.0, 1.0)[seed % 3],
        dropout=(0.2, 0.0, 0.7)[seed % 3],
        schedule=ALL_SCHEDULES[seed % len(ALL_SCHEDULES)],
        **{name: amounts[name] if name in wanted else off[name] for name in RULES},
    )


def order_of(member: Member, epoch: int, rows: int) -> np.ndarray:
    """Return the order in which a member takes the rows, in the epoch that follows so many."""
    order = np.arange(rows)
    generator(member.seed, Purpose.DATA_ORDER, epoch).shuffle(order)
    return order


EVERY_KIND = [Case.of(**levels) for levels in each(FACTORS)]
EVERY_PAIR = [Case.of(**levels) for levels in pairs(FACTORS)]
