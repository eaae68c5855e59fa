"""The forward pass of networks that are used: over any number of rows, block by block."""

from math import prod
from typing import Final

import numpy as np

from network.arrays import Array
from network.stack import Stack

BLOCK_VALUES: Final = 1 << 16
"""How many values of one member the widest layer holds for a block of rows: it bounds memory, and fits a cache."""
FEWEST_ROWS: Final = 64
"""In a block of however wide layers: matrix products of fewer rows are slow."""


class Inference:
    """The outputs of a stack for `rows` rows that all its members see."""

    def __init__(self, stack: Stack, rows: int) -> None:
        self._stack = stack
        widest = max(prod(shape) for layer in stack.layout.layers for shape in (layer.inputs, layer.outputs))
        block = min(max(FEWEST_ROWS, BLOCK_VALUES // widest), rows)
        self._starts = range(0, rows, block)
        self._passages = {size: stack.passage(size, back=False) for size in (block, rows - self._starts[-1])}

    def outputs(self, x: Array) -> Array:
        """Return the outputs (members, rows, outputs) for `x` (rows, inputs), in the memory order of a passage's."""
        stack = self._stack
        width = prod(stack.layout.layers[-1].outputs)
        outputs = np.empty((width, len(stack.members), len(x)), x.dtype).transpose(1, 2, 0)
        for start in self._starts:
            block = x[start : start + self._starts.step]
            # One copy stands for all members, at an aligned address wherever `x` may lie.
            inputs = stack.scratch.array("block", 1, block.shape, x.dtype)
            inputs[0] = block
            passage = self._passages[len(block)]
            passage.infer(inputs)
            outputs[:, start : start + len(block)] = passage.outputs
        return outputs
