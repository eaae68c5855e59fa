"""Spaces in TOML files: what stands below `[space]` is the shape of `Space.to_dict`.

[space]
learning_rate = {type = "float", low = 1e-4, high = 1e-1, log = true}
optimizer = {type = "choice", values = ["sgd", "adam"]}
momentum = {type = "float", low = 0.5, high = 0.99, when = {optimizer = "sgd"}}
"""

import tomllib
from pathlib import Path
from typing import Any

from hpo.errors import SettingError, SpaceError
from strategies import Space


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says. Raises SettingError naming the file, and the line where its syntax goes wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingError(f"there is no file {path}: give the path of a TOML file") from None
    except OSError as error:
        raise SettingError(f"{path} cannot be read ({error.strerror}): give a TOML file that may be read") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path} is not TOML: {error}; correct that place") from error
    except (ValueError, RecursionError) as error:  # a number of a thousand digits, brackets without end
        raise SettingError(f"{path} is not a TOML file that can be read here: {error}") from error


def load_space(path: Path) -> Space:
    """Return the space in a TOML file. Raises SettingError or SpaceError naming the file and the key."""
    content = read_toml(path)
    if "space" not in content:
        raise SpaceError(
            f'{path} has no [space] table; write [space], and below it: x = {{type = "float", low = 0, high = 1}}'
        )
    return space_in(content["space"], path)


def space_in(table: Any, path: Path) -> Space:
    """Return the space that the `[space]` table of the file `path` describes. Raises SpaceError naming both."""
    try:
        return Space.from_dict(table)
    except SpaceError as error:
        raise SpaceError(f"{path}, [space]: {error}") from error
