"""No early stopping: every trial trains to the end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import DONE, Decision, Resume, Scheduler, Start
from strategies.trial import State

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History


@dataclass(frozen=True)
class Full(Scheduler):
    """Each trial is one job of `max_epochs` epochs.

    A trial is found paused only when something cut its job short or extended its horizon since; it comes first.
    """

    summary: ClassVar[str] = "Every trial trains for all epochs."
    looks_back: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return Resume for the first trial that was interrupted, else Start while another may start, else DONE."""
        until = history.max_epochs
        for trial in history.open.values():
            if trial.state is State.PAUSED and trial.epochs < until:
                return Resume(trial.number, until, reason={"interrupted_at": trial.epochs})
        return Start(until) if history.may_start else DONE
