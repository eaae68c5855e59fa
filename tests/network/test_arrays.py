import numpy as np
import pytest

from network.arrays import ALIGNMENT, aligned_zeros, ones, without


@pytest.mark.parametrize("shape", [(1,), (3,), (16,), (5, 7), (1, 1), (32, 64)], ids=str)
@pytest.mark.parametrize("members", [1, 2, 27])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_members_part_is_contiguous_and_aligned(shape, members, dtype):
    """Each begins on the boundary, in C order, and shares no element with another."""
    array = aligned_zeros(members, shape, dtype)
    assert array.shape == (members, *shape)
    assert not array.any()
    for k, part in enumerate(array):
        assert part.ctypes.data % ALIGNMENT == 0
        assert part.flags.c_contiguous
        part[...] = k + 1
    assert all((part == k + 1).all() for k, part in enumerate(array))


@pytest.mark.parametrize("index", range(4))
def test_without_leaves_the_others_in_order(index):
    """The copy is np.delete's, aligned."""
    array = aligned_zeros(4, (3,), "float32")
    array[...] = np.arange(12).reshape(4, 3)
    rest = without(array, index)
    assert np.array_equal(rest, np.delete(array, index, axis=0))
    assert all(part.ctypes.data % ALIGNMENT == 0 for part in rest)


def test_ones_cannot_be_changed():
    """What is shared by all is read-only."""
    with pytest.raises(ValueError, match="read-only"):
        ones(3, np.dtype("float32"))[0] = 2
