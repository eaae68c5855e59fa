"""Where databases are: by a URL or a path, by the environment, or in a temporary folder."""

import os
import re
import tempfile
import weakref
from pathlib import Path
from typing import Final

from hpo.errors import SettingError
from storage.database import Database
from storage.passwords import masked

DEFAULT_STORAGE: Final = "sqlite:///hpo.db"

_ALMOST: Final = re.compile(r"(postgres(ql)?|sqlite)(\+\w+)?:/", re.IGNORECASE)
"""How a URL begins that lacks a slash."""

Storage = str | Path | None
"""An SQLAlchemy URL, the path of an SQLite file, None for a temporary database, or "default"."""


def storage_url(storage: Storage = "default") -> str:
    """Return the URL meant: `storage`, else HPO_STORAGE (a path there is an SQLite file too), else the default."""
    if storage is None:
        raise SettingError("a temporary database has no URL")
    given = os.environ.get("HPO_STORAGE") or DEFAULT_STORAGE if storage == "default" else str(storage)
    if "://" in given:
        return given
    if _ALMOST.match(given):
        raise SettingError(f"{masked(given)!r} is neither a path nor a URL: write postgresql://user@host/database")
    return f"sqlite:///{given}"


def open_database(storage: Storage = "default", *, create: bool) -> Database:
    """Open the database meant by `storage`; None is a temporary one that goes with its last user."""
    if storage is not None:
        return Database(storage_url(storage), create=create)
    folder = tempfile.TemporaryDirectory(prefix="hpo-", ignore_cleanup_errors=True)
    database = Database(f"sqlite:///{folder.name}/hpo.db", create=True)
    weakref.finalize(database, folder.cleanup)
    return database
