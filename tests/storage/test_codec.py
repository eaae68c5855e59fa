"""Training states as bytes: what goes in comes out, bit for bit; what is damaged is named, whatever the damage."""

import json
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from storage.codec import decode, digest, encode
from storage.errors import CheckpointError

DTYPES = [np.dtype(code) for code in "?bBhHiIlLqQefdgFDG"]
TYPES = st.sampled_from(DTYPES + [dtype.newbyteorder(">") for dtype in DTYPES])
SHAPES = hn.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def arrays():
    """Arrays of every numeric type, byte order, shape and memory layout."""
    plain = TYPES.flatmap(lambda dtype: hn.arrays(dtype, SHAPES))
    return st.one_of(
        plain, plain.map(np.transpose), plain.map(np.asfortranarray), plain.map(lambda a: a[..., ::-1] if a.ndim else a)
    )


def states():
    """Nested dicts and lists of arrays, NumPy's scalars and JSON values."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    leaves = scalars | arrays() | hn.arrays(np.float64, ()).map(lambda a: a[()])
    keys = st.text().filter(lambda key: key != "__array__")
    inner = st.recursive(
        leaves, lambda each: st.lists(each, max_size=3) | st.dictionaries(keys, each, max_size=3), max_leaves=8
    )
    return st.dictionaries(keys, inner, max_size=4)


def assert_same(found, given):
    """Assert that both are the same, types, shapes and bits of floats included; byte order does not count."""
    if isinstance(given, np.ndarray):
        assert found.dtype == given.dtype.newbyteorder("=")
        assert found.shape == given.shape
        assert found.tobytes() == given.astype(found.dtype).tobytes()
        assert found.flags.writeable
    elif isinstance(given, dict):
        assert list(found) == list(given)
        for key, value in given.items():
            assert_same(found[key], value)
    elif isinstance(given, list):
        assert len(found) == len(given)
        for one, other in zip(found, given, strict=True):
            assert_same(one, other)
    else:
        plain = given.item() if isinstance(given, np.generic) else given
        assert (type(found), repr(found)) == (type(plain), repr(plain))


@settings(max_examples=200, deadline=None)
@given(states())
def test_a_state_comes_back(state):
    """Decoding what was encoded returns it: values, types, shapes, order of keys; arrays are writable copies."""
    assert_same(decode(encode(state)), state)


def test_wide_scalars_come_back_as_arrays():
    """Scalars that no JSON number holds, complex ones and long doubles, come back as arrays of no dimension."""
    state = {"complex": np.complex64(1 + 2j), "long": np.longdouble(1) / 3}
    assert_same(decode(encode(state)), {name: np.asarray(value) for name, value in state.items()})


def test_equal_states_have_equal_bytes():
    """Memory layout and byte order leave no trace: equal values give equal bytes, and so equal digests."""
    values = np.arange(6.0).reshape(2, 3)
    data = {digest(encode({"a": a})) for a in (values, np.asfortranarray(values), values.astype(">f8"))}
    assert len(data) == 1


class Stranger:
    """Something that no state may hold."""


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ({"net": {"layers": [1, Stranger()]}}, r"state\['net'\]\['layers'\]\[1\] is a Stranger"),
        ({"a": np.array([Stranger()])}, r"state\['a'\] is a ndarray"),
        ({"a": np.array(["text"])}, r"state\['a'\] is a ndarray"),
        ({"a": np.array([1], "datetime64[s]")}, r"state\['a'\] is a ndarray"),
        ({"a": np.array([(1, 2)], "i4,i4")}, r"state\['a'\] is a ndarray"),
        ({"a": np.ma.array([1, 2], mask=[0, 1])}, r"state\['a'\] is a MaskedArray"),
        ({"a": b"bytes"}, r"state\['a'\] is a bytes"),
        ({"a": {1, 2}}, r"state\['a'\] is a set"),
        ({"a": 1 + 2j}, r"state\['a'\] is a complex"),
        ({"a": {1: 2}}, r"the key 1 in state\['a'\]"),
        ({"a": {"__array__": 2}}, r"the key '__array__' in state\['a'\]"),
        ([1, 2], "a state is a dict .* not list"),
        (None, "a state is a dict .* not NoneType"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_place(state, place):
    """Objects, text arrays and keys that are no text raise CheckpointError that names where they stand."""
    with pytest.raises(CheckpointError, match=place):
        encode(state)


def test_a_state_that_holds_itself_is_refused():
    """A state without end is an error of the state's, not a crash of the interpreter's."""
    state = {}
    state["again"] = state
    with pytest.raises(CheckpointError, match="holds itself"):
        encode(state)


def as_bytes(header, tail=b"\0" * 64):
    """A checkpoint with any header, for what `encode` would never write."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + tail


ENTRIES = st.tuples(
    st.sampled_from(["<f8", "|b1", "<f3", "<f99", "f8", "O", "<U4", "(2,", "f8,(f,)f4", "", None, 7, {}, ["<f8"]])
    | st.text(),
    st.lists(st.sampled_from([0, 1, 2, -1, 2**31, 2**62, 10**30, 1.5, True, None, "2"]), max_size=3)
    | st.just([1] * 70)
    | st.none(),
    st.sampled_from([0, 1, 63, 64, -1, 2**62, 10**30, None, "0", 0.0]),
)


@settings(max_examples=300, deadline=None)
@given(ENTRIES)
@example(("(2,3", [0], 0))
@example(("<f8", [10**30], 0))
def test_whatever_a_header_says_only_one_error_comes_of_it(entry):
    """An entry of any type, shape and place gives an array within the data, or CheckpointError."""
    with suppress(CheckpointError):
        assert decode(as_bytes({"a": {"__array__": list(entry)}}))["a"].nbytes <= 64


@settings(max_examples=300, deadline=None)
@given(states(), st.data())
def test_damaged_bytes_give_one_error(state, data):
    """Bytes cut short, changed, inserted or invented decode to some dict, or raise CheckpointError: nothing else."""
    whole = bytearray(encode(state))
    at = data.draw(st.integers(0, len(whole)))
    damage = data.draw(st.binary(max_size=12))
    length = data.draw(st.integers(0, 12))
    for damaged in (whole[:at], whole[:at] + damage + whole[at + length :], damage):
        with suppress(CheckpointError):
            assert isinstance(decode(bytes(damaged)), dict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        b"\xff" * 64,
        as_bytes(b"[" * 200_000),
        as_bytes([1, 2]),
        as_bytes({"a": {"__array__": ["<f8", [2**40], 0]}}),
        as_bytes({"a": {"__array__": ["<f8", [0, 2**61, 8], 0]}}),
        as_bytes({"a": {"__array__": ["<f8", [9], 0]}}),
        as_bytes({str(i): {"__array__": ["|b1", [100_000], 0]} for i in range(500)}, b"\0" * 100_000),
        encode({"a": np.ones(100)})[:-1],
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_damage_costs_no_memory(data):
    """Bytes that promise more than there is are refused before anything is allocated for it."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="damaged"):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 2**20 + 4 * len(data)
    finally:
        tracemalloc.stop()
