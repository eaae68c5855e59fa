"""The laws of training, bit for bit, over every activation, loss, optimizer, initializer, schedule, layer and dtype."""

import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context

import numpy as np
import pytest
from networks import ALL_SCHEDULES, EVERY_KIND, EVERY_PAIR, FACTORS, RULES, SCHEDULED, Case, member
from restored import frozen, go_on, run

from network import LOSSES, OPTIMIZERS, SCHEDULES, Member, Training, TrainingData, evaluate, inference, training
from network.architecture import DTYPES
from network.losses import base
from network.regularization import AFTER, BEFORE

EPOCHS = 3
SMALL_CACHE = 1 << 15


def narrow(monkeypatch):
    """Make a stack work on as little at a time as a large one does: on few members, on blocks of four rows in use."""
    monkeypatch.setattr(training, "CACHE_BYTES", SMALL_CACHE)
    monkeypatch.setattr(inference, "FEWEST_ROWS", 4)
    monkeypatch.setattr(inference, "BLOCK_VALUES", 1)
    monkeypatch.setattr(base, "BLOCK_VALUES", 64)


MEMBERS = [member(seed) for seed in range(27)]

every_kind = pytest.mark.parametrize("case", EVERY_KIND, ids=str)
every_pair = pytest.mark.parametrize("case", EVERY_PAIR, ids=str)


@pytest.fixture(scope="module")
def another_process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


def test_nothing_is_left_out():
    """Members differ in every setting there is, each schedule and each rule is somebody's; each level is some case's."""
    for field in fields(Member):
        assert len({getattr(one, field.name) for one in MEMBERS}) > 1, field.name
    assert SCHEDULED.keys() == SCHEDULES.keys()
    assert {one.schedule for one in MEMBERS} == set(ALL_SCHEDULES)
    assert set(RULES) == {rule.setting for rule in (*BEFORE, *AFTER)} | {"label_smoothing"}
    for cases in (EVERY_KIND, EVERY_PAIR):
        for factor in FACTORS.keys() - {"shape", "weighted"}:
            assert {getattr(case.architecture, factor) for case in cases} == set(FACTORS[factor])
        assert {case.weighted for case in cases} == {True, False}


@every_pair
@pytest.mark.parametrize("room", ["narrow", "wide"])
def test_a_member_of_a_stack_is_the_network_trained_alone(monkeypatch, case, room):
    """Epochs, metrics, parameters, statistics, optimizer and schedule are the same bits in stacks of 2, 5 and 27."""
    if room == "narrow":
        narrow(monkeypatch)
    data = case.data
    alone = {k: run(case.architecture, [MEMBERS[k]], data, EPOCHS)[0] for k in (2, 3, 4, 5, 6, 26)}
    for chosen in (range(2, 4), range(2, 7), range(27)):
        stack = run(case.architecture, [MEMBERS[k] for k in chosen], data, EPOCHS)
        for k in alone.keys() & set(chosen):
            assert stack[k - chosen[0]] == alone[k], (len(chosen), k)


def test_members_train_in_company(monkeypatch):
    """Those of the law above do share calls: a large cache holds all who want the same rules, a small one a few."""
    case = Case.of(shape="deep, one row left")
    assert Training(case.architecture, MEMBERS, case.data).group_sizes == [8, 7, 6, 6]
    narrow(monkeypatch)
    few = Training(case.architecture, MEMBERS, case.data).group_sizes
    assert sum(few) == len(MEMBERS)
    assert set(few) == {3, 4}


@every_pair
def test_a_restored_member_is_the_member_that_never_stopped(another_process, case):
    """Stopped after any epoch and restored in another process, in another stack, a member ends at the same bits."""
    data, one = case.data, MEMBERS[3 + case.rows % 4]
    uninterrupted = Training(case.architecture, [one], data)
    states, results = [uninterrupted.state(0)], []
    for _ in range(EPOCHS):
        results += uninterrupted.train_epoch()
        states.append(uninterrupted.state(0))
    resumed = another_process.submit(go_on, case.architecture, one, data, states[:-1], EPOCHS).result()
    for stop, outcome in enumerate(resumed):
        assert outcome == (frozen(results[stop:]), frozen(states[-1])), stop


@every_kind
def test_nobody_notices_a_member_that_drops_out(case):
    """Members that leave, in front, in the middle, at the end, the last of a group, leave the bits of the others alone."""
    together = MEMBERS[:7]
    undisturbed = run(case.architecture, together, case.data, 4)
    stack, living = Training(case.architecture, together, case.data), list(range(7))
    results = {k: [] for k in living}
    for gone in ([0, 5], [6], [3], []):
        for k, epoch in zip(living, stack.train_epoch(), strict=True):
            results[k].append(epoch)
        for k in gone:
            stack.drop(living.index(k))
            living.remove(k)
    assert stack.members == tuple(together[k] for k in living)
    for index, k in enumerate(living):
        assert (frozen(results[k]), frozen(stack.state(index))) == undisturbed[k]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("levels", [{"loss": loss} for loss in LOSSES] + [{"normalization": "batch"}], ids=str)
