"""Studies moved: into a file, out of one, from one database to another. Exact, and whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

from storage.database import Database
from storage.studies import StudyRecord, load_study
from storage.transfer.checking import TABLES, CheckedStudy, Rows
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
        return _written(database, file, str(path), name)


def copy_study(
    database: Database, record: StudyRecord, target: Database, name: str | None = None, *, checkpoints: bool = True
) -> StudyRecord:
    """Write a study, as of one moment, to another database, or to its own under another name; in one transaction.

    Raises StudyExists when the name is taken there.
    """
    with study_in(database, record, checkpoints=checkpoints) as source:
        return _written(target, source, f"the study {record.spec.name!r}", name)


def _written(database: Database, source: Rows, where: str, name: str | None) -> StudyRecord:
    study = CheckedStudy(source, where, name)
    with database.alone() as connection:
        write_study(connection, study, database.shown_url)
    return load_study(database, study.study["name"])


def _apart(rows: Iterator[Row], kept: list[Row]) -> Iterator[bytes]:
    """Yield the data of checkpoints, and keep the rest of each, with their size in their place."""
    for row in rows:
        data: bytes = row.pop("data")
        kept.append(row | {"size": len(data)})
        yield data
