"""The rows of minibatches, and the checks of data before they come to that."""

import numpy as np
import pytest

from network import LOSSES, Architecture, Member, NetworkError, Training, TrainingData, evaluate, predict
from network.arrays import ALIGNMENT, Scratch
from network.data import Batches, Rows, checked_inputs, checked_rows

NAMES = ("x_train", "y_train", "weights")


def numbered(rows, inputs=3, *, weighted=True, dtype="float32"):
    """Return rows whose every number tells which row it is in."""
    numbers = np.arange(rows, dtype=dtype)
    return Rows(
        np.repeat(numbers[:, None], inputs, axis=1), np.stack([numbers, -numbers]), numbers if weighted else None
    )


def orders_of(batches, seeds, epochs):
    """Return each member's rows in the order of the batches, (members, rows); check that all numbers of a row agree."""
    found = []
    for batch in batches.epoch(seeds, epochs):
        numbers = batch.x[..., 0]
        assert batch.start == sum(part.shape[1] for part in found)
        assert (batch.x == numbers[..., None]).all()
        assert (batch.targets == np.stack([numbers, -numbers], axis=-1)).all()
        assert batch.weights is None or (batch.weights == numbers).all()
        found.append(numbers.copy())
    assert [part.shape[1] for part in found] == batches.sizes
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize("inputs", [1, 3, 16, 17])
@pytest.mark.parametrize(("rows", "size"), [(10, 4), (8, 4), (3, 4), (5, 1), (1, 1), (33, 32)])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_epoch_is_every_row_once_with_its_target_and_weight(inputs, rows, size, weighted, dtype):
    """In batches of one size, the last one of what is left; each member's own order, each part of it aligned."""
    batches = Batches(numbered(rows, inputs, weighted=weighted, dtype=dtype), size, 4, Scratch())
    assert len(batches.sizes) == -(-rows // size)
    assert set(batches.sizes[:-1]) <= {size}
    orders = orders_of(batches, [0, 1, 2, 1], [0, 0, 0, 0])
    assert all(np.array_equal(np.sort(order), np.arange(rows)) for order in orders)
    assert np.array_equal(orders[1], orders[3])
    batch = next(batches.epoch([0, 1, 2, 1], [0, 0, 0, 0]))
    assert all(part.ctypes.data % ALIGNMENT == 0 and part.flags.c_contiguous for part in batch.x)


def test_an_order_follows_from_seed_and_epoch_alone():
    """Not from company, batch size or number of inputs; seeds and epochs have different ones."""
    orders = orders_of(Batches(numbered(40), 8, 4, Scratch()), [7, 8, 7, 9], [0, 0, 1, 5])
    assert len({order.tobytes() for order in orders}) == 4
    for size, inputs in ((8, 3), (40, 1), (7, 17)):
        alone = Batches(numbered(40, inputs), size, 1, Scratch())
        for order, seed, epoch in zip(orders, [7, 8, 7, 9], [0, 0, 1, 5], strict=True):
            assert np.array_equal(orders_of(alone, [seed], [epoch])[0], order)


def test_an_order_is_as_likely_as_any_other():
    """Of 600 members, each of three rows' six orders has about its hundred: within five standard errors."""
    seeds = range(600)
    orders = orders_of(Batches(numbered(3), 3, 600, Scratch()), seeds, [0] * 600)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert (abs(counts - 100) < 5 * (600 * 5 / 36) ** 0.5).all()


UNFIT = {
    "too many columns": (np.ones((2, 4)), r"has shape \(2, 4\).*\(n, 3\)"),
    "no matrix": (np.ones(3), r"has shape \(3,\)"),
    "images": (np.ones((2, 3, 1)), r"has shape \(2, 3, 1\)"),
    "text": (np.array([["a", "b", "c"]]), "dtype <U1.*encode"),
    "objects": (np.array([[1, None, 2]], dtype=object), "dtype object"),
    "complex numbers": (np.ones((2, 3), complex), "dtype complex128"),
    "no rows": (np.ones((0, 3)), "has no rows: give at least one"),
    "infinity": (np.array([[0.0, 0, 0], [0, np.inf, 0]]), "row 1, column 1: impute or drop"),
    "NaN": (np.array([[0.0, np.nan, 0], [0, 0, 0]]), "row 0, column 1"),
    "too large": (np.array([[0.0, 0, 1e300]]), "too large for float32, first in row 0, column 2"),
}


@pytest.mark.parametrize(("x", "message"), UNFIT.values(), ids=UNFIT)
def test_inputs_that_do_not_fit_are_refused(x, message):
    """In training, in validation, in use: the message says which array it is, where the fault is, what is needed."""
    architecture, x_good, y = Architecture(3, 2), np.ones((2, 3)), np.zeros(2, int)
    weights = Training(architecture, [Member(0)], TrainingData(x_good, y)).weights(0)
    for name, call in [
        ("x_train", lambda: Training(architecture, [Member(0)], TrainingData(x, y))),
        ("x_validation", lambda: Training(architecture, [Member(0)], TrainingData(x_good, y, x, y))),
        ("x", lambda: predict(architecture, weights, x)),
        ("x", lambda: evaluate(architecture, weights, x, y)),
    ]:
        with pytest.raises(NetworkError, match=f"^{name} .*{message}"):
            call()


@pytest.mark.parametrize("loss", LOSSES)
def test_one_target_for_each_row(loss):
    """Inputs and targets of different lengths are refused, and targets of more outputs; both by name."""
    architecture = Architecture(3, 2, loss=loss)
    y = np.zeros(2, int) if loss == "cross_entropy" else np.zeros((2, 2))
    with pytest.raises(NetworkError, match="x_train has 3 rows and y_train 2: give one target"):
        checked_rows(NAMES, np.ones((3, 3)), y, None, architecture)
    with pytest.raises(NetworkError, match=r"y_train has shape \(2, 3\)"):
        checked_rows(NAMES, np.ones((2, 3)), np.zeros((2, 3)), None, architecture)


BAD_WEIGHTS = {
    "too few": (np.ones(2), r"has shape \(2,\).*each of the 3 rows: shape \(3,\)"),
    "a column": (np.ones((3, 1)), r"has shape \(3, 1\)"),
    "text": (np.array(["1", "2", "3"]), "dtype <U1"),
    "below 0": (np.array([1.0, -1, 1]), "at least 0"),
    "NaN": (np.array([1.0, np.nan, 1]), "must be finite"),
    "infinity": (np.array([1.0, np.inf, 1]), "must be finite"),
    "all 0": (np.zeros(3), "not all 0: each says how much its row counts"),
}


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_do_not_fit_are_refused(weights, message):
    """In training, in validation, in use: the message says which they are and what is needed."""
    architecture, x, y = Architecture(3, 2), np.ones((3, 3)), np.zeros(3, int)
    learned = Training(architecture, [Member(0)], TrainingData(x, y)).weights(0)
    for name, call in {
        "weights": lambda: Training(architecture, [Member(0)], TrainingData(x, y, weights=weights)),
        "validation_weights": lambda: Training(
            architecture, [Member(0)], TrainingData(x, y, x, y, validation_weights=weights)
        ),
        "sample_weights": lambda: evaluate(architecture, learned, x, y, sample_weights=weights),
    }.items():
        with pytest.raises(NetworkError, match=f"^{name} .*{message}"):
            call()


def test_half_of_validation_data_is_refused():
    """Inputs without targets, targets without inputs, and weights without both would be silently of no effect."""
    x, y = np.ones((3, 3)), np.zeros(3, int)
    with pytest.raises(NetworkError, match="x_validation, but no y_validation: give both"):
        TrainingData(x, y, x_validation=x)
    with pytest.raises(NetworkError, match="y_validation, but no x_validation: give both"):
        TrainingData(x, y, y_validation=y)
    with pytest.raises(NetworkError, match="validation_weights, but no validation data"):
        TrainingData(x, y, validation_weights=np.ones(3))


def test_weights_count_in_proportion():
    """Their mean becomes 1, whatever their size and type, and their sum may even be beyond the architecture's dtype."""
    for weights in (np.array([1, 2, 3]), np.array([1e300, 2e300, 3e300]), np.array([1e-300, 2e-300, 3e-300])):
        rows = checked_rows(NAMES, np.ones((3, 3)), np.zeros(3, int), weights, Architecture(3, 2))
        np.testing.assert_allclose(rows.weights, [0.5, 1, 1.5], rtol=1e-6)


def test_inputs_of_the_right_kind_are_not_copied():
    """Many trainings on one data set share its memory."""
    x = np.ones((3, 3), "float32")
    assert np.shares_memory(checked_inputs("x", x, Architecture(3, 2)), x)
