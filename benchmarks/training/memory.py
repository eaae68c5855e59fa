"""Memory: the peak of building and training a stack, beside what a plain stack holds."""

import gc
import tracemalloc
from dataclasses import dataclass

from training import ours
from training.cells import CLASSES, DIGIT_PIXELS, Data, DenseCell

ITEM_BYTES = 4  # of a float32
COPIES = 4  # parameters, gradients, and Adam's two moments


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: the peak, and what copies of every network's parameters and the activations of its minibatch take."""

    peak: int
    plain: int


def measure(cell: DenseCell, data: Data, networks: int) -> Memory:
    """Return the memory of a stack from before its building to the end of its second epoch."""
    gc.collect()
    tracemalloc.start()
    training = ours.dense(cell, data, networks)
    for _ in range(2):
        training.train_epoch()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Each row's inputs, and for every unit its output and the gradient with respect to it.
    activations = cell.batch * (DIGIT_PIXELS + 2 * (sum(cell.hidden) + CLASSES))
    return Memory(peak, networks * ITEM_BYTES * (COPIES * cell.parameters + activations))
