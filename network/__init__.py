"""NumPy networks, trained as stacks: many networks of one shape in the same array operations.

The estimators import scikit-learn, and are loaded on their first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from network.activations import ACTIVATIONS, Activation
from network.architecture import Architecture, Convolution
from network.archive import ArchiveError
from network.data import TrainingData
from network.errors import NetworkError
from network.fitting import Fitted, Starts, fit, multi_start
from network.group import Epoch
from network.initializers import INITIALIZERS, Initializer
from network.layout import Weights
from network.losses import LOSSES, Direction, Loss
from network.member import Member
from network.optimizers import OPTIMIZERS, Optimizer
from network.prediction import evaluate, outputs, predict
from network.saving import load_estimator
from network.schedules import SCHEDULES, Constant, Cosine, Exponential, Plateau, Schedule, Step, Warmup
from network.training import Training

if TYPE_CHECKING:
    from network.estimators import MLPClassifier, MLPRegressor, Perceptron

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Activation",
    "Architecture",
    "ArchiveError",
    "Constant",
    "Convolution",
    "Cosine",
    "Direction",
    "Epoch",
    "Exponential",
    "Fitted",
    "Initializer",
    "Loss",
    "MLPClassifier",
    "MLPRegressor",
    "Member",
    "NetworkError",
    "Optimizer",
    "Perceptron",
    "Plateau",
    "Schedule",
    "Starts",
    "Step",
    "Training",
    "TrainingData",
    "Warmup",
    "Weights",
    "evaluate",
    "fit",
    "load_estimator",
    "multi_start",
    "outputs",
    "predict",
]


def __getattr__(name: str) -> Any:
    if name not in ("MLPClassifier", "MLPRegressor", "Perceptron"):
        raise AttributeError(f"module 'network' has no attribute {name!r}")
    return getattr(import_module("network.estimators"), name)