@pytest.mark.parametrize("neighbour", [0, 2], ids=["plain", "with every rule"])
def test_a_member_that_diverges_says_so_and_disturbs_nobody(dtype, optimizer, levels, neighbour):
    """NaN and infinity stay in their member, are reported as divergence, raise no warning, and are never the best."""
    case = Case.of(activation="relu", optimizer=optimizer, dtype=dtype, **levels)
    before, after = MEMBERS[neighbour : neighbour + 2]
    largest = float(np.finfo(dtype).max) / 2
    loose = dict.fromkeys(("clip_norm", "max_norm"), largest) if neighbour else {}
    wild = replace(before, seed=3, learning_rate=largest, **loose)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = run(case.architecture, [before, wild, after], case.data, EPOCHS)
        lonely = Training(case.architecture, [wild], case.data)
        epochs = [lonely.train_epoch()[0] for _ in range(EPOCHS)]
    assert together[1] == (frozen(epochs), frozen(lonely.state(0)))
    assert together[0] == run(case.architecture, [before], case.data, EPOCHS)[0]
    assert together[2] == run(case.architecture, [after], case.data, EPOCHS)[0]
    assert epochs[-1].diverged
    best = lonely.state(0)["best"]
    assert not any(epoch.diverged for epoch in epochs if epoch.epoch == best["epoch"])
    assert np.isfinite(best["parameters"]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_member_that_diverges_leaves_nothing_to_the_next_group(dtype, optimizer):
    """Groups work in turn in the same memory: gradients are clipped to their norm beside one whose rates are infinite."""
    case = Case.of(activation="relu", optimizer=optimizer, dtype=dtype)
    wild = Member(seed=3, learning_rate=float(np.finfo(dtype).max), beta1=0.0)
    clipped = [Member(seed=seed, clip_norm=0.1) for seed in range(4)]
    stack = run(case.architecture, [*clipped, wild], case.data, EPOCHS)
    assert stack[:4] == [run(case.architecture, [one], case.data, EPOCHS)[0] for one in clipped]


@every_kind
def test_training_never_modifies_its_data(case):
    """Arrays already in the training's dtype, which need no conversion, are the same bits after it, and may be read-only."""
    given = [getattr(case.data, field.name) for field in fields(TrainingData)]
    arrays = [
        array if array is None or array.dtype.kind == "i" else array.astype(case.architecture.dtype) for array in given
    ]
    before, expected = frozen(arrays), run(case.architecture, MEMBERS[:3], TrainingData(*arrays), EPOCHS)
    assert frozen(arrays) == before
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    assert run(case.architecture, MEMBERS[:3], TrainingData(*arrays), EPOCHS) == expected


@every_kind
def test_how_the_data_lie_in_memory_does_not_matter(case):
    """Columns first, every other row of a larger array, an address that is no multiple of a number's size: the same bits."""
    given = [getattr(case.data, field.name) for field in fields(TrainingData)]
    expected = run(case.architecture, MEMBERS[2:4], TrainingData(*given), EPOCHS)
    for rearranged in (np.asfortranarray, spaced, unaligned):
        arrays = [None if array is None else rearranged(array) for array in given]
        assert run(case.architecture, MEMBERS[2:4], TrainingData(*arrays), EPOCHS) == expected


def spaced(array):
    return np.repeat(array, 2, axis=0)[::2]


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("shape", ["deep, one row left", "images", "all widths one"])
@pytest.mark.parametrize(
    ("loss", "monitor"), [(name, metric) for name, loss in LOSSES.items() for metric in loss.directions]
)
def test_evaluating_the_kept_weights_gives_the_best_epochs_metrics(monkeypatch, loss, monitor, shape, weighted):
    """For every metric to monitor: the best weights, copied and evaluated, reproduce the best epoch to the bit."""
    narrow(monkeypatch)
    case = Case.of(shape=shape, loss=loss, normalization="batch", dropout=True, weighted=weighted)
    stack = Training(case.architecture, MEMBERS[1:4], case.data, monitor)
    by_epoch, pick = [stack.train_epoch() for _ in range(6)], {"minimize": min, "maximize": max}
    for k in range(3):
        metrics = [epoch[k].metrics for epoch in by_epoch]
        values = [found[monitor] for found in metrics]
        best = values.index(pick[LOSSES[loss].directions[monitor]](values))
        assert evaluated(case, stack.weights(k), metrics[0]) == metrics[best]
        assert evaluated(case, stack.weights(k, best=False), metrics[0]) == metrics[-1]
        assert stack.state(k)["best"]["epoch"] == best + 1


def evaluated(case, weights, metrics):
    """Return the metrics of the validation data."""
    data = case.data
    return evaluate(
        case.architecture,
        weights,
        data.x_validation,
        data.y_validation,
        sample_weights=data.validation_weights,
        metrics=metrics,
    )
