"""One file of named parts that is whole or is refused: what a saved model is made of.

It is a zip that `numpy.load` and any zip program can open. Its last 64 bytes, a part of the zip's comment, are the
SHA-256 of all bytes before them, in hex: no damage goes unnoticed.
"""

import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from strategies.errors import HpoError
from strategies.spelling import suggestion

_MAGIC: Final = b"PK\x03\x04"
_DIGITS: Final = 64


class ModelError(HpoError, ValueError):
    """A model that cannot be read or written, or a table that it cannot predict on."""


def write_archive(path: Path, parts: Mapping[str, bytes]) -> None:
    """Write the parts to one file: whole, or not at all. Raises ModelError when it cannot be written."""
    content = _packed(parts)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ModelError(f"{path}: the model cannot be written ({error.strerror}). Give another path.") from error


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the parts of a file that `write_archive` wrote; raises ModelError when it is missing or not as written."""
    content = _read(path)
    if not content.startswith(_MAGIC):
        raise ModelError(f"{path}: is no model, or is damaged at its beginning. Give a file that Model.save wrote.")
    if hashlib.sha256(content[:-_DIGITS]).hexdigest().encode() != content[-_DIGITS:]:
        raise ModelError(f"{path}: is damaged, cut off, or no model: its checksum is wrong. Copy or save it again.")
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelError(f"{path}: is no model ({error}). Give a file that Model.save wrote.") from error


def _packed(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name), content)
        archive.comment = b"sha256:" + b"0" * _DIGITS
    body = buffer.getvalue()[:-_DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(f"{path}: there is no such file.{suggestion(path.name, beside)} Give a saved model.") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Give a saved model.") from error
