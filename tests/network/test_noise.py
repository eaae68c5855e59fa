"""What is random in training follows from a member's seed, the layer and the epoch, and from nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from networks import ALL_SCHEDULES, Case

from network import OPTIMIZERS, Member, Training, TrainingData, noise
from network.arrays import Scratch
from network.layers import Noise
from network.noise import NoiseStream

every_kind = pytest.mark.parametrize("kind", Noise, ids=lambda kind: kind.name)


def drawn(kind, seeds, epochs, sizes, *, layer=2, shape=(3, 5), dtype="float32"):
    """Return each member's numbers in steps of these sizes, side by side: (members, rows, *shape)."""
    stream = NoiseStream(kind, layer, shape, sizes[0], np.dtype(dtype))
    stream.begin(seeds, epochs, Scratch())
    return np.concatenate([stream.step(rows).copy() for rows in sizes], axis=1)


@every_kind
def test_noise_does_not_depend_on_company(kind):
    """A member's numbers are those it draws alone, wherever it stands; one that has come less far is no disturbance."""
    together = drawn(kind, [5, 6, 5, 7], [0, 0, 3, 1], [4, 4, 1])
    for index, (seed, epoch) in enumerate(zip([5, 6, 5, 7], [0, 0, 3, 1], strict=True)):
        np.testing.assert_array_equal(together[index], drawn(kind, [seed], [epoch], [4, 4, 1])[0])


@every_kind
@pytest.mark.parametrize("shape", [(1,), (3,), (16,), (5, 2, 3)], ids=str)
def test_how_many_numbers_are_drawn_at_once_does_not_matter(monkeypatch, kind, shape):
    """Those of one step, of a few, or of all the epoch's steps."""
    sizes = [3] * 50 + [2]
    expected = drawn(kind, [1, 2], [0, 4], sizes, shape=shape)
    assert expected.shape == (2, 152, *shape)
    for block in (1, 500, 1 << 20):
        monkeypatch.setattr(noise, "BLOCK_BYTES", block)
        np.testing.assert_array_equal(drawn(kind, [1, 2], [0, 4], sizes, shape=shape), expected)


@every_kind
def test_seeds_epochs_layers_and_steps_have_their_own(kind):
    """Of any two of them no more numbers agree than chance has it: five standard errors above one in 65536."""
    samples = [
        drawn(kind, [seed], [epoch], [400], layer=layer).ravel()
        for seed, epoch, layer in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
    ]
    samples += list(drawn(kind, [9], [0], [400, 400]).reshape(2, -1))
    for index, one in enumerate(samples):
        for other in samples[:index]:
            assert (one == other).mean() < 2**-16 + 5 * (2**-16 / one.size) ** 0.5


def test_bits_are_uniform_and_normal_numbers_normal():
    """Mean and variance lie within five standard errors, in either dtype; of bits, those of each single bit."""
    for bit in range(16):
        ones = (drawn(Noise.BITS, [3], [0], [4000]) >> bit) & 1
        assert abs(ones.mean() - 0.5) < 5 * 0.5 / ones.size**0.5
    for dtype in ("float32", "float64"):
        numbers = drawn(Noise.NORMAL, [3], [0], [4000], dtype=dtype)
        assert numbers.dtype == dtype
        assert abs(numbers.mean(dtype="float64")) < 5 / numbers.size**0.5
        assert abs(numbers.var(dtype="float64") - 1) < 5 * (2 / numbers.size) ** 0.5


SETTINGS = {
    "l2": 0.1,
    "l1": 0.1,
    "momentum": 0.1,
    "beta1": 0.1,
    "beta2": 0.1,
    "rho": 0.1,
    "weight_decay": 0.1,
    "clip_norm": 1.0,
    "schedule": ALL_SCHEDULES[-1],
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ["tanh", "noisy_relu"])
def test_a_members_chance_does_not_depend_on_its_settings(setting, optimizer, activation):
    """With steps too small to change anything, two members of a seed meet the same rows with the same noise.

    So their losses, epoch by epoch, are the same bits, also where they are in other company.
    """
    case = Case.of(activation=activation, dropout=True, dtype="float64", optimizer=optimizer)
    plain = Member(seed=4, learning_rate=1e-300, dropout=0.5)
    other, stranger = replace(plain, **{setting: SETTINGS[setting]}), replace(plain, seed=5)
    alone = Training(case.architecture, [plain], case.data)
    company = Training(case.architecture, [stranger, other, stranger], case.data)
    losses = [[alone.train_epoch()[0].loss, *(epoch.loss for epoch in company.train_epoch())] for _ in range(3)]
    assert all(own == others for own, _, others, _ in losses)
    assert len({loss for epoch in losses for loss in epoch[:2]}) == 6


def test_rates_of_dropout_leave_out_of_the_same_numbers():
    """What a member leaves out at one rate, it leaves out at every higher one: rates are compared on equal terms."""
    case = Case.of(dropout=True, dtype="float64", optimizer="sgd", activation="identity", hidden=(50,), loss="rss")
    data, gone = TrainingData(np.ones((1, 17)), np.zeros((1, 3))), []
    for rate in (0.2, 0.5, 0.8):
        training = Training(case.architecture, [Member(4, 1e-3, dropout=rate, momentum=0.0)], data)
        before = training.weights(0)[1][0]
        training.train_epoch()
        gone.append((training.weights(0)[1][0] == before).all(axis=1))
    assert 0 < gone[0].sum() < gone[1].sum() < gone[2].sum()
    assert not (gone[0] & ~gone[1]).any()
    assert not (gone[1] & ~gone[2]).any()
