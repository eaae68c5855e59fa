"""Where a file of the user's is on this host.

A study knows the path that a file had where the study was made. On another host it is looked for by its name and its
contents: below the current folder and the folders of HPO_OBJECTIVES, under any end of that path.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = "HPO_OBJECTIVES"
"""The environment variable with folders to look in, separated as in PATH."""


def located(path: Path, sha256: str | None) -> Path | None:
    """Return where the file of that path is: there; else wherever one of its name has that SHA-256; else None."""
    if path.is_file() or sha256 is None:
        return path if path.is_file() else None
    return next((place for place in _places(path) if place.is_file() and sha256_of(place) == sha256), None)


def search_told(path: Path) -> str:
    """Return where a file that is not there was looked for, in words, and what was found instead."""
    others = [place for place in _places(path) if place.is_file()]
    found = f"; {others[0]} has other contents" if others else ""
    return f"no file of its name and contents is in {' or '.join(map(str, _folders()))} either{found}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's contents."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folders() -> list[Path]:
    named = [Path(folder).expanduser() for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [Path.cwd(), *(folder.absolute() for folder in named)]


def _places(path: Path) -> Iterator[Path]:
    """Give every place to look at: in each folder, the longest end of the path first."""
    for folder in _folders():
        for skipped in range(1, len(path.parts)):
            yield folder.joinpath(*path.parts[skipped:])
