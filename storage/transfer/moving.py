"""Studies moved: into a file, out of one, from one database to another. Exact, and whole or not at all.

Each is on record in the databases that it is about (`hpo trail`); where a study comes from, if it may be written there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import StorageError, Unavailable
from storage.interventions.trail import Attempts, note_move
from storage.studies import StudyRecord, load_study
from storage.transfer.checking import TABLES, CheckedStudy
from storage.transfer.packing import new_file
from storage.transfer.reading import study_in
from storage.transfer.records import Row
from storage.transfer.unpacking import StudyFile
from storage.transfer.writing import write_study


def export_study(database: Database, record: StudyRecord, path: Path, *, checkpoints: bool = False) -> None:
    """Write a study to a file, as of one moment, whoever works on it meanwhile; in place of a file of that name.

    Raises StudyFileError when it cannot be written; then nothing is.
    """

    @persistent
    def attempt() -> None:
        with study_in(database, record, checkpoints=checkpoints) as source, new_file(path) as file:
            file.write("study", [source.study])
            for table in TABLES:
                if table != "checkpoints":
                    file.write(table, source.rows(table))
            if checkpoints:
                kept: list[Row] = []
                file.write_data(_apart(source.rows("checkpoints"), kept))
                file.write("checkpoints", kept)

    attempt()
    _note_leaving(database, record, "export", {"to": str(path.resolve()), "checkpoints": checkpoints})


def import_study(database: Database, path: Path, name: str | None = None) -> StudyRecord:
    """Write the study in a file to a database, in one transaction; under `name`, if it is given.

    The file is read twice: nobody is kept waiting by one that turns out to be wrong. Raises StudyFileError, and
    StudyExists when the name is taken; then nothing is written.
    """
    with StudyFile(path) as file:
        checked = CheckedStudy(file, str(path), name)
        for table in TABLES:
            for _ in checked.rows(table):
                pass
        came = {"from": str(path.resolve())}
        return _written(database, lambda: nullcontext(CheckedStudy(file, str(path), name)), "import", came)


def copy_study(
    database: Database, record: StudyRecord, target: Database, name: str | None = None, *, checkpoints: bool = True
) -> StudyRecord:
    """Write a study, as of one moment, to another database, or to its own under another name; in one transaction.

    Raises StudyExists when the name is taken there.
    """
    came = {"from": database.shown_url, "study": record.spec.name}

    @contextmanager
    def checked() -> Iterator[CheckedStudy]:
        with study_in(database, record, checkpoints=checkpoints) as source:
            yield CheckedStudy(source, f"the study {record.spec.name!r}", name)

    copied = _written(target, checked, "copy", came)
    _note_leaving(database, record, "copy", {"to": target.shown_url, "study": copied.spec.name})
    return copied


def _written(
    database: Database,
    opened: Callable[[], AbstractContextManager[CheckedStudy]],
    action: str,
    details: Mapping[str, Any],
) -> StudyRecord:
    """Write the study that `opened` gives, once and once only; it is opened again if the database was out of reach."""
    attempts: Attempts[str] = Attempts()

    @persistent
    def attempt() -> str:
        with opened() as study, database.alone() as connection:
            for written in attempts.happened(connection):
                return written
            name: str = study.study["name"]
            write_study(connection, study, database.shown_url)
            attempts.made(note_move(connection, name, action, details, database.now(connection)), name)
        return name

    return load_study(database, attempt())


def _note_leaving(database: Database, record: StudyRecord, action: str, details: Mapping[str, Any]) -> None:
    """Enter in the trail, once and once only, that a copy of a study was taken; who may only read may take one too."""
    attempts: Attempts[None] = Attempts()

    @persistent
    def attempt() -> None:
        with database.write() as connection:
            if not any(True for _ in attempts.happened(connection)):
                now = database.now(connection)
                attempts.made(note_move(connection, record.spec.name, action, details, now), None)

    try:
        attempt()
    except Unavailable:
        raise
    except StorageError:
        return


def _apart(rows: Iterator[Row], kept: list[Row]) -> Iterator[bytes]:
    """Yield the data of checkpoints, and keep the rest of each, with their size in their place."""
    for row in rows:
        data: bytes = row.pop("data")
        kept.append(row | {"size": len(data)})
        yield data
