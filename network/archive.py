"""One file of named parts that is whole or is refused: what a trained network is saved as.

It is a zip that `numpy.load` and any zip program can open. Its last 64 bytes, a part of the zip's comment, are the
SHA-256 of all bytes before them, in hex: no damage goes unnoticed.
"""

import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

import numpy as np

from network.arrays import Array
from network.errors import NetworkError

_MAGIC: Final = b"PK\x03\x04"
_SEAL: Final = b"sha256:"
_DIGITS: Final = 64


class ArchiveError(NetworkError):
    """A file that cannot be written, or that cannot be read as what it should hold."""


def write_archive(path: Path, parts: Mapping[str, bytes], noun: str = "archive") -> None:
    """Write the parts to one file: whole, or not at all. Raises ArchiveError when it cannot be written.

    Messages call what it holds a `noun`.
    """
    content = _packed(parts)
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            partial.unlink()
        raise ArchiveError(f"{path}: the {noun} cannot be written ({_reason(error)}). Give another path.") from error


def read_archive(path: Path, noun: str = "archive", writer: str = "write_archive") -> dict[str, bytes]:
    """Return the parts of a file that `write_archive` wrote; raises ArchiveError when it is missing or not as written.

    Messages call what it holds a `noun`, and say that `writer` wrote it.
    """
    content, advice = _read(path, noun), f"Give a file that {writer} wrote."
    if not content.startswith(_MAGIC):
        raise ArchiveError(f"{path}: is no {noun}, or is damaged at its beginning. {advice}")
    if hashlib.sha256(content[:-_DIGITS]).hexdigest().encode() != content[-_DIGITS:]:
        if is_zipfile(io.BytesIO(content)) and not content[:-_DIGITS].endswith(_SEAL):
            raise ArchiveError(f"{path}: is a zip file, but no {noun}, or is damaged: it has no checksum. {advice}")
        raise ArchiveError(f"{path}: is damaged, cut off, or no {noun}: its checksum is wrong. Copy or save it again.")
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{path}: is no {noun} ({error}). {advice}") from error


def npy(array: Array) -> bytes:
    """Return an array as the content of an NPY file. Raises ValueError when it holds Python's objects."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(content: bytes) -> Array:
    """Return the array that `npy` was given. Raises ValueError when the content is none, or holds Python's objects."""
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array


def _packed(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name), content)
        archive.comment = _SEAL + b"0" * _DIGITS
    body = buffer.getvalue()[:-_DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def _read(path: Path, noun: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ArchiveError(f"{path}: there is no such file.{_suggestion(path)} Give a saved {noun}.") from None
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path}: cannot be read ({_reason(error)}). Give a saved {noun}.") from error


def _suggestion(path: Path) -> str:
    """Return " Did you mean 'x'?" with the file beside it of the nearest name, or nothing when none is near."""
    beside: dict[str, str] = {}
    with suppress(OSError):
        beside = {other.name.casefold(): other.name for other in path.parent.iterdir()}
    near = get_close_matches(path.name.casefold(), beside, n=1)
    return f" Did you mean {beside[near[0]]!r}?" if near else ""


def _reason(error: OSError | ValueError) -> str:
    """Return why a path will not do: a ValueError is one that no system takes, with a NUL."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
