"""Studies moved: into a file, out of one, from one database to another. Exact, and whole or not at all.

Each is on record in the databases that it is about (`hpo trail`); where a study comes from, if it may be written there.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage.database import Database
from storage.errors import StorageError
from storage.interventions.trail import note_move
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
    with study_in(database, record, checkpoints=checkpoints) as source, new_file(path) as file:
        file.write("study", [source.study])
        for table in TABLES:
            if table != "checkpoints":
                file.write(table, source.rows(table))
        if checkpoints:
            kept: list[Row] = []
            file.write_data(_apart(source.rows("checkpoints"), kept))
            file.write("checkpoints", kept)
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
        return _written(database, CheckedStudy(file, str(path), name), "import", {"from": str(path.resolve())})


def copy_study(
    database: Database, record: StudyRecord, target: Database, name: str | None = None, *, checkpoints: bool = True
) -> StudyRecord:
    """Write a study, as of one moment, to another database, or to its own under another name; in one transaction.

    Raises StudyExists when the name is taken there.
    """
    came = {"from": database.shown_url, "study": record.spec.name}
    with study_in(database, record, checkpoints=checkpoints) as source:
        copied = _written(target, CheckedStudy(source, f"the study {record.spec.name!r}", name), "copy", came)
    _note_leaving(database, record, "copy", {"to": target.shown_url, "study": copied.spec.name})
    return copied


def _written(database: Database, study: CheckedStudy, action: str, details: Mapping[str, Any]) -> StudyRecord:
    with database.alone() as connection:
        write_study(connection, study, database.shown_url)
        note_move(connection, study.study["name"], action, details, database.now(connection))
    return load_study(database, study.study["name"])


def _note_leaving(database: Database, record: StudyRecord, action: str, details: Mapping[str, Any]) -> None:
    with suppress(StorageError), database.write() as connection:  # who may only read may take a copy
        note_move(connection, record.spec.name, action, details, database.now(connection))


def _apart(rows: Iterator[Row], kept: list[Row]) -> Iterator[bytes]:
    """Yield the data of checkpoints, and keep the rest of each, with their size in their place."""
    for row in rows:
        data: bytes = row.pop("data")
        kept.append(row | {"size": len(data)})
        yield data
