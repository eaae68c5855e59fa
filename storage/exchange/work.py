"""What passes between a worker and the worklist: what it asks for, what it is handed, what it reports.

Values are in the study's own direction.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.engine import Connection

from storage.studies import StudyRecord
from strategies import Job, Params, State


@dataclass(frozen=True, slots=True)
class Moment:
    """One transaction on a study: its connection, the database's time, and the revision that it makes."""

    connection: Connection
    study: StudyRecord
    now: float
    revision: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker asks for: about `jobs` jobs (0: none).

    `ahead` jobs are decided, if they can be, to choose from: jobs whose params have equal `key` and that train over the
    same epochs go together, at most `stack` of them. `lapsed` jobs, whose leases have run out, are taken over first; to
    look for them is to look at every job that is being trained. None is handed out if by then it is `over`.
    """

    jobs: int = 1
    ahead: int = 1
    stack: int = 1
    key: Callable[[Params], Hashable] = field(default=lambda _: None)
    lapsed: bool = True
    over: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds: train a trial from epoch `epochs` on, up to `job.until`.

    `curve` holds the values of those first `epochs` epochs, and `state` the checkpoint after them (None: from scratch).
    `measured` epochs are on record: more than `epochs` when a worker died after its last checkpoint. An heir begins
    with the weights of `parent`: its `state` at epoch 0.
    """

    job: Job
    params: Params
    seed: int
    epochs: int = 0
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    measured: int = 0
    state: Mapping[str, Any] | None = None
    parent: int | None = None

    @property
    def disinherited(self) -> str | None:
        """What is wrong when it should begin with a parent's weights, and none are kept; else None."""
        if self.parent is None or self.state is not None:
            return None
        return (
            f"trial {self.job.trial} was to begin with the weights of trial {self.parent}, of which no checkpoint is "
            "kept: from scratch it would be another trial"
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange brought: claimed jobs (none: wait), whether the study is complete, how many workers it has.

    A study that is `closed` was paused or stopped by a person: it hands out nothing, and its workers are to leave.
    Where it is `outdated`, the study's space or epochs have changed since the record was read: it is to be read anew.
    It has `waited` some seconds for its turn, and then `took` some more. Of the reports, so many were `refused`: their
    jobs were no longer held, or an earlier attempt whose answer was lost has brought them.
    """

    claims: list[Claim]
    complete: bool
    workers: int
    closed: bool = False
    outdated: bool = False
    refused: int = 0
    waited: float = 0.0
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one epoch brought: a finite value, other metrics, and the seconds it took."""

    epoch: int
    value: float
    metrics: Mapping[str, float] | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An encoded state (see `codec.encode`) after `epoch` epochs."""

    epoch: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """A held trial as it stands: its whole curve, its seconds of training, and what of it is not yet written."""

    claim: Claim
    curve: Sequence[float]
    seconds: float
    new: Sequence[Measurement] = ()
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a job: where the trial stands, the state it is left in, and why."""

    progress: Progress
    outcome: State
    stop_reason: Mapping[str, Any] | None = None
    error: str | None = None
    traceback: str | None = None

    def as_of(self, max_epochs: int) -> "Report":
        """Return the report as it is in a study whose trials train for `max_epochs`.

        Who has reached what was the last epoch is not complete if there are more by now.
        """
        reached = len(self.progress.curve)
        if self.outcome is State.COMPLETE and self.progress.claim.job.until <= reached < max_epochs:
            return replace(self, outcome=State.PAUSED)
        return self
