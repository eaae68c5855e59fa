import numpy as np
import pytest

from network.arrays import ALIGNMENT, Scratch, aligned_zeros, ones, without

SHAPES = [(1,), (3,), (16,), (5, 7), (1, 1), (32, 64), (3, 2, 5)]
MAKERS = {"new": aligned_zeros, "borrowed": lambda *like: Scratch().array("work", *like)}

every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "bool"])


@every_maker
@every_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("members", [1, 2, 27])
def test_every_members_part_is_contiguous_and_aligned(make, shape, members, dtype):
    """Each begins on the boundary, in C order, and shares no element with another; all start at 0."""
    array = make(members, shape, dtype)
    assert (array.shape, array.dtype) == ((members, *shape), dtype)
    assert not array.any()
    for k, part in enumerate(array):
        assert part.ctypes.data % ALIGNMENT == 0
        assert part.flags.c_contiguous
        part[...] = k % 2
    assert all((part == k % 2).all() for k, part in enumerate(array))


def test_an_empty_shape_has_room_for_nothing():
    """Statistics of a network that gathers none are an array all the same."""
    assert aligned_zeros(3, (0,), "float32").shape == (3, 0)


@pytest.mark.parametrize("index", range(4))
def test_without_leaves_the_others_in_order(index):
    """The copy is np.delete's, aligned."""
    array = aligned_zeros(4, (3,), "float32")
    array[...] = np.arange(12).reshape(4, 3)
    rest = without(array, index)
    assert np.array_equal(rest, np.delete(array, index, axis=0))
    assert all(part.ctypes.data % ALIGNMENT == 0 for part in rest)


def test_scratch_memory_is_one_for_each_use():
    """The same use, of the same size or less, is the same memory; another use, or more of it, is other memory."""
    scratch = Scratch()
    first = scratch.array("work", 3, (4, 5), "float64")
    assert np.shares_memory(first, scratch.array("work", 2, (7,), "float32"))
    assert not np.shares_memory(first, scratch.array("more work", 3, (4, 5), "float64"))
    larger = scratch.array("work", 30, (4, 5), "float64")
    assert not np.shares_memory(first, larger)
    assert np.shares_memory(larger, scratch.array("work", 3, (4, 5), "float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ones_cannot_be_changed(dtype):
    """What is shared by all is of its type, aligned, and read-only."""
    array = ones(3, np.dtype(dtype))
    assert array.dtype == dtype
    assert array.ctypes.data % ALIGNMENT == 0
    assert np.array_equal(array, [1, 1, 1])
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2
