"""What the members of a stack may differ in."""

from dataclasses import dataclass
from math import inf

from network.errors import check_range, check_whole


@dataclass(frozen=True, slots=True)
class Member:
    """The settings of one network of a stack; it ignores those that its optimizer does not use.

    `l2` is the coefficient λ of the penalty λ/2 ‖W‖² on weights (not on biases). `momentum` belongs to "sgd" (0: plain
    gradient descent), `beta1` and `beta2` to "adam". Raises NetworkError on a value out of range.
    """

    seed: int
    learning_rate: float = 1e-3
    l2: float = 0.0
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, 0)
        check_range("learning_rate", self.learning_rate, 0, inf, open_low=True)
        check_range("l2", self.l2, 0, inf)
        check_range("momentum", self.momentum, 0, 1)
        check_range("beta1", self.beta1, 0, 1)
        check_range("beta2", self.beta2, 0, 1)
