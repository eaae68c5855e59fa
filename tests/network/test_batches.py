import numpy as np
import pytest

from network import Architecture, NetworkError, TrainingData, data
from network.data import Batches, checked_inputs, checked_pair


@pytest.mark.parametrize("chunk_bytes", [1, 200, 1 << 20])
@pytest.mark.parametrize(("rows", "batch_size"), [(10, 4), (8, 4), (3, 4), (5, 1), (1, 1)])
def test_batches_are_the_rows_in_each_members_order(monkeypatch, chunk_bytes, rows, batch_size):
    """Whatever the size of a chunk, batch i holds rows i·b … of the order; the last holds what is left."""
    monkeypatch.setattr(data, "CHUNK_BYTES", chunk_bytes)
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))
    orders = [rng.permutation(rows) for _ in range(4)]
    batches = Batches(x, targets, batch_size, members=4)
    found = [(a.copy(), b.copy()) for a, b in batches.epoch(orders)]
    size = min(batch_size, rows)
    assert len(found) == batches.steps == -(-rows // size)
    for step, (found_x, found_targets) in enumerate(found):
        expected = [order[step * size : (step + 1) * size] for order in orders]
        assert np.array_equal(found_x, x[expected])
        assert np.array_equal(found_targets, targets[expected])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 4)), r"x_train has shape \(2, 4\).*\(n, 3\)"),
        (np.ones(3), r"x_train has shape \(3,\)"),
        (np.array([["a", "b", "c"]]), "dtype <U1.*encode"),
        (np.array([[1, None, 2]], dtype=object), "dtype object"),
        (np.ones((0, 3)), "x_train has no rows"),
        (np.array([[0.0, 0, 0], [0, np.inf, 0]]), "row 1, column 1"),
        (np.array([[0.0, 0, 1e300]]), "too large for float32, first in row 0, column 2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, message):
    """The message says which array it is, where the fault is, and what is needed."""
    with pytest.raises(NetworkError, match=message):
        checked_inputs("x_train", x, Architecture(3, 2))


def test_one_target_for_each_row():
    """Inputs and targets of different lengths are refused."""
    with pytest.raises(NetworkError, match="x_train has 3 rows and y_train 2"):
        checked_pair("train", np.ones((3, 3)), np.zeros(2, int), Architecture(3, 2))


def test_inputs_of_the_right_kind_are_not_copied():
    """Many trainings on one data set share its memory."""
    x = np.ones((3, 3), "float32")
    assert np.shares_memory(checked_inputs("x", x, Architecture(3, 2)), x)


def test_training_data_are_checked_under_their_own_names():
    """Each of the four arrays is named in its error."""
    assert TrainingData.__slots__ == ("x_train", "y_train", "x_validation", "y_validation")
    with pytest.raises(NetworkError, match="x_validation"):
        checked_pair("validation", np.ones((3, 1)), np.zeros(3, int), Architecture(3, 2))
    with pytest.raises(NetworkError, match="y_validation"):
        checked_pair("validation", np.ones((3, 3)), np.zeros(3), Architecture(3, 2))
