"""NumPy networks, trained as stacks: many networks of one shape in the same array operations."""

from network.activations import ACTIVATIONS, Activation
from network.architecture import Architecture
from network.data import TrainingData
from network.errors import NetworkError
from network.initializers import INITIALIZERS, Initializer
from network.losses import LOSSES, Direction, Loss
from network.member import Member
from network.optimizers import OPTIMIZERS, Optimizer
from network.prediction import evaluate, predict
from network.training import Epoch, Training

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "Activation",
    "Architecture",
    "Direction",
    "Epoch",
    "Initializer",
    "Loss",
    "Member",
    "NetworkError",
    "Optimizer",
    "Training",
    "TrainingData",
    "evaluate",
    "predict",
]
