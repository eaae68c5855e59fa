"""The two laws of training, bit for bit, over every activation, loss, optimizer, initializer and dtype, and odd shapes.

The families are read from their dictionaries: a new member is tested the moment it is registered.
"""

import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import numpy as np
import pytest
from restored import frozen, go_on

from network import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    Architecture,
    Member,
    Training,
    TrainingData,
    evaluate,
)
from network.architecture import DTYPES

EPOCHS = 3


# Beside an architecture's own settings, how many rows there are to train on.
SHAPES = {
    "linear": {"inputs": 3, "outputs": 2, "hidden": (), "batch_size": 4, "rows": 10},
    "batches of one": {"inputs": 5, "outputs": 3, "hidden": (4,), "batch_size": 1, "rows": 6},
    "all widths one": {"inputs": 1, "outputs": 1, "hidden": (1,), "batch_size": 4, "rows": 9},
    "a width of one, one output": {"inputs": 4, "outputs": 1, "hidden": (1, 7), "batch_size": 8, "rows": 20},
    "deep, one row left": {"inputs": 6, "outputs": 10, "hidden": (8, 5, 3), "batch_size": 16, "rows": 33},
    "fewer rows than a batch": {"inputs": 64, "outputs": 10, "hidden": (16,), "batch_size": 32, "rows": 20},
    "no power of two": {"inputs": 17, "outputs": 3, "hidden": (33, 9), "batch_size": 7, "rows": 25},
}
SMALL = {"inputs": 4, "outputs": 3, "hidden": (5,), "batch_size": 4, "rows": 10}
KINDS = [
    dict(zip(("activation", "loss", "initializer", "optimizer", "dtype"), kinds, strict=True))
    for kinds in product(ACTIVATIONS, LOSSES, INITIALIZERS, OPTIMIZERS, DTYPES)
]
MEMBERS = [
    Member(
        seed=seed,
        learning_rate=10.0 ** -(1 + seed % 4),
        l2=(0.0, 1e-4, 0.1)[seed % 3],
        momentum=(0.0, 0.5, 0.99)[seed % 3],
        beta1=(0.9, 0.0)[seed % 2],
        beta2=(0.999, 0.9)[seed % 2],
    )
    for seed in range(27)
]


def problem(shape: dict, kinds: dict) -> tuple[Architecture, TrainingData]:
    settings = shape | kinds
    rows, rng = settings.pop("rows"), np.random.default_rng(0)
    architecture = Architecture(**settings)

    def inputs(n):
        return rng.normal(size=(n, architecture.inputs))

    def targets(n):
        if architecture.loss == "cross_entropy":
            return rng.integers(architecture.outputs, size=n)
        return rng.normal(size=(n, architecture.outputs))

    return architecture, TrainingData(inputs(rows), targets(rows), inputs(11), targets(11))


def run(architecture, members, data, epochs=EPOCHS):
    """Return, for each member, its epochs and its final state."""
    training = Training(architecture, members, data)
    by_epoch = [training.train_epoch() for _ in range(epochs)]
    return [(frozen([epoch[k] for epoch in by_epoch]), frozen(training.state(k))) for k in range(len(members))]


