"""Studies moved as a whole: to a file, from a file, from one database to another."""

import re
from pathlib import Path

from hpo.errors import SettingError
from hpo.places import Storage, open_database
from hpo.study import Study, load_study


def export_study(
    name: str, path: str | Path | None = None, *, storage: Storage = "default", checkpoints: bool = False
) -> Path:
    """Write a study to a file that `import_study` reads, and return its path (default: NAME.hpo in this folder).

    It is the study as of one moment, whoever works on it meanwhile; a file of that name is replaced once the new one is
    whole. Without `checkpoints` paused trials begin anew when the search goes on elsewhere: to the same values, but for
    those that began with another trial's weights. Raises StudyNotFound, StudyFileError.
    """
    from storage.transfer import export_study as write

    study = load_study(name, storage=storage)
    target = default_path(name) if path is None else Path(path)
    try:
        write(study.database, study.record, target, checkpoints=checkpoints)
    finally:
        study.database.close()
    return target


def import_study(path: str | Path, name: str | None = None, *, storage: Storage = "default") -> Study:
    """Write the study in a file to a database, under `name` if it is given; all of it or nothing.

    What was in training is ready to go on. Raises StudyFileError for a file that is damaged or no study at all, and
    StudyExists.
    """
    from storage.transfer import import_study as write

    database = open_database(storage, create=True)
    try:
        return Study(database, write(database, Path(path), name))
    except BaseException:
        database.close()
        raise


def copy_study(
    name: str, to: str | Path, *, new_name: str | None = None, storage: Storage = "default", checkpoints: bool = True
) -> Study:
    """Write a study to another database (or the same one, under `new_name`), as of one moment; all of it or nothing.

    Raises StudyNotFound, and StudyExists when the name is taken there.
    """
    from storage.transfer import copy_study as write

    study = load_study(name, storage=storage)
    try:
        target = open_database(to, create=True)
        try:
            return Study(target, write(study.database, study.record, target, new_name, checkpoints=checkpoints))
        except BaseException:
            target.close()
            raise
    finally:
        study.database.close()


def default_path(name: str) -> Path:
    """Return the file that a study is written to where none is named. Raises SettingError when its name gives none."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._")[:80]
    if not stem:
        raise SettingError(f"no file can be named after the study {name!r}: name one with --output FILE.hpo")
    return Path(f"{stem}.hpo")
