"""The file of an SQLite database: found, checked, made, and known to be open."""

import os
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

File = tuple[int, int]
"""What tells a file from every other: its device and inode."""

_MAGIC: Final = b"SQLite format 3\x00"

_open_files: Final[Counter[File]] = Counter()  # by how many databases of this process
_files: Final = threading.Lock()


def path_in(url: "URL") -> Path:
    """Return the path of the file that an SQLite URL names. Raises StorageError when it names none."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageError(
            f"{url} names no file: workers share the database, so it has to be one, such as sqlite:///hpo.db "
            "(in Python, storage=None keeps a study in a temporary file)"
        )
    return Path(url.database)


def take_up(path: Path, *, create: bool) -> File:
    """Check a file, with `create` make it if it is not there, and count it as open. Raises StorageError."""
    try:
        with _files:
            _check(path, create=create)
            file = _identity(path)
            _open_files[file] += 1
            return file
    except (OSError, ValueError) as error:
        raise _closed(path, error) from error


def _closed(path: Path, error: Exception) -> StorageError:
    return StorageError(f"{path} cannot be opened ({error}): check its name and permissions")


def spare_database(path: Path, what: str) -> None:
    """Raise StorageError where `what` is about to be written over an SQLite database, or over its log."""
    base, dash, ending = path.name.rpartition("-")
    beside = [path.with_name(base)] if dash and base and ending in ("wal", "shm", "journal") else []
    if any(map(_holds_database, [path, *beside])):
        raise StorageError(f"{path} is a database, which {what} would replace: name another file")


def _holds_database(path: Path) -> bool:
    try:
        with _files:  # a file that is open here is not read, see `_check`
            return path.is_file() and (_open_files[_identity(path)] > 0 or _head(path).startswith(_MAGIC))
    except OSError:  # so nothing will be written there either
        return False


def check_place(path: Path, file: File) -> None:
    """Raise StorageError unless the file that was taken up is in its place still.

    SQLite would go on writing to a file without a name, or under another one and without its log.
    """
    try:
        if _identity(path) == file:
            return
        found = "another file is in its place, to which nothing was written"
    except FileNotFoundError:
        found = f"the database file {path.name} is no longer there"
    except OSError as error:
        found = f"it cannot be reached ({error})"
    raise StorageError(
        f"{path}: {found}: it was moved or deleted while it was worked on. Put it back, beside {path.name}-wal, which "
        "holds the newest results; then `hpo resume`"
    )


def let_go(file: File) -> None:
    """Count a file that was taken up as closed."""
    with _files:
        _open_files[file] -= 1


def _identity(path: Path) -> File:
    status = path.stat()
    return status.st_dev, status.st_ino


def _check(path: Path, *, create: bool) -> None:
    """Raise StorageError when there is no database that could be opened; with `create`, make an empty file.

    A file that is open here is not read: to close it would drop every lock that SQLite holds on it in this process, and
    another process could then take the log away from under it (sqlite.org/howtocorrupt.html, section 2.2).
    """
    if path.exists():
        if not path.is_file():
            raise StorageError(f"{path} is not a file; name a database file, such as hpo.db")
        if not _open_files[_identity(path)]:
            _check_content(path)
        if create and not os.access(path, os.W_OK):
            raise StorageError(f"{path} is read-only; make it writable or name another file with --storage")
        return
    if not create:
        raise StorageError(f"there is no database at {path}; start a study with `hpo run`, or name one with --storage")
    if not path.parent.is_dir():
        raise StorageError(f"the folder {path.parent} of the database {path.name} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"the folder {path.parent} is read-only; name another place with --storage or HPO_STORAGE")
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its owner's alone


def _check_content(path: Path) -> None:
    """Raise StorageError for a file of another kind, and for a database of which a part is missing."""
    head = _head(path)
    if head and not head.startswith(_MAGIC):
        if any(head):
            raise StorageError(f"{path} is not an SQLite database; name another file with --storage or HPO_STORAGE")
        raise StorageError(
            f"{path} is not an SQLite database, or one whose beginning has been overwritten with zeros: restore a copy "
            "of it, or name another file with --storage or HPO_STORAGE"
        )
    if missing := _cut(path):
        raise StorageError(f"{path} is cut short: its last {missing:,} bytes are missing; restore a copy of it")


def cut(path: Path) -> int:
    """Return how many bytes a database lacks at its end; 0 for one that is open in this process, see `_check`.

    Raises StorageError when it cannot be read.
    """
    try:
        with _files:
            return 0 if _open_files[_identity(path)] else _cut(path)
    except OSError as error:
        raise _closed(path, error) from error


def _cut(path: Path) -> int:
    # Twice: while another process empties its log into the file, the file is shorter than its beginning says.
    return _missing(path) and _missing(path)


def _missing(path: Path) -> int:
    """Return how many bytes a database lacks at its end, by what its beginning says (sqlite.org/fileformat.html, 1.3).

    One with a log beside it is another's business: SQLite mends it with what is there.
    """
    path = path.resolve()  # the log lies beside the file, not beside a link to it
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return 0
    head = _head(path)
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    trusted = head[24:28] == head[92:96] and page.bit_count() == 1
    return max(0, int.from_bytes(head[28:32], "big") * page - path.stat().st_size) if trusted else 0


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(100)
