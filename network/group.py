"""A group: members of one architecture that train in the same calls, few enough for the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from network.architecture import Architecture
from network.arrays import Array, Scratch, aligned_zeros, without
from network.data import Batch, Batches, Rows
from network.inference import Inference
from network.initializers import INITIALIZERS
from network.layout import Layout
from network.losses import Loss
from network.member import Member
from network.noise import NoiseStream
from network.optimizers import OPTIMIZERS, Optimizer
from network.randomness import Purpose, generator
from network.regularization import AFTER, BEFORE, Rule, wanted
from network.schedules import State
from network.stack import Passage, Stack


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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What all members learn: the network's kind, the loss, the data, the metrics to compute, the one to watch.

    `scratch` is memory that groups use in turn.
    """

    architecture: Architecture
    layout: Layout
    loss: Loss
    rows: Rows
    validation: Rows | None
    metrics: tuple[str, ...]
    monitor: str
    scratch: Scratch


@dataclass(slots=True)
class Progress:
    """How far a member has come; `best_epoch` is 0, and `best_value` None, until an epoch has had a finite value."""

    schedule: State
    epochs: int = 0
    steps: int = 0
    best_epoch: int = 0
    best_value: float | None = None


class Group:
    """Members that want the same rules, and all their arrays.

    Each array has a row a member: `parameters` (members, P), `statistics` (members, S), and both again in `best`, after
    the member's best epoch; that is None when there is nothing to judge by.
    """

    def __init__(self, lesson: Lesson, members: Sequence[Member]) -> None:
        self._lesson = lesson
        self.members = list(members)
        self.progress = [Progress(member.schedule.start()) for member in members]
        layout, dtype = lesson.layout, lesson.architecture.float_type
        self.parameters = aligned_zeros(len(members), (layout.size,), dtype)
        self.statistics = aligned_zeros(len(members), (layout.gathered,), dtype)
        self.statistics[...] = layout.untouched()
        initializer = INITIALIZERS[lesson.architecture.initializer]
        for row, member in zip(self.parameters, members, strict=True):
            row[...] = layout.initial(initializer, generator(member.seed, Purpose.INITIAL_PARAMETERS))
        self.best: tuple[Array, Array] | None = None
        if lesson.validation is not None:
            self.best = (aligned_zeros(len(members), (layout.size,), dtype), np.array(self.statistics))
            self.best[0][...] = self.parameters
        self._furnish(None)

    def train_epoch(self) -> list[Epoch]:
        """Train every member for one epoch; return one result each, in their order."""
        if not self._furnished:
            self._furnish(self._optimizer.state)
        with np.errstate(all="ignore"):  # a member that diverges says so in its result
            losses = self._train()
            metrics = self._validated()
            sound = np.logical_and.reduce(np.isfinite(self.parameters), axis=1)
        return [
            self._concluded(index, float(losses[index]), {name: float(v[index]) for name, v in metrics.items()}, finite)
            for index, finite in enumerate(sound.tolist())
        ]

    def drop(self, index: int) -> None:
        """Take member `index` out; those behind it move up by one."""
        del self.members[index], self.progress[index]
        self.parameters, self.statistics = without(self.parameters, index), np.delete(self.statistics, index, axis=0)
        if self.best is not None:
            self.best = without(self.best[0], index), np.delete(self.best[1], index, axis=0)
        self._optimizer.state = np.delete(self._optimizer.state, index, axis=1)
        self._furnished = False  # of many that leave at once, the last has the rooms made anew

    def slots(self, index: int) -> dict[str, Array]:
        """Return the optimizer's arrays of member `index`, by name, to be read or written."""
        return {name: self._optimizer.state[slot, index] for slot, name in enumerate(self._optimizer.slots)}

    def _furnish(self, state: Array | None) -> None:
        """Make everything that depends on who is in the group; `state` is the optimizer's."""
        lesson, count = self._lesson, len(self.members)
        optimizer = OPTIMIZERS[lesson.architecture.optimizer]
        dtype, size = self.parameters.dtype, lesson.layout.size
        work = lesson.scratch.array("work", optimizer.work * count, (size,), dtype).reshape(optimizer.work, count, size)
        self._optimizer: Optimizer = optimizer(self.members, self.parameters, work, lesson.layout.weights)
        if state is not None:
            self._optimizer.state[...] = state
        self._stack = Stack(lesson.layout, self.members, self.parameters, work[0], self.statistics, lesson.scratch)
        # The larger first: it makes the scratch memory that the others share.
        self._inference = None if lesson.validation is None else Inference(self._stack, len(lesson.validation))
        self._before: list[Rule] = wanted(BEFORE, self._stack)
        self._after: list[Rule] = wanted(AFTER, self._stack)
        self._batches = Batches(lesson.rows, lesson.architecture.batch_size, count, lesson.scratch)
        self._noise = [
            NoiseStream(layer.noise, number, layer.outputs, self._batches.sizes[0], dtype)
            for number, layer in enumerate(lesson.layout.layers)
            if layer.noise
        ]
        self._passages: dict[int, Passage] = {size: self._stack.passage(size) for size in set(self._batches.sizes)}
        self._smoothing = self._label_smoothing()
        self._furnished = True

    def _label_smoothing(self) -> tuple[Array, Array] | None:
        """Return what is kept of a target and what is added to it (Szegedy et al., CVPR 2016, section 7), by member."""
        lesson, dtype = self._lesson, self.parameters.dtype
        amounts = np.array([member.label_smoothing for member in self.members])[:, None, None]
        undecided = lesson.loss.undecided(lesson.architecture.outputs)
        if undecided is None or not amounts.any():
            return None
        return (1 - amounts).astype(dtype), (amounts * undecided).astype(dtype)

    def _train(self) -> Array:
        """Make every step of an epoch; return each member's mean loss (members,) in float64."""
        lesson, steps = self._lesson, len(self._batches.sizes)
        seeds, epochs = [member.seed for member in self.members], [progress.epochs for progress in self.progress]
        self._optimizer.begin(self._rates(steps), [progress.steps for progress in self.progress])
        for stream in self._noise:
            stream.begin(seeds, epochs, lesson.scratch)
        for rule in (*self._before, *self._after):
            rule.begin()
        self._stack.gradients[:, lesson.layout.used :] = 0  # whatever another group has left in the fill
        losses = lesson.scratch.array("losses", len(seeds), (len(lesson.rows),), self.parameters.dtype)
        for step, batch in enumerate(self._batches.epoch(seeds, epochs)):
            self._step(step, batch, losses[:, batch.start : batch.start + batch.x.shape[1]])
        means: Array = losses.astype(np.float64).mean(axis=1)
        return means

    def _step(self, step: int, batch: Batch, losses: Array) -> None:
        if self._smoothing is not None:
            kept, added = self._smoothing
            np.multiply(batch.targets, kept, out=batch.targets)
            np.add(batch.targets, added, out=batch.targets)
        passage = self._passages[batch.x.shape[1]]
        passage.forward(batch.x, self._noise)
        self._lesson.loss.gradient(passage.outputs, batch.targets, passage.errors, losses, batch.weights)
        passage.backward()
        for rule in self._before:
            rule.act()
        self._optimizer.step(step)
        for rule in self._after:
            rule.act()

    def _rates(self, steps: int) -> Array:
        """Return the learning rate of each member in each step of the epoch."""
        within = np.arange(steps) / steps
        return np.array(
            [
                member.learning_rate
                * member.schedule.scale(progress.schedule)
                * member.schedule.factors(progress.epochs + within)
                for member, progress in zip(self.members, self.progress, strict=True)
            ]
        )

    def _validated(self) -> Mapping[str, Array]:
        """Return the metrics of the validation data, each (members,)."""
        lesson = self._lesson
        if lesson.validation is None or self._inference is None:
            return {}
        outputs = self._inference.outputs(lesson.validation.x)
        return lesson.loss.metrics(outputs, lesson.validation.targets.T, lesson.metrics, lesson.validation.weights)

    def _concluded(self, index: int, loss: float, metrics: dict[str, float], finite: bool) -> Epoch:  # noqa: FBT001 - a fact
        """Count a member's epoch, and keep its parameters when they are its best."""
        progress, monitor = self.progress[index], self._lesson.monitor
        finite = finite and all(map(isfinite, (loss, *metrics.values())))
        progress.epochs += 1
        progress.steps += len(self._batches.sizes)
        value = metrics.get(monitor, loss)
        towards = -1 if metrics and self._lesson.loss.directions[monitor] == "maximize" else 1
        progress.schedule = self.members[index].schedule.observe(progress.schedule, towards * value if finite else nan)
        best = progress.best_value
        if self.best is not None and finite and (best is None or towards * value < towards * best):
            progress.best_epoch, progress.best_value = progress.epochs, value
            self.best[0][index], self.best[1][index] = self.parameters[index], self.statistics[index]
        return Epoch(progress.epochs, loss, metrics, diverged=not finite)
