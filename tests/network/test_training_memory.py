"""How much memory a stack takes: what its members have to keep, and what one group works on."""

import gc
import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from network import OPTIMIZERS, Architecture, Member, Training, TrainingData, training

MEMBERS, WIDTH = 24, 200
PARAMETERS = WIDTH * WIDTH + WIDTH + WIDTH * 10 + 10


@pytest.fixture(autouse=True)
def one_thread():
    """Small arrays: a second thread would but wait."""
    with threadpool_limits(1):
        yield


def peak_of(architecture, members, data):
    """Return the most bytes that two epochs of a training need, beside its data; warm caches are not counted."""
    Training(architecture, members[:1], data).train_epoch()
    gc.collect()
    tracemalloc.start()
    try:
        stack = Training(architecture, members, data)
        for _ in range(2):
            stack.train_epoch()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("validated", [False, True], ids=["latest", "latest and best"])
def test_a_stack_takes_little_more_than_what_it_has_to_keep(monkeypatch, optimizer, dtype, validated):
    """For each member its parameters, the optimizer's slots, and the best parameters: K (1 + slots + best) P numbers.

    Beside that there is room for the gradients and signals of one group, of which the cache holds so many; and for one
    network as it is drawn: its parameters in float64, the numbers drawn, and what makes a copy of either.
    """
    monkeypatch.setattr(training, "CACHE_BYTES", 1 << 20)
    rng, size = np.random.default_rng(0), np.dtype(dtype).itemsize
    x, y = rng.normal(size=(40, WIDTH)).astype(dtype), rng.integers(10, size=40)
    data = TrainingData(x, y, x[:9], y[:9]) if validated else TrainingData(x, y)
    architecture = Architecture(WIDTH, 10, (WIDTH,), optimizer=optimizer, dtype=dtype, batch_size=16)
    kept = MEMBERS * (1 + len(OPTIMIZERS[optimizer].slots) + validated) * PARAMETERS * size
    peak = peak_of(architecture, [Member(seed) for seed in range(MEMBERS)], data)
    group = max(training.CACHE_BYTES, 8 * PARAMETERS * size)
    assert kept < peak < kept + group + 4 * PARAMETERS * 8


def test_a_stack_of_any_size_works_on_one_group(monkeypatch):
    """With rules that need memory of their own, twice the members add what they keep, and a tenth for objects."""
    monkeypatch.setattr(training, "CACHE_BYTES", 1 << 20)
    rng = np.random.default_rng(0)
    data = TrainingData(rng.normal(size=(40, WIDTH)).astype("float32"), rng.integers(10, size=40))
    architecture = Architecture(WIDTH, 10, (WIDTH,), batch_size=16, dropout=True, normalization="batch")
    members = [Member(seed, l1=0.1, l2=0.1, max_norm=1, clip_norm=1, dropout=0.5) for seed in range(2 * MEMBERS)]
    few, many = (peak_of(architecture, members[:count], data) for count in (MEMBERS, 2 * MEMBERS))
    assert many - few < 1.1 * MEMBERS * 3 * (PARAMETERS + 2 * WIDTH) * 4
