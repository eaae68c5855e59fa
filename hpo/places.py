"""Where databases are: by a URL or a path, by the environment, or in a temporary folder."""

import os
import tempfile
import weakref
from pathlib import Path
from typing import Final

from hpo.errors import SettingError
from storage.database import Database

DEFAULT_STORAGE: Final = "sqlite:///hpo.db"

Storage = str | Path | None
"""An SQLAlchemy URL, the path of an SQLite file, None for a temporary database, or "default"."""


def storage_url(storage: Storage = "default") -> str:
    """Return the URL meant: `storage`, else HPO_STORAGE (a path there is an SQLite file too), else the default."""
    if storage is None:
        raise SettingError("a temporary database has no URL")
    given = os.environ.get("HPO_STORAGE") or DEFAULT_STORAGE if storage == "default" else str(storage)
    return given if "://" in given else f"sqlite:///{given}"


def open_database(storage: Storage = "default", *, create: bool) -> Database:
    """Open the database meant by `storage`; None is a temporary one that goes with its last user."""
    if storage is not None:
        return Database(storage_url(storage), create=create)
    folder = tempfile.TemporaryDirectory(prefix="hpo-", ignore_cleanup_errors=True)
    database = Database(f"sqlite:///{folder.name}/hpo.db", create=True)
    weakref.finalize(database, folder.cleanup)
    return database
