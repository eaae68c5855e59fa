"""Training a stack of networks, epoch by epoch.

Two laws hold bit for bit. A member of a stack is the network trained alone: members share calls, never numbers. And a
member restored from its state, in any process, is the member that never stopped: all that is random follows from its
seed and its count of epochs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from network.architecture import Architecture
from network.arrays import Array, aligned_zeros, without
from network.checkpoint import check_state
from network.data import Batches, TrainingData, checked_pair
from network.errors import NetworkError, check_name
from network.losses import LOSSES
from network.member import Member
from network.optimizers import OPTIMIZERS
from network.prediction import Forward
from network.randomness import Purpose, generator
from network.stack import Stack, decays_of, shapes_of


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch did to one member.

    `epoch` counts from 1. `loss` is the mean over the training rows, each as its minibatch met it. `metrics` are those
    of the validation data. `diverged`: one of them, or a parameter, is NaN or infinite.
    """

    epoch: int
    loss: float
    metrics: dict[str, float]
    diverged: bool


@dataclass(slots=True)
class Progress:
    """How far a member has come; `best_epoch` is 0, and `best_value` None, until an epoch has had a finite value."""

    epochs: int = 0
    best_epoch: int = 0
    best_value: float | None = None


class Training:
    """The training of a stack of networks on one data set.

    Every member has its own count of epochs, and numbers from 0 in the order given. The parameters after its best epoch
    by `monitor`, one of the loss's metrics on the validation data, are kept beside the latest.

    Raises NetworkError when the data do not fit the architecture, without members, and on an unknown metric.
    """

    def __init__(
        self, architecture: Architecture, members: Sequence[Member], data: TrainingData, monitor: str = "loss"
    ) -> None:
        self._loss = LOSSES[architecture.loss]
        check_name(f"metric of {architecture.loss}", monitor, self._loss.directions)
        if not members:
            raise NetworkError("There are no members to train: give at least one.")
        self._architecture, self._members, self._monitor = architecture, list(members), monitor
        self._x, self._targets = checked_pair("train", data.x_train, data.y_train, architecture)
        self._validation = checked_pair("validation", data.x_validation, data.y_validation, architecture)
        self._stack = Stack(architecture, [member.seed for member in members])
        decays = decays_of(self._stack.layers, architecture.float_type)
        self._optimizer = OPTIMIZERS[architecture.optimizer](members, decays)
        self._forward = Forward(architecture, len(self._validation[0]))
        self._progress = [Progress() for _ in members]
        self._best = aligned_zeros(len(members), decays.shape, decays.dtype)
        self._best[...] = self._stack.parameters
        self._allocate()

    @property
    def members(self) -> tuple[Member, ...]:
        """The members still in the stack."""
        return tuple(self._members)

    def train_epoch(self) -> list[Epoch]:
        """Train every member for one epoch; return one result each, in their order."""
        if not self._members:
            return []
        with np.errstate(all="ignore"):  # a member that diverges says so in its result
            return [self._concluded(index, loss) for index, loss in enumerate(self._train())]

    def drop(self, index: int) -> None:
        """Take member `index` out of the stack; those behind it move up by one."""
        self._check_index(index)
        del self._members[index], self._progress[index]
        self._stack.drop(index)
        self._optimizer.drop(index)
        self._best = without(self._best, index)
        self._allocate()

    def state(self, index: int) -> dict[str, Any]:
        """Return all that member `index` needs to go on elsewhere: copied arrays and JSON values in nested dicts."""
        self._check_index(index)
        progress = self._progress[index]
        return {
            "shapes": [list(shape) for shape in shapes_of(self._stack.layers)],
            "epochs": progress.epochs,
            "parameters": self._stack.parameters[index].copy(),
            "optimizer": {slot: array[index].copy() for slot, array in self._optimizer.state.items()},
            "best": {
                "monitor": self._monitor,
                "epoch": progress.best_epoch,
                "value": progress.best_value,
                "parameters": self._best[index].copy(),
            },
        }

    def restore(self, index: int, state: Mapping[str, Any]) -> None:
        """Let member `index` go on from `state`, a result of `state()`.

        Its settings stay its own. Raises NetworkError, and changes nothing, when the state does not fit.
        """
        self._check_index(index)
        check_state(state, self.state(index))
        best = state["best"]
        value = None if best["value"] is None else float(best["value"])
        self._progress[index] = Progress(int(state["epochs"]), int(best["epoch"]), value)
        self._stack.parameters[index] = state["parameters"]
        self._best[index] = best["parameters"]
        for slot, array in self._optimizer.state.items():
            array[index] = state["optimizer"][slot]

    def parameters(self, index: int, *, best: bool = True) -> list[tuple[Array, Array]]:
        """Return weights (inputs, outputs) and biases (outputs) of each dense layer, as copies.

        Those after the best epoch (before there is one, the initial ones), or with `best=False` the latest.
        """
        self._check_index(index)
        views = self._stack.member(index, self._best if best else self._stack.parameters)
        return [(own[0][0].copy(), own[1][0, 0].copy()) for own in views if own]

    def _train(self) -> list[float]:
        """Make every step of an epoch; return each member's mean loss."""
        stack, steps = self._stack, self._batches.steps
        self._optimizer.begin(self._members, [progress.epochs * steps for progress in self._progress], steps)
        start = 0
        for step, (x, targets) in enumerate(self._batches.epoch(self._orders())):
            rows = x.shape[1]
            losses = self._losses[:, start : start + rows]
            self._loss.gradient(stack.forward(x), targets, stack.output_gradients(rows), losses)
            stack.backward(x)
            self._optimizer.step(step, stack.parameters, stack.gradients)
            start += rows
        return [float(losses.mean(dtype=np.float64)) for losses in self._losses]

    def _orders(self) -> list[Array]:
        return [
            generator(member.seed, Purpose.DATA_ORDER, progress.epochs).permutation(len(self._x))
            for member, progress in zip(self._members, self._progress, strict=True)
        ]

    def _concluded(self, index: int, loss: float) -> Epoch:
        """Validate a member after an epoch's last step, and keep its parameters when they are its best."""
        x, targets = self._validation
        parameters, progress = self._stack.parameters, self._progress[index]
        outputs = self._forward.outputs(self._stack.member(index, parameters), x)
        metrics = self._loss.metrics(outputs, targets)
        finite = all(map(isfinite, (loss, *metrics.values()))) and bool(np.isfinite(parameters[index]).all())
        progress.epochs += 1
        if finite and self._improves(metrics[self._monitor], progress.best_value):
            progress.best_epoch, progress.best_value = progress.epochs, metrics[self._monitor]
            self._best[index] = parameters[index]
        return Epoch(progress.epochs, loss, metrics, diverged=not finite)

    def _improves(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        return value < best if self._loss.directions[self._monitor] == "minimize" else value > best

    def _allocate(self) -> None:
        members = len(self._members)
        self._batches = Batches(self._x, self._targets, self._architecture.batch_size, members)
        self._losses = aligned_zeros(members, (len(self._x),), self._architecture.float_type)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self._members):
            raise NetworkError(f"There is no member {index}: the stack has {len(self._members)}, numbered from 0.")
