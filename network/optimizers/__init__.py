from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from network.optimizers.adagrad import AdaGrad
from network.optimizers.adam import Adam
from network.optimizers.adamw import AdamW
from network.optimizers.base import Optimizer
from network.optimizers.nesterov import Nesterov
from network.optimizers.rmsprop import RMSProp
from network.optimizers.sgd import SGD

OPTIMIZERS: Final[Mapping[str, type[Optimizer]]] = MappingProxyType(
    {"adagrad": AdaGrad, "adam": Adam, "adamw": AdamW, "nesterov": Nesterov, "rmsprop": RMSProp, "sgd": SGD}
)

__all__ = ["OPTIMIZERS", "SGD", "AdaGrad", "Adam", "AdamW", "Nesterov", "Optimizer", "RMSProp"]
