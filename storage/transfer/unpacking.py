"""A study file being read: nothing that it says is believed, and nothing that it promises is allocated."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, final

from pydantic import TypeAdapter

from storage.errors import StudyFileError
from storage.schema.tables import SCHEMA
from storage.transfer.manifest import DATA, FORMAT, MANIFEST, Manifest, Member
from storage.transfer.records import ROWS, Row, parsed

_LINE: Final = 2**24  # bytes that a row may take
_TEXT: Final = 2**20  # bytes that the manifest may take, and any member however small its packed form
_DENSEST: Final = 250  # times that a member may grow when it is unpacked: no honest one comes near
_DIRECTORY: Final = 2**14  # bytes that the list of members may take
_END: Final = 22  # bytes of a zip archive's last record, of the long form of it, and of the pointer to that
_LONG_END: Final = 56
_LOCATOR: Final = 20

_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
)
"""What reading a damaged archive may raise."""


@final
class StudyFile:
    """A study file, open for reading: its rows are parsed, and each may be what it says. Raises StudyFileError.

    Whether a member is as long and has the digest that the manifest says is known when the last of it has been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise StudyFileError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            self.members = self._opened()
        except _FAULTS as error:
            self._file.close()
            raise self._fault(error) from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def study(self) -> Row:
        """The study's row."""
        rows = list(self._parsed("study", most=1))
        if len(rows) != 1:
            raise self._wrong("study.jsonl has no row")
        return rows[0]

    def rows(self, table: str) -> Iterator[Row]:
        """Yield a table's rows; those of checkpoints with their `data` in place of their size."""
        if f"{table}.jsonl" not in self.members:
            return
        if table == "checkpoints":
            yield from self._checkpoints()
        else:
            yield from self._parsed(table)

    def _checkpoints(self) -> Iterator[Row]:
        """Yield checkpoints, each with its data, which is read whole: it is checked before that there is so much."""
        left = self.members[DATA].bytes
        with self._member(DATA) as stream:
            for row in self._parsed("checkpoints"):
                size = row.pop("size")
                left -= size
                if left < 0:
                    raise self._wrong("checkpoints.bin is shorter than its checkpoints")
                yield row | {"data": stream.read(size)}
            if left:
                raise self._wrong("checkpoints.bin is longer than its checkpoints")

    def _parsed(self, table: str, most: int | None = None) -> Iterator[Row]:
        name, adapter, count = f"{table}.jsonl", ROWS[table], 0
        with self._member(name) as stream:
            while line := stream.line():
                count += 1
                if most is not None and count > most:
                    raise self._wrong(f"{name} has more rows than it may have")
                if len(line) > _LINE:
                    raise self._wrong(f"{name}, line {count}: longer than {_LINE:,} bytes")
                yield parsed(adapter, line, f"{self.path}: {name}, line {count}")
        if count != self.members[name].rows:
            raise self._wrong(f"{name} has {count} rows, not {self.members[name].rows} as its manifest says")

    @contextmanager
    def _member(self, name: str) -> Iterator["_Read"]:
        try:
            with self._archive.open(name) as stream:
                read = _Read(stream)
                yield read
                if (read.size, read.digest.hexdigest()) != (self.members[name].bytes, self.members[name].sha256):
                    raise self._wrong(f"{name} is not as its manifest says: its SHA-256 differs")
        except StudyFileError:
            raise
        except _FAULTS as error:
            raise self._fault(error) from error

    def _opened(self) -> Mapping[str, Member]:
        size = os.fstat(self._file.fileno()).st_size
        self._check_end(size)
        self._archive = zipfile.ZipFile(self._file)
        listed = self._archive.infolist()
        names = [info.filename for info in listed]
        known = {f"{table}.jsonl" for table in ROWS} | {DATA, MANIFEST}
        if len(set(names)) < len(names) or not {MANIFEST, "study.jsonl", "trials.jsonl"} <= set(names) <= known:
            raise self._wrong("it does not hold what a study file holds")
        if sum(info.compress_size for info in listed) > size:
            raise self._wrong("its members overlap")
        for info in listed:
            if info.file_size > _DENSEST * info.compress_size + _TEXT:
                raise self._wrong(f"{info.filename} would grow to {info.file_size:,} bytes when it is unpacked")
        with self._archive.open(MANIFEST) as stream:
            manifest: Manifest = parsed(_MANIFEST_READER, stream.read(_TEXT), f"{self.path}: {MANIFEST}")
        if manifest.format > FORMAT or manifest.schema_version > SCHEMA:
            raise StudyFileError(
                f"{self.path} was written by a newer program (format {manifest.format}, schema "
                f"{manifest.schema_version}): upgrade this one: pip install --upgrade hpo"
            )
        if set(manifest.members) != set(names) - {MANIFEST}:
            raise self._wrong("its manifest tells of other members than it has")
        if ("checkpoints.jsonl" in manifest.members) != (DATA in manifest.members):
            raise self._wrong("its checkpoints lack their data")
        return manifest.members

    def _check_end(self, size: int) -> None:
        """Check that the list of members is short, before anything reads it."""
        self._file.seek(max(0, size - _END - _LOCATOR - _LONG_END))
        tail = self._file.read()
        end = tail[-_END:]
        if len(end) < _END or end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
            raise self._wrong("it is no archive, or the end of it is missing")
        locator = tail[-_END - _LOCATOR : -_END]
        if locator[:4] == b"PK\6\7":
            length = int.from_bytes(tail[-_END - _LOCATOR - _LONG_END : -_END - _LOCATOR][40:48], "little")
        else:
            length = int.from_bytes(end[12:16], "little")
        if length > _DIRECTORY:
            raise self._wrong("it has more members than a study file has")

    def _wrong(self, what: str) -> StudyFileError:
        return StudyFileError(f"{self.path} is not a study file, or is damaged: {what}")

    def _fault(self, error: BaseException) -> StudyFileError:
        return error if isinstance(error, StudyFileError) else self._wrong(f"{error or type(error).__name__}")


_MANIFEST_READER: Final[TypeAdapter[Any]] = TypeAdapter(Manifest)


@final
class _Read:
    """A member being read, with its size and digest so far."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._stream = stream

    def line(self) -> bytes:
        """Return the next line, or as much of it as shows that it is too long; nothing at the end."""
        return self._told(self._stream.readline(_LINE + 1))

    def read(self, size: int) -> bytes:
        return self._told(self._stream.read(size)) if size else b""

    def _told(self, data: bytes) -> bytes:
        self.digest.update(data)
        self.size += len(data)
        return data
