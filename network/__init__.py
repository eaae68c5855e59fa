"""NumPy networks, trained as stacks: many networks of one shape in the same array operations."""

from network.activations import ACTIVATIONS, Activation
from network.architecture import Architecture, Convolution
from network.data import TrainingData
from network.errors import NetworkError
from network.group import Epoch
from network.initializers import INITIALIZERS, Initializer
from network.layout import Weights
from network.losses import LOSSES, Direction, Loss
from network.member import Member
from network.optimizers import OPTIMIZERS, Optimizer
from network.prediction import evaluate, predict
from network.schedules import SCHEDULES, Schedule
from network.training import Training

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Activation",
    "Architecture",
    "Convolution",
    "Direction",
    "Epoch",
    "Initializer",
    "Loss",
    "Member",
    "NetworkError",
    "Optimizer",
    "Schedule",
    "Training",
    "TrainingData",
    "Weights",
    "evaluate",
    "predict",
]
