"""The forward pass of networks that are used: over any number of rows, block by block."""

from math import prod
from typing import Final

import numpy as np

from network.arrays import Array
from network.stack import Passage, Stack

BLOCK_VALUES: Final = 1 << 16
"""How many values the widest layer puts out for one block of rows: what bounds memory, and keeps to the cache."""


class Inference:
    """The outputs of a stack for rows that all its members see."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        layers = stack.layout.layers
        self._rows = max(
            1, BLOCK_VALUES // max(prod(shape) for layer in layers for shape in (layer.inputs, layer.outputs))
        )
        self._passages: dict[int, Passage] = {}

    def outputs(self, x: Array) -> Array:
        """Return the outputs (members, n, outputs) for `x` (n, inputs), in the memory order of a passage's."""
        stack = self._stack
        width = prod(stack.layout.layers[-1].outputs)
        outputs = np.empty((width, len(stack.members), len(x)), x.dtype).transpose(1, 2, 0)
        for start in range(0, len(x), self._rows):
            block = x[start : start + self._rows]
            # One copy stands for all members, at an aligned address wherever `x` may lie.
            inputs = stack.scratch.array("batch", 1, block.shape, x.dtype)
            inputs[0] = block
            passage = self._passage(len(block))
            passage.infer(inputs)
            outputs[:, start : start + len(block)] = passage.outputs
        return outputs

    def _passage(self, rows: int) -> Passage:
        if rows not in self._passages:
            self._passages[rows] = self._stack.passage(rows)
        return self._passages[rows]
