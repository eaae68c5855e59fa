"""What the fuzzers call: each takes bytes from anybody, and may raise nothing but errors that people are meant to see."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite

from hpo.errors import HpoError
from hpo.results import fitted
from hpo.results_csv import read_csv_results
from hpo.space_file import load_space
from storage.codec import decode
from storage.schema.tables import metadata
from storage.schema.views import create_view, parameter_columns, view_name
from storage.transfer.checking import TABLES, CheckedStudy
from storage.transfer.records import ROWS, parsed
from storage.transfer.unpacking import StudyFile
from strategies import Choice, Float, Int, Space

CORPUS = Path(__file__).parent / "corpus"
SPACE = Space(x=Float(0, 1), n=Int(1, 9), kind=Choice("a", "b", None, 2.5), y=Float(0, 1, when={"kind": "a"}))


def study_file(data: bytes) -> None:
    """A study file as a whole."""
    with _file(data) as path, suppress(HpoError), StudyFile(path) as file:
        _read(CheckedStudy(file, "fuzz"))


class _Lines:
    """A study whose members stand one after another, parted by lines of dashes."""

    def __init__(self, data: bytes) -> None:
        self._parts = data.split(b"\n--\n")

    @property
    def study(self):
        return next(self.rows("study"), {})

    def rows(self, table):
        place = ("study", *TABLES).index(table)
        part = self._parts[place] if place < len(self._parts) else b""
        for line in part.splitlines():
            row = parsed(ROWS[table], line, "fuzz")
            if table == "checkpoints":
                row |= {"data": bytes(min(row.pop("size"), 100))}
            yield row


def study_rows(data: bytes) -> None:
    """The rows of a study, without the archive around them."""
    with suppress(HpoError):
        _read(CheckedStudy(_Lines(data), "fuzz"))


def checkpoint(data: bytes) -> None:
    """A trial's state."""
    with suppress(HpoError):
        decode(data)


def space_toml(data: bytes) -> None:
    """A space in TOML; one that is read is written and read again."""
    with _file(data) as path, suppress(HpoError):
        space = load_space(path)
        assert Space.from_dict(space.to_dict()) == space


def results_csv(data: bytes) -> None:
    """A table of results."""
    with _file(data) as path, suppress(HpoError):
        fitted(read_csv_results(path, SPACE), SPACE, 3)


def names(data: bytes) -> None:
    """Names of a study and of its parameters: their view can be made, with a column for each."""
    study, *parameters = data.decode(errors="replace").split("\n")
    with suppress(HpoError):
        space = Space({name: Float(0, 1) for name in parameters[:100]})
        columns = parameter_columns(space)
        assert len({column.lower() for column in columns}) == len(space.parameters)
        assert all(0 < len(column.encode()) <= 63 for column in columns)
        view = view_name(study, ["a_trials"])
        create_view(postgresql.dialect(), view, 1, space)
        connection = sqlite3.connect(":memory:")
        columns_of_trials = ", ".join(column.name for column in metadata.tables["trials"].columns)
        connection.execute(f"CREATE TABLE trials ({columns_of_trials})")
        connection.execute(create_view(sqlite.dialect(), view, 1, space))
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]
        connection.close()
        assert found[-len(columns) :] == columns


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (study_file, study_rows, checkpoint, space_toml, results_csv, names)
}


def _read(study: CheckedStudy) -> None:
    for table in TABLES:
        for _ in study.rows(table):
            pass


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    """Give a file of these bytes, in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder in it
    with tempfile.TemporaryDirectory(prefix="hpo-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        path = Path(folder) / "input"
        path.write_bytes(data)
        yield path
