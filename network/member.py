"""What the members of a stack may differ in."""

from dataclasses import dataclass, field
from math import inf

from network.errors import NetworkError, check_range, check_whole
from network.schedules import Constant, Schedule


@dataclass(frozen=True, slots=True)
class Member:
    """The settings of one network of a stack; it ignores those that its architecture and optimizer do not use.

    `l2` is the coefficient λ of the penalty λ/2 ‖W‖² on weights (not on biases), `l1` that of λ ‖W‖₁; `weight_decay` is
    AdamW's. `momentum` belongs to "sgd" (0: plain gradient descent) and "nesterov", `beta1` and `beta2` to the Adams,
    `rho` to "rmsprop". `dropout` is the share of units left out. `clip_norm` bounds the gradient, `max_norm` the
    weights that lead to a unit. `schedule` moves the learning rate. `label_smoothing` is for classes and labels. Raises
    NetworkError on a value out of range.
    """

    seed: int
    learning_rate: float = 1e-3
    l2: float = 0.0
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    weight_decay: float = 0.0
    l1: float = 0.0
    dropout: float = 0.0
    clip_norm: float = inf
    max_norm: float = inf
    label_smoothing: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, 0)
        check_range("learning_rate", self.learning_rate, 0, inf, open_low=True)
        for name in ("l1", "l2", "weight_decay"):
            check_range(name, getattr(self, name), 0, inf)
        for name in ("momentum", "beta1", "beta2", "rho", "dropout", "label_smoothing"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("clip_norm", "max_norm"):
            if getattr(self, name) != inf:
                check_range(name, getattr(self, name), 0, inf, open_low=True)
        if not isinstance(self.schedule, Schedule):
            raise NetworkError(f"schedule is {self.schedule!r}, but must be one of SCHEDULES: Constant(), Cosine(81).")
