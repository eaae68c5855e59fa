"""A study file being written: under its name only when it is whole."""

import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, final

from storage.connection.sqlite_file import spare_database
from storage.errors import StudyFileError
from storage.schema.tables import SCHEMA
from storage.transfer.manifest import DATA, FORMAT, MANIFEST, Manifest, Member
from storage.transfer.records import Row

_BATCH: Final = 512  # rows that are written at a time

_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@contextmanager
def new_file(path: Path) -> Iterator["StudyFileWriter"]:
    """Give what writes a study file; at the end it gets its name, and on an exception nothing is left of it.

    Raises StudyFileError when it cannot be written, StorageError where a database is.
    """
    spare_database(path, "an export")
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
                writer = StudyFileWriter(archive)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StudyFileError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@final
class StudyFileWriter:
    """Writes members one after another."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, Member] = {}

    def write(self, table: str, rows: Iterable[Row]) -> int:
        """Write a table's rows; return how many there were."""
        with self._member(f"{table}.jsonl", zipfile.ZIP_DEFLATED) as member:
            count, lines = 0, []
            for row in rows:
                lines.append(_line(row, table))
                count += 1
                if len(lines) == _BATCH:
                    member.write("\n".join([*lines, ""]).encode())
                    lines.clear()
            member.write("\n".join([*lines, ""]).encode() if lines else b"")
            member.rows = count
        return count

    def write_data(self, blobs: Iterable[bytes]) -> None:
        """Write the checkpoints' data, as they are: they hardly shrink."""
        with self._member(DATA, zipfile.ZIP_STORED) as member:
            for blob in blobs:
                member.write(blob)
                member.rows += 1

    def finish(self) -> None:
        """Write the manifest."""
        manifest = Manifest(format=FORMAT, schema_version=SCHEMA, members=self._members)
        self._archive.writestr(zipfile.ZipInfo(MANIFEST), manifest.model_dump_json(indent=1))

    @contextmanager
    def _member(self, name: str, compression: int) -> Iterator["_Written"]:
        info = zipfile.ZipInfo(name)
        info.compress_type = compression
        info._compresslevel = self._archive.compresslevel  # type: ignore[attr-defined] # noqa: SLF001 - no other way in 3.11
        with self._archive.open(info, "w", force_zip64=True) as stream:
            written = _Written(stream)
            yield written
        self._members[name] = Member(rows=written.rows, bytes=written.size, sha256=written.digest.hexdigest())


@final
class _Written:
    """A member being written, with what the manifest will say of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.rows = 0
        self.size = 0
        self.digest = hashlib.sha256()
        self._stream = stream

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self.digest.update(data)
        self.size += len(data)


def _line(row: Row, table: str) -> str:
    try:
        return _encoder.encode(row)
    except ValueError as error:  # of nothing that a worker writes
        key = {name: row[name] for name in ("number", "trial", "epoch") if name in row}
        raise StudyFileError(
            f"{table} {key} holds a number that is not finite: correct it there, or delete it"
        ) from error