@pytest.fixture(scope="module")
def another_process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return request.param


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds.values()))
def test_a_member_of_a_stack_is_the_network_trained_alone(shape, kinds):
    """Epochs, metrics, parameters and optimizer state are the same bits alone and in stacks of 2, 5 and 27."""
    architecture, data = problem(shape, kinds)
    alone = {k: run(architecture, [MEMBERS[k]], data)[0] for k in (0, 1, 2, 4, 26)}
    for size in (2, 5, 27):
        stack = run(architecture, MEMBERS[:size], data)
        for k, expected in alone.items():
            if k < size:
                assert stack[k] == expected, (size, k)


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds.values()))
def test_a_restored_member_is_the_member_that_never_stopped(another_process, shape, kinds):
    """Stopped after any epoch and restored in another process, in another stack, a member ends at the same bits."""
    (architecture, data), member = problem(shape, kinds), MEMBERS[5]
    training = Training(architecture, [member], data)
    states, results = [training.state(0)], []
    for _ in range(EPOCHS):
        results += training.train_epoch()
        states.append(training.state(0))
    resumed = [
        another_process.submit(go_on, architecture, member, data, states[stop], EPOCHS - stop) for stop in range(EPOCHS)
    ]
    for stop, future in enumerate(resumed):
        assert future.result() == (frozen(results[stop:]), frozen(states[-1])), stop


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds.values()))
def test_nobody_notices_a_member_that_drops_out(kinds):
    """Members dropped after an epoch, at the front, in the middle and at the end, leave the bits of the others alone."""
    architecture, data = problem(SHAPES["no power of two"], kinds)
    undisturbed = run(architecture, MEMBERS[:6], data)
    training = Training(architecture, MEMBERS[:6], data)
    living, results = list(range(6)), {k: [] for k in range(6)}
    for gone in (0, 3, 5):
        for k, epoch in zip(living, training.train_epoch(), strict=True):
            results[k].append(epoch)
        training.drop(living.index(gone))
        living.remove(gone)
    assert training.members == tuple(MEMBERS[k] for k in living)
    for index, k in enumerate(living):
        assert (frozen(results[k]), frozen(training.state(index))) == undisturbed[k]


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds.values()))
def test_evaluating_the_kept_parameters_gives_the_best_epochs_metrics(kinds):
    """For every metric to monitor: the best parameters, saved and evaluated, reproduce the best epoch to the bit."""
    architecture, data = problem(SHAPES["deep, one row left"], kinds)
    for monitor, direction in LOSSES[architecture.loss].directions.items():
        training = Training(architecture, MEMBERS[:3], data, monitor)
        by_epoch = [training.train_epoch() for _ in range(6)]
        for k in range(3):
            values = [epoch[k].metrics[monitor] for epoch in by_epoch]
            best = values.index(min(values) if direction == "minimize" else max(values))
            found = evaluate(architecture, training.parameters(k), data.x_validation, data.y_validation)
            latest = evaluate(architecture, training.parameters(k, best=False), data.x_validation, data.y_validation)
            assert found == by_epoch[best][k].metrics
            assert latest == by_epoch[-1][k].metrics


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_training_never_modifies_the_data(loss, optimizer, dtype):
    """Data already in the training's dtype, which need no conversion, are the same bits after training."""
    architecture, given = problem(SMALL, {"loss": loss, "optimizer": optimizer, "dtype": dtype})
    fields = TrainingData.__slots__
    arrays = [getattr(given, field) for field in fields]
    arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays]
    before = frozen(arrays)
    run(architecture, MEMBERS[:2], TrainingData(*arrays))
    assert frozen(arrays) == before
    for array in arrays:
        array.flags.writeable = False
    run(architecture, MEMBERS[:2], TrainingData(*arrays))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_member_that_diverges_says_so_and_disturbs_nobody(loss, dtype, activation):
    """NaN and infinity stay in their member, are reported as divergence, raise no warning, and are never the best."""
    kinds = {"activation": activation, "loss": loss, "optimizer": "sgd", "dtype": dtype}
    architecture, data = problem(SMALL, kinds)
    wild = Member(seed=3, learning_rate=1e300 if dtype == "float64" else 1e38)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = run(architecture, [MEMBERS[1], wild, MEMBERS[2]], data)
        training = Training(architecture, [wild], data)
        epochs = [training.train_epoch()[0] for _ in range(EPOCHS)]
    assert together[0] == run(architecture, [MEMBERS[1]], data)[0]
    assert together[2] == run(architecture, [MEMBERS[2]], data)[0]
    assert epochs[-1].diverged
    best = training.state(0)["best"]
    assert not any(epoch.diverged for epoch in epochs if epoch.epoch == best["epoch"])
    assert np.isfinite(best["parameters"]).all()
