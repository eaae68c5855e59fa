"""What the rows of a study must be together, checked as they go by.

A few numbers a trial are remembered, so that a long history takes little memory. Raises StudyFileError.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, final

from storage.codec import FORMAT, decode, digest
from storage.errors import CheckpointError, StudyFileError
from storage.transfer.records import ROWS, Row, checked
from strategies import Space, Strategy
from strategies.errors import SpaceError, StrategyError

TABLES: Final = ("trials", "jobs", "measurements", "confirmations", "interventions", "checkpoints")
"""In an order in which whoever is pointed at comes first."""

_OPEN: Final = "paused"


class Rows(Protocol):
    """A study on its way."""

    @property
    def study(self) -> Row:
        """The study's row."""

    def rows(self, table: str) -> Iterator[Row]:
        """Yield a table's rows by their keys; those of checkpoints with their `data`."""


@final
class CheckedStudy:
    """A study of which every row is checked as it is read; all of `TABLES` are read in their order."""

    def __init__(self, source: Rows, where: str, name: str | None = None) -> None:
        """Read the study's row; with `name` it is another's."""
        self._source = source
        self._where = where
        renamed = {} if name is None else {"name": name}
        self.study: Row = checked(ROWS["study"], source.study | renamed, f"{where}: study")
        self.space = self._space()
        self._epochs = array("i")
        self._open = bytearray()  # by trial: whether it is open; then also whether it has a job that is
        self._checks: Mapping[str, Callable[[Row, int], None]] = {
            "trials": self._trial,
            "jobs": self._job,
            "measurements": self._measurement,
            "confirmations": self._confirmation,
            "interventions": self._intervention,
            "checkpoints": self._checkpoint,
        }
        self._last: tuple[int, int] = (-1, 0)
        self._begun = 0  # trials that have a job

    def rows(self, table: str) -> Iterator[Row]:
        """Yield a table's rows. Raises StudyFileError at the first that cannot be."""
        adapter, check = ROWS[table], self._checks[table]
        self._last = (-1, 0)
        for count, row in enumerate(self._source.rows(table)):
            where = f"{self._where}: {table}, row {count + 1}"
            data = row.pop("data", None)
            sized = row if data is None else row | {"size": len(data)}
            good: Row = checked(adapter, sized, where)
            if data is not None:
                good |= {"data": data}
            try:
                check(good, count)
            except (SpaceError, CheckpointError, _Wrong) as error:
                raise StudyFileError(f"{where}: {error}") from None
            yield good
        self._end(table)

    # --- one row ------------------------------------------------------------------------------------------------------

    def _trial(self, row: Row, count: int) -> None:
        _expect(row["number"] == count, f"trial {row['number']} follows after {count} trials")
        row["params"] = self.space.validate(row["params"])
        _expect(row["parent"] is None or row["parent"] < count, f"its parent {row['parent']} does not come before it")
        self._expect_known(row)
        measured = row["epochs"] > 0
        _expect((row["value"] is not None) == measured, "it has a value without an epoch, or the other way round")
        _expect((row["best_epoch"] or 0) <= row["epochs"], f"best_epoch {row['best_epoch']} is after its last epoch")
        _expect((row["best_epoch"] is not None) == measured, "best_epoch and epochs do not fit together")
        self._epochs.append(row["epochs"])
        self._open.append(row["state"] == _OPEN)

    def _job(self, row: Row, count: int) -> None:
        trial = row["trial"]
        _expect(row["number"] == count, f"job {row['number']} follows after {count} jobs")
        self._expect_trial(trial)
        _expect(trial <= self._begun, f"trial {trial} begins before trial {self._begun}")
        self._begun = max(self._begun, trial + 1)
        _expect(row["from_epoch"] < row["until_epoch"], "it ends before it begins")
        _expect(row["until_epoch"] <= self.study["max_epochs"], "it trains beyond the study's max_epochs")
        _expect((row["seen"] or 0) < max(count, 1), f"its decision has seen job {row['seen']}, which comes later")
        self._expect_known(row)
        _expect(row["decided_revision"] <= row["revision"], "it has changed before it was decided")
        done = row["state"] == "done"
        _expect(done == (row["outcome"] is not None) == (row["end_epoch"] is not None), "its state and outcome differ")
        _expect((row["end_epoch"] or 0) <= row["until_epoch"], "it ended after its last epoch")
        if not done:
            _expect(self._open[trial] == 1, f"it is to train trial {trial}, which has ended or has a job already")
            self._open[trial] = 2

    def _measurement(self, row: Row, count: int) -> None:  # noqa: ARG002 - told apart by trial and epoch
        trial, epoch = row["trial"], row["epoch"]
        self._expect_trial(trial)
        last, reached = self._last
        if trial != last:
            self._expect_measured(last, reached, trial)
            reached = 0
        _expect(epoch == reached + 1, f"epoch {epoch} of trial {trial} follows after {reached} epochs")
        self._last = (trial, epoch)

    def _confirmation(self, row: Row, count: int) -> None:  # noqa: ARG002 - likewise
        self._expect_rising(row["trial"], row["repeat"])
        _expect((row["value"] is None) == (row["best_epoch"] is None), "value and best_epoch do not fit together")
        _expect((row["best_epoch"] or 0) <= row["epochs"], "best_epoch is after its last epoch")

    def _intervention(self, row: Row, count: int) -> None:  # noqa: ARG002 - they have no number of their own
        if row["trial"] is not None:
            self._expect_trial(row["trial"])

    def _checkpoint(self, row: Row, count: int) -> None:  # noqa: ARG002 - told apart by trial
        self._expect_rising(row["trial"], 0)
        _expect(row["epoch"] <= self._epochs[row["trial"]], "it was made after its trial's last epoch")
        _expect(row["format"] == FORMAT, f"its format {row['format']!r} is unknown: upgrade the program")
        _expect(digest(row["data"]) == row["sha256"], "it does not match its SHA-256")
        decode(row["data"])

    # --- together -----------------------------------------------------------------------------------------------------

    def _end(self, table: str) -> None:
        """Check what shows only after a table's last row."""
        trials = len(self._epochs)
        try:
            if table == "jobs":
                _expect(self._begun == trials, f"trial {self._begun} has no job")
            elif table == "measurements":
                self._expect_measured(*self._last, trials)
        except _Wrong as error:
            raise StudyFileError(f"{self._where}: {table}: {error}") from None

    def _expect_measured(self, last: int, reached: int, beyond: int) -> None:
        """Check that trial `last` has all its epochs, and those from there to `beyond` have none."""
        _expect(beyond > last, f"trial {beyond} comes after trial {last}")
        if last >= 0:
            _expect(self._epochs[last] == reached, f"trial {last} has {self._epochs[last]} epochs, not {reached}")
        for trial in range(last + 1, beyond):
            _expect(self._epochs[trial] == 0, f"trial {trial} lacks its {self._epochs[trial]} epochs")

    def _expect_trial(self, trial: int) -> None:
        _expect(trial < len(self._epochs), f"there is no trial {trial}")

    def _expect_rising(self, trial: int, repeat: int) -> None:
        self._expect_trial(trial)
        _expect((trial, repeat) > self._last or self._last == (-1, 0), "it is there already, or comes too late")
        self._last = (trial, repeat)

    def _expect_known(self, row: Row) -> None:
        _expect(row["revision"] <= self.study["revision"], "it has changed after the study's last revision")

    def _space(self) -> Space:
        """Return the study's space, after checking that it, its strategy and its first guesses can be."""
        row = self.study
        try:
            space = Space.from_dict(row["space"])
            Strategy.from_dict(row["strategy"])
            for guess in row["queue"] or ():
                space.validate(guess)
        except (
            SpaceError,
            StrategyError,
            TypeError,
            AttributeError,
            ArithmeticError,
        ) as error:  # a setting of any type
            raise StudyFileError(f"{self._where}: study: {error}") from None
        return space


class _Wrong(Exception):  # noqa: N818 - it never leaves this file
    """A row that cannot be; what is wrong with it."""


def _expect(held: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as assert has it
    if not held:
        raise _Wrong(otherwise)
