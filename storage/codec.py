"""A training state as bytes: arrays and JSON, never a pickle.

    header length (8 bytes, little-endian) · header (JSON) · the arrays' bytes, one after another

The header is the state with every array replaced by `{"__array__": [dtype, shape, offset]}`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np

from storage.errors import CheckpointError

FORMAT: Final = "json+arrays/1"
_ARRAY: Final = "__array__"
_KINDS: Final = "biufc"  # booleans and numbers; no objects, no strings
_DTYPE: Final = re.compile(rf"[<|][{_KINDS}]\d{{1,2}}")


def encode(state: Mapping[str, Any]) -> bytes:
    """Return `state` (nested dicts, lists, JSON values, NumPy arrays and numbers) as bytes.

    Raises CheckpointError for anything else, naming where it stands.
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(f"a state is a dict of arrays and JSON values, not {type(state).__name__}")
    arrays: list[bytes] = []
    size = 0

    def pack(value: Any, where: str) -> Any:
        nonlocal size
        if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
            item = value.item()  # neither complex nor longer than a float? Then JSON knows it
            return item if isinstance(item, bool | int | float) else pack(np.asarray(value), where)
        if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS and not isinstance(value, np.ma.MaskedArray):
            raw = np.ascontiguousarray(value)
            entry = [raw.dtype.newbyteorder("<").str, list(value.shape), size]
            arrays.append(raw.astype(raw.dtype.newbyteorder("<"), copy=False).tobytes())
            size += raw.nbytes
            return {_ARRAY: entry}
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str) or key == _ARRAY:
                    raise CheckpointError(f"the key {key!r} in {where} is not a plain string")
            return {key: pack(item, f"{where}[{key!r}]") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [pack(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise CheckpointError(
            f"{where} is a {type(value).__name__}: a state may hold dicts, lists, numbers, strings and NumPy arrays"
        )

    try:
        header = json.dumps(pack(state, "state")).encode()
    except RecursionError as error:
        raise CheckpointError("the state is nested too deeply, or holds itself") from error
    return b"".join([len(header).to_bytes(8, "little"), header, *arrays])


def decode(data: bytes) -> dict[str, Any]:
    """Return the state that `encode` made `data` from; arrays are writable copies.

    Raises CheckpointError when `data` is not such bytes.
    """
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        arrays = memoryview(data)[start:]
        _check_promises(header, arrays)
        state = _unpack(header, arrays)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"the checkpoint is damaged: {error}") from error
    if not isinstance(state, dict):
        raise CheckpointError("the checkpoint is damaged: its header is not a dict")
    return state


def _check_promises(header: Any, arrays: memoryview) -> None:
    """Raise ValueError when a header's arrays are larger, in all, than what there is of them."""
    if _promised(header) > len(arrays):
        raise ValueError("its arrays are larger than what there is of them")


def _promised(value: Any) -> int:
    """Return how many bytes the arrays of a header take in all: each has bytes of its own."""
    if isinstance(value, dict) and _ARRAY in value:
        kind, shape, _ = value[_ARRAY]
        return int(np.dtype(kind).itemsize * prod(shape)) if _is_array(kind, shape) else 0
    if isinstance(value, dict | list):
        return sum(map(_promised, value.values() if isinstance(value, dict) else value))
    return 0


def _is_array(kind: str, shape: list[int]) -> bool:
    return _DTYPE.fullmatch(kind) is not None and all(side >= 0 for side in shape)


def _unpack(value: Any, arrays: memoryview) -> Any:
    if isinstance(value, dict):
        if _ARRAY not in value:
            return {key: _unpack(item, arrays) for key, item in value.items()}
        kind, shape, offset = value[_ARRAY]
        if not _is_array(kind, shape) or offset < 0:
            raise ValueError(f"an array of type {kind} and shape {shape}")
        return np.frombuffer(arrays, np.dtype(kind), prod(shape), offset).reshape(shape).copy()
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    return value


def digest(data: bytes) -> str:
    """Return the SHA-256 of a checkpoint, as stored beside it."""
    return hashlib.sha256(data).hexdigest()
