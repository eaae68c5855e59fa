"""Training a stack of networks, epoch by epoch.

Two laws hold bit for bit. A member of a stack is the network trained alone: members share calls, never numbers. And a
member restored from its state, in any process, is the member that never stopped: all that is random follows from its
seed and its count of epochs.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any, Final

from network.activations import ACTIVATIONS
from network.architecture import Architecture
from network.arrays import Array, Scratch
from network.checkpoint import check_state
from network.data import TrainingData, checked_rows
from network.errors import NetworkError, check_name
from network.group import Epoch, Group, Lesson, Progress
from network.layout import Layout
from network.member import Member
from network.optimizers import OPTIMIZERS
from network.regularization import traits
from network.topology import layers_of, loss_of

TRAIN: Final = ("x_train", "y_train", "weights")
VALIDATION: Final = ("x_validation", "y_validation", "validation_weights")

CACHE_BYTES: Final = 1 << 22
"""How much one group works on in a step: up to it, members who share a call save time, and beyond only cost memory."""


class Training:
    """The training of a stack of networks on one data set.

    Every member has its own count of epochs, and numbers from 0 in the order given. Where there are validation data,
    the parameters after a member's best epoch by `monitor`, one of the loss's metrics, are kept beside the latest.

    Raises NetworkError when the data do not fit the architecture, without members, on an unknown metric, and when the
    activation cannot be trained.
    """

    def __init__(
        self, architecture: Architecture, members: Sequence[Member], data: TrainingData, monitor: str = "loss"
    ) -> None:
        loss = loss_of(architecture)
        check_name(f"metric of {architecture.loss}", monitor, loss.directions)
        if not members:
            raise NetworkError("There are no members to train: give at least one.")
        if not ACTIVATIONS[architecture.activation].differentiable:
            raise NetworkError(
                f"{architecture.activation!r} has no gradient to train by: use another, or the perceptron's rule."
            )
        validation = None
        if data.x_validation is not None and data.y_validation is not None:
            pair = data.x_validation, data.y_validation
            validation = checked_rows(VALIDATION, *pair, data.validation_weights, architecture)
        self._lesson = Lesson(
            architecture,
            Layout.of(layers_of(architecture)),
            loss,
            checked_rows(TRAIN, data.x_train, data.y_train, data.weights, architecture),
            validation,
            tuple(dict.fromkeys([*loss.usual, monitor])),
            monitor,
            Scratch(),
        )
        groups: dict[int, Group] = {}
        for chosen in _grouped(members, _fitting(self._lesson)):
            group = Group(self._lesson, [members[index] for index in chosen])
            groups |= dict.fromkeys(chosen, group)
        self._groups = [groups[index] for index in range(len(members))]
        """Each member's group; in a group they keep their order."""

    @property
    def members(self) -> tuple[Member, ...]:
        """The members still in the stack."""
        return tuple(group.members[place] for group, place in map(self._place, range(len(self._groups))))

    def train_epoch(self) -> list[Epoch]:
        """Train every member for one epoch; return one result each, in their order."""
        results = {group: iter(group.train_epoch()) for group in dict.fromkeys(self._groups)}
        return [next(results[group]) for group in self._groups]

    def drop(self, index: int) -> None:
        """Take member `index` out of the stack; those behind it move up by one."""
        group, place = self._place(index)
        if len(group.members) > 1:  # else the group goes with its last member
            group.drop(place)
        del self._groups[index]

    def state(self, index: int) -> dict[str, Any]:
        """Return all that member `index` needs to go on elsewhere: copied arrays and JSON values in nested dicts."""
        group, place = self._place(index)
        progress = group.progress[place]
        best = None if group.best is None else [array[place].copy() for array in group.best]
        return {
            "shapes": self._lesson.layout.shapes,
            "epochs": progress.epochs,
            "steps": progress.steps,
            "parameters": group.parameters[place].copy(),
            "statistics": group.statistics[place].copy(),
            "optimizer": {slot: array.copy() for slot, array in group.slots(place).items()},
            "schedule": dict(progress.schedule),
            "best": {
                "monitor": self._lesson.monitor,
                "epoch": progress.best_epoch,
                "value": progress.best_value,
                **({} if best is None else {"parameters": best[0], "statistics": best[1]}),
            },
        }

    def restore(self, index: int, state: Mapping[str, Any]) -> None:
        """Let member `index` go on from `state`, a result of `state()`.

        Its settings stay its own. Raises NetworkError, and changes nothing, when the state does not fit.
        """
        check_state(state, self.state(index))
        group, place = self._place(index)
        best = state["best"]
        value = None if best["value"] is None else float(best["value"])
        group.progress[place] = Progress(
            dict(state["schedule"]), int(state["epochs"]), int(state["steps"]), int(best["epoch"]), value
        )
        group.parameters[place], group.statistics[place] = state["parameters"], state["statistics"]
        if group.best is not None:
            group.best[0][place], group.best[1][place] = best["parameters"], best["statistics"]
        for slot, array in group.slots(place).items():
            array[...] = state["optimizer"][slot]

    def weights(self, index: int, *, best: bool = True) -> list[tuple[Array, ...]]:
        """Return copies of what each layer has learned: for a dense layer weights (inputs, outputs), biases (outputs,).

        That after the best epoch (before there is one, the initial ones), or with `best=False`, and where nothing is
        known of epochs, the latest.
        """
        group, place = self._place(index)
        source = group.best if best and group.best is not None else (group.parameters, group.statistics)
        return self._lesson.layout.arrays(source[0][place], source[1][place])

    @property
    def group_sizes(self) -> list[int]:
        """How many members train in the same calls, group by group."""
        return [len(group.members) for group in dict.fromkeys(self._groups)]

    def _place(self, index: int) -> tuple[Group, int]:
        """Return a member's group, and which of the group's members it is."""
        if not 0 <= index < len(self._groups):
            raise NetworkError(f"There is no member {index}: the stack has {len(self._groups)}, numbered from 0.")
        group = self._groups[index]
        return group, sum(other is group for other in self._groups[:index])


def _grouped(members: Sequence[Member], most: int) -> Iterator[list[int]]:
    """Yield the numbers of those who train together: alike in what they want, `most` at most, evenly shared out."""
    alike: dict[Hashable, list[int]] = {}
    for index, member in enumerate(members):
        alike.setdefault((traits(member), member.label_smoothing > 0), []).append(index)
    for indices in alike.values():
        count = -(-len(indices) // most)
        bounds = [len(indices) * number // count for number in range(count + 1)]
        yield from (indices[start:stop] for start, stop in pairwise(bounds))


def _fitting(lesson: Lesson) -> int:
    """Return how many members fit the cache with all that they work on in a step."""
    architecture, layout = lesson.architecture, lesson.layout
    optimizer = OPTIMIZERS[architecture.optimizer]
    arrays = 1 + len(optimizer.slots) + optimizer.work
    signals = architecture.inputs + sum(prod(layer.outputs) for layer in layout.layers if not layer.overwrites)
    rows = min(architecture.batch_size, len(lesson.rows))
    values = arrays * layout.size + 2 * rows * signals
    return max(1, CACHE_BYTES // (values * architecture.float_type.itemsize))
