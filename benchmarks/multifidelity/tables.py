"""The tables: configurations with their recorded learning curves, and what it means to be near the best of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from hpo.recordings import RecordedCurves, load_recording
from strategies.replay import Recording

KEPT = Path(__file__).parents[1] / "tables"
OF_BEST, OF_RANGE, OF_ALL = 0.01, 0.05, 0.02
GOALS = ("within 1 %", "within 5 % of range", "among the best 2 %")


@dataclass(frozen=True)
class Table:
    """A recording, with three goals.

    A loss within 1 % of the best: often a single configuration has it, so that a search needs luck. Within 5 % of the
    way from the best to the median configuration: some have it. That of the best 2 % of all configurations.
    """

    curves: RecordedCurves

    @property
    def name(self) -> str:
        """What was recorded."""
        return self.curves.name.removesuffix("-recorded")

    @cached_property
    def recording(self) -> Recording:
        """Its losses."""
        return self.curves.recording()

    @property
    def goals(self) -> tuple[float, ...]:
        """The losses to reach, as in GOALS."""
        best = self.recording.best
        lowest = sorted(map(min, self.recording.curves))
        return best + OF_BEST * abs(best), best + OF_RANGE * self.range, lowest[int(OF_ALL * len(lowest))]

    @cached_property
    def range(self) -> float:
        """How far the median of the configurations' best losses is above the best."""
        return median(min(curve) for curve in self.recording.curves) - self.recording.best

    def near(self, goal: float) -> int:
        """Return how many configurations reach a loss."""
        return sum(min(curve) <= goal for curve in self.recording.curves)

    def regret(self, loss: float) -> float:
        """Return how far a loss is above the best, the median of the configurations being at 1."""
        return (loss - self.recording.best) / self.range


def load(paths: Sequence[Path]) -> list[Table]:
    """Read tables from files, those that are kept here if there is none. Raises SettingError for a damaged one."""
    return [Table(load_recording(path)) for path in paths or sorted(KEPT.glob("*.npz"))]
