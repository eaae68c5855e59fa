"""The Huber loss of real values: squares near the truth, straight lines far from it, where outliers are."""

from dataclasses import dataclass
from math import inf

from network.arrays import Array
from network.errors import check_range
from network.losses.base import mean_over_outputs
from network.losses.regression import Regression


@dataclass(frozen=True)
class Huber(Regression):
    """A row's loss is the mean over its outputs of ρ(z - y) (Huber, Annals of Mathematical Statistics 1964).

    ρ(r) = r²/2 where |r| <= δ, else δ (|r| - δ/2). Raises NetworkError unless `delta` is positive and finite.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_range("delta", self.delta, 0, inf, open_low=True)

    def _gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> float:
        """ρ(r) = c (r - c/2) and ρ'(r) = c, with r clipped to c = min(max(r, -δ), δ)."""
        columns: int = outputs.shape[-1]
        outputs -= targets
        outputs.clip(-self.delta, self.delta, gradient)
        outputs -= gradient * 0.5
        outputs *= gradient
        mean_over_outputs(outputs, losses)
        return 1 / columns
