"""Whether a saved state fits the member that is to go on from it."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from network.errors import NetworkError


def check_state(found: object, own: object, where: str = "state") -> None:
    """Raise NetworkError unless `found` is a state like the member's `own` one.

    Alike are mappings of the same keys with values alike, arrays of the same shape and dtype, counts, and numbers that
    may be missing; what is text or a list says what the state is of, and has to be the same.
    """
    if isinstance(own, Mapping):
        _check_keys(found, own, where)
        for key, value in own.items():
            check_state(found[key], value, f"{where}[{key!r}]")  # type: ignore[index] # _check_keys saw a mapping
    elif isinstance(own, np.ndarray):
        if not isinstance(found, np.ndarray) or (found.shape, found.dtype) != (own.shape, own.dtype):
            raise _misfit(where, _described(found), _described(own))
    elif isinstance(own, str | list):
        if found != own:
            raise _misfit(where, repr(found), repr(own))
    elif isinstance(own, int):
        if not isinstance(found, Integral) or found < 0:
            raise _misfit(where, repr(found), "a whole number of at least 0")
    elif found is not None and not isinstance(found, Real):
        raise _misfit(where, repr(found), "a number or None")


def _check_keys(found: object, own: Mapping[str, Any], where: str) -> None:
    if not isinstance(found, Mapping) or found.keys() != own.keys():
        keys = sorted(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise _misfit(where, str(keys), str(sorted(own)))


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"a {type(value).__name__}"


def _misfit(where: str, found: str, expected: str) -> NetworkError:
    return NetworkError(
        f"This state does not fit the network: {where} is {found}, but should be {expected}. Restore it with the "
        "architecture and the monitored metric that it was saved with."
    )
