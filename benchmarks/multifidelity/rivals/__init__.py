"""Other people's searches of a table, each in its own idiom.

What they propose is tried as the nearest configuration on record that has not been tried, as the table has no other;
they are told its losses under their own proposal. Those here never resume: a trial goes on, or is ended early.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from time import process_time
from typing import ClassVar

import numpy as np
from search.tables import Untried

from multifidelity.runs import Run, run_of
from multifidelity.tables import Table
from strategies import Params, RecordedSpace


class Bench:
    """Where a rival trains: it counts epochs, and is over when the budget is spent or everything has been tried."""

    def __init__(self, table: Table, budget: int | None) -> None:
        self.space = table.recording.space
        self.max_epochs = table.recording.max_epochs
        self.losses: list[float] = []
        self.trials = 0
        self._curves = table.recording.curves
        self._recorded = RecordedSpace(self.space, table.recording.rows)
        self._untried = Untried(self._recorded)
        self._budget = np.inf if budget is None else budget

    @property
    def is_over(self) -> bool:
        """Whether nothing can be trained any more."""
        return self.trials == len(self._curves) or len(self.losses) >= self._budget

    def train(self, params: Params) -> Iterator[float]:
        """Yield the loss after each epoch, of the untried configuration nearest to `params`, for as long as asked."""
        self.trials += 1
        for loss in self._curves[self._recorded.row(self._untried.take(params))]:
            if len(self.losses) >= self._budget:
                return
            self.losses.append(loss)
            yield loss


@dataclass(frozen=True, slots=True)
class Rival:
    """A search of the library `package`: the function of that name in our module `module`, with its settings."""

    name: str
    package: str
    module: str
    settings: tuple[str, ...]
    is_slow: ClassVar[bool] = False

    @property
    def is_installed(self) -> bool:
        """Whether its library can be imported here."""
        return find_spec(self.package) is not None

    def run(self, table: Table, seed: int, budget: int | None, workers: int) -> Run:  # noqa: ARG002 - one worker
        """Search the whole table, or until the budget of epochs is spent."""
        search: Callable[..., None] = import_module(f"multifidelity.rivals.{self.module}").search
        bench = Bench(table, budget)
        began = process_time()
        search(bench, seed, *self.settings)
        seconds = process_time() - began
        return run_of(table, np.minimum.accumulate(bench.losses), bench.trials, seconds)


RIVALS = (
    Rival("Optuna Hyperband, random *", "optuna", "optuna_pruners", ("RandomSampler", "HyperbandPruner")),
    Rival("Optuna Hyperband, TPE *", "optuna", "optuna_pruners", ("TPESampler", "HyperbandPruner")),
    Rival("Optuna median, TPE *", "optuna", "optuna_pruners", ("TPESampler", "MedianPruner")),
    Rival("Syne Tune ASHA *", "syne_tune", "syne_tune_schedulers", ("ASHA",)),
    Rival("Syne Tune BOHB *", "syne_tune", "syne_tune_schedulers", ("BOHB",)),
)
