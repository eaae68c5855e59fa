"""The schema's version: which one a database has, and what to do about one that is not this program's."""

import shlex
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from storage.errors import StorageError
from storage.passwords import shown, to_type
from storage.schema.tables import SCHEMA, VERSION_TABLE

VERSION: Final = sa.select(sa.column("version_num", sa.Text)).select_from(sa.table(VERSION_TABLE))
"""Asks for the version of a database that has the table of versions."""


def another_version(url: URL, version: str) -> StorageError:
    """Return the error for the database at `url`, whose schema's `version` is not this program's."""
    if version > SCHEMA:
        return StorageError(
            f"{shown(url)} has schema {version}, which is newer than this program's ({SCHEMA}); "
            "upgrade the program: pip install --upgrade hpo"
        )
    named = shlex.quote(to_type(url))  # *** would be taken for the password
    return StorageError(
        f"{shown(url)} has schema {version}, which is older than this program's ({SCHEMA}); "
        f"upgrade it: hpo db upgrade --storage {named}"
    )
