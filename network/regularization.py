"""What keeps weights small beside the loss: penalties on them, a bound on the gradients, a bound on each unit.

Each rule acts, in place, on a stack whose members all want it.
"""

from abc import ABC, abstractmethod
from math import inf
from typing import ClassVar, Final

import numpy as np

from network.arrays import Array, ones
from network.layout import views
from network.member import Member
from network.stack import Stack


class Rule(ABC):
    """One rule, for the members that have set its `setting`."""

    setting: ClassVar[str]
    off: ClassVar[float]
    """The setting's value that asks for nothing."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        amounts, limits = [[getattr(m, self.setting)] for m in stack.members], np.finfo(stack.parameters.dtype)
        self._amounts = np.clip(amounts, limits.tiny, limits.max).astype(limits.dtype)

    @classmethod
    def wanted(cls, member: Member) -> bool:
        """Tell whether a member has set it."""
        return bool(getattr(member, cls.setting) != cls.off)

    def begin(self) -> None:  # noqa: B027 - most rules have nothing to prepare
        """Get ready for an epoch; others may have used the scratch memory since the last one."""

    @abstractmethod
    def act(self) -> None:
        """Change the gradients before a step, or the parameters after it."""


class _Penalty(Rule):
    """A penalty on the weights, by its gradient.

    The amounts are spread over all parameters, 0 for those that are no weights: so that the arrays are worked through
    in one go, without a gap between members.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        members, size = stack.parameters.shape
        self._spread = stack.scratch.array(f"amounts {self.setting}", members, (size,), stack.parameters.dtype)
        # Nobody needs the errors any more once the gradients are known.
        self._slopes = stack.scratch.array("errors", members, (size,), stack.parameters.dtype)

    def begin(self) -> None:
        weights = self._stack.layout.weights
        self._spread[:, :weights], self._spread[:, weights:] = self._amounts, 0

    def act(self) -> None:
        self._slope()
        np.add(self._stack.gradients, self._slopes, out=self._stack.gradients)

    @abstractmethod
    def _slope(self) -> None:
        """Write the penalty's gradient to `self._slopes`."""


class L2(_Penalty):
    """λ/2 ‖W‖² (ridge; Krogh and Hertz, NIPS 1991)."""

    setting, off = "l2", 0.0

    def _slope(self) -> None:
        np.multiply(self._stack.parameters, self._spread, out=self._slopes)


class L1(_Penalty):
    """λ ‖W‖₁ (lasso; Tibshirani 1996): its gradient at 0 is taken as 0."""

    setting, off = "l1", 0.0

    def _slope(self) -> None:
        np.sign(self._stack.parameters, out=self._slopes)
        np.multiply(self._slopes, self._spread, out=self._slopes)


class ClipNorm(Rule):
    """Scale the gradient, penalties included, to a norm of at most c (Pascanu, Mikolov and Bengio, ICML 2013)."""

    setting, off = "clip_norm", inf

    def act(self) -> None:
        gradients = self._stack.gradients
        norms = np.sqrt(np.vecdot(gradients, gradients))
        _bound(gradients[..., None], norms[:, None], self._amounts)


class MaxNorm(Rule):
    """Scale the weights that lead to a unit to a norm of at most c (Srivastava et al., JMLR 2014, section 5.1)."""

    setting, off = "max_norm", inf

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        matrices = [
            weights
            for layer, places in zip(stack.layout.layers, stack.layout.parameters, strict=True)
            for parameter, weights in zip(layer.parameters, views(places, stack.parameters), strict=True)
            if parameter.decays
        ]
        self._matrices = [
            (weights, stack.scratch.array("squares", len(weights), weights.shape[1:], weights.dtype))
            for weights in matrices
        ]

    def act(self) -> None:
        for weights, squares in self._matrices:
            np.square(weights, out=squares)
            norms = np.sqrt(np.matmul(ones(weights.shape[1], weights.dtype), squares))
            _bound(weights, norms, self._amounts)


def _bound(vectors: Array, norms: Array, bounds: Array) -> None:
    """Scale vectors (members, n, units) with `norms` (members, units) to at most `bounds` (members, 1)."""
    if not (norms > bounds).any():
        return
    huge = np.isinf(norms)
    if huge.any():
        for member, unit in np.argwhere(huge):
            _shorten(vectors[member, :, unit], bounds[member, 0])
        norms[huge] = 0
    # What is NaN has no norm to change: alone or beside vectors that are too long, it stays as it is.
    np.multiply(vectors, (bounds / np.fmax(norms, bounds))[:, None], out=vectors)


def _shorten(vector: Array, bound: float) -> None:
    """Scale a vector whose squares overflow to a norm of at most `bound`."""
    largest = np.abs(vector).max()
    np.divide(vector, largest, out=vector)
    np.multiply(vector, np.minimum(largest, bound / np.linalg.norm(vector)), out=vector)


BEFORE: Final[tuple[type[Rule], ...]] = (L2, L1, ClipNorm)
"""The rules that change gradients before a step, in their order."""
AFTER: Final[tuple[type[Rule], ...]] = (MaxNorm,)
"""The rules that change parameters after a step."""


def traits(member: Member) -> tuple[bool, ...]:
    """Tell which rules a member wants: members trained in the same calls want the same."""
    return tuple(rule.wanted(member) for rule in (*BEFORE, *AFTER))


def wanted(rules: tuple[type[Rule], ...], stack: Stack) -> list[Rule]:
    """Return those of `rules` that the members of a stack, all alike, want."""
    return [rule(stack) for rule in rules if stack.members and rule.wanted(stack.members[0])]
