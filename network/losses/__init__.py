"""Losses: what training minimises, its gradient, and the metrics that tell how good the outcome is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from network.losses.base import Direction, Loss
from network.losses.binary_cross_entropy import BinaryCrossEntropy
from network.losses.cross_entropy import CrossEntropy
from network.losses.huber import Huber
from network.losses.rss import RSS
from network.losses.squared_error import SquaredError

LOSSES: Final[Mapping[str, Loss]] = MappingProxyType(
    {
        "cross_entropy": CrossEntropy(),
        "binary_cross_entropy": BinaryCrossEntropy(),
        "squared_error": SquaredError(),
        "rss": RSS(),
        "huber": Huber(),
    }
)

__all__ = ["LOSSES", "RSS", "BinaryCrossEntropy", "CrossEntropy", "Direction", "Huber", "Loss", "SquaredError"]
