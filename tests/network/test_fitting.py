import math
import statistics

import numpy as np
import pytest

from network.architecture import Architecture
from network.data import TrainingData
from network.errors import NetworkError
from network.fitting import Starts, fit, multi_start, seeds_of_starts
from network.losses import LOSSES
from network.member import Member
from network.prediction import evaluate
from network.schedules import Plateau
from network.topology import loss_of
from network.training import Training

MONITORED = [(loss, metric) for loss in LOSSES for metric in LOSSES[loss].directions]
MEMBERS = [Member(0, 0.03), Member(1, 0.1, l2=1e-3), Member(2, 1e-4), Member(3, 0.03, schedule=Plateau(patience=1))]
HOPELESS = Member(4, learning_rate=1e30)


def problem(loss, *, validated=True):
    """Return an architecture, and noisy data that a network of it overfits soon."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    signal = x[:, :2] * x[:, 1:] + rng.normal(size=(60, 2))
    y = {"cross_entropy": (signal[:, 0] > 0).astype(int), "binary_cross_entropy": (signal > 0).astype(int)}.get(
        loss, signal
    )
    held_out = (x[40:], y[40:]) if validated else ()
    return Architecture(3, 2, (8,), loss=loss, batch_size=16), TrainingData(x[:40], y[:40], *held_out)


def curve(fitted, monitor):
    return [epoch.metrics.get(monitor, epoch.loss) for epoch in fitted.epochs]


def same(one, other):
    """Tell whether two results agree in every bit."""
    arrays = zip(sum(one.weights, ()), sum(other.weights, ()), strict=True)
    facts = [(fit.epochs, fit.best_epoch, fit.value, fit.diverged, fit.seed) for fit in (one, other)]
    return repr(facts[0]) == repr(facts[1]) and all(np.array_equal(a, b, equal_nan=True) for a, b in arrays)


def stopped(values, patience, tolerance):
    """Return after how many values patience is at its end: the first window of that length without an improvement."""
    for end in range(patience, len(values) + 1):
        recent = range(end - patience, end)
        if all(values[at] >= min([math.inf, *values[:at]]) - tolerance for at in recent):
            return end
    return len(values)


@pytest.mark.parametrize("validated", [True, False])
def test_company_changes_nothing(validated):
    """A member is fitted in a stack, whoever leaves it before, as it is alone, bit for bit."""
    architecture, data = problem("cross_entropy", validated=validated)
    together = fit(architecture, [*MEMBERS, HOPELESS], data, epochs=25, patience=3)
    alone = [fit(architecture, [member], data, epochs=25, patience=3)[0] for member in [*MEMBERS, HOPELESS]]
    assert len({len(fitted.epochs) for fitted in together}) > 1
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))


@pytest.mark.parametrize(("loss", "monitor"), MONITORED)
def test_patience_ends_a_training_and_the_best_epoch_is_kept(loss, monitor):
    """What an uninterrupted training would show says when patience ends, which epoch is best, and with what weights."""
    architecture, data = problem(loss)
    sign = -1 if loss_of(architecture).directions[monitor] == "maximize" else 1
    whole = fit(architecture, MEMBERS, data, epochs=20, monitor=monitor)
    for patience, tolerance in ((1, 0), (4, 0), (4, 0.05)):
        cut = fit(architecture, MEMBERS, data, epochs=20, monitor=monitor, patience=patience, tolerance=tolerance)
        for full, part in zip(whole, cut, strict=True):
            values = [sign * value for value in curve(full, monitor)]
            assert len(part.epochs) == stopped(values, patience, tolerance)
            assert part.epochs == full.epochs[: len(part.epochs)]
            values = values[: len(part.epochs)]
            assert (part.best_epoch, part.value) == (values.index(min(values)) + 1, sign * min(values))
            kept = evaluate(architecture, part.weights, data.x_validation, data.y_validation, metrics=[monitor])
            assert kept[monitor] == part.value


def test_without_validation_data_the_training_loss_is_watched_and_the_last_epoch_kept():
    """Patience looks at the training loss; weights, best epoch and value are the last epoch's."""
    architecture, data = problem("cross_entropy", validated=False)
    full, part = (
        fit(architecture, MEMBERS[:1], data, epochs=60, patience=patience, tolerance=0.01)[0] for patience in (None, 3)
    )
    losses = [epoch.loss for epoch in full.epochs]
    assert len(part.epochs) == stopped(losses, 3, 0.01) < 60
    assert (part.best_epoch, part.value) == (len(part.epochs), part.epochs[-1].loss)
    again = fit(architecture, MEMBERS[:1], data, epochs=len(part.epochs))[0]
    assert same(part, again)


@pytest.mark.parametrize("validated", [True, False])
def test_a_diverged_member_leaves_at_once_and_says_so(validated):
    """No epoch follows the one that was not finite; a member that never had a finite value has no best epoch."""
    architecture, data = problem("squared_error", validated=validated)
    sound, hopeless = fit(architecture, [MEMBERS[0], HOPELESS], data, epochs=6)
    assert [epoch.diverged for epoch in hopeless.epochs] == [False] * (len(hopeless.epochs) - 1) + [True]
    assert hopeless.diverged
    assert len(hopeless.epochs) < 6
    assert (hopeless.best_epoch, math.isnan(hopeless.value)) == (0, True)
    assert not sound.diverged
    assert len(sound.epochs) == 6


def test_every_epoch_is_told():
    """`on_epoch` gets each epoch of each member once, epoch by epoch, and in an epoch member by member."""
    architecture, data = problem("cross_entropy")
    told = []
    fits = fit(architecture, MEMBERS, data, epochs=9, patience=2, on_epoch=lambda *what: told.append(what))
    assert [(number, epoch.epoch) for number, epoch in told] == sorted(
        ((number, epoch.epoch) for number, fitted in enumerate(fits) for epoch in fitted.epochs),
        key=lambda one: one[::-1],
    )
    assert all(epoch is fits[number].epochs[epoch.epoch - 1] for number, epoch in told)


def test_the_state_goes_on_where_training_ended():
    """Restored from the state, and trained on, a member is what it would have become in one go."""
    architecture, data = problem("cross_entropy")
    (short,), (long,) = (fit(architecture, MEMBERS[3:], data, epochs=epochs) for epochs in (4, 7))
    training = Training(architecture, MEMBERS[3:], data)
    training.restore(0, short.state)
    assert tuple(training.train_epoch()[0] for _ in range(3)) == long.epochs[4:]
    assert np.array_equal(training.state(0)["parameters"], long.state["parameters"])


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_starts_are_fits_from_their_seeds_and_the_best_is_kept(monitor):
    """Each start is the fit of its seed alone; the best by the metric's direction is kept, and the spread is theirs."""
    architecture, data = problem("cross_entropy")
    starts = multi_start(architecture, MEMBERS[0], data, starts=5, epochs=4, monitor=monitor)
    seeds = seeds_of_starts(MEMBERS[0].seed, 5)
    alone = [fit(architecture, [Member(seed, 0.03)], data, epochs=4, monitor=monitor)[0] for seed in seeds]
    values = [one.value for one in alone]
    assert starts.values == tuple(values)
    best = values.index(max(values) if monitor == "accuracy" else min(values))
    assert same(starts.best, alone[best])
    assert (starts.minimum, starts.maximum, starts.diverged) == (min(values), max(values), 0)
    assert starts.median == statistics.median(values)
    assert starts.deviation == pytest.approx(statistics.pstdev(values))


def test_more_starts_begin_with_the_same():
    """The first start has the member's own seed; more starts add seeds, all different, and change none."""
    assert seeds_of_starts(7, 1) == [7]
    assert seeds_of_starts(7, 9)[:4] == seeds_of_starts(7, 4)
    assert len({*seeds_of_starts(7, 50), *seeds_of_starts(8, 50)}) == 100


def test_diverged_starts_are_counted_and_take_no_part():
    """They are NaN among the values; where all diverge there is no spread, and the best says that it diverged."""
    architecture, data = problem("squared_error")
    lost = multi_start(architecture, HOPELESS, data, starts=3, epochs=4)
    assert lost.diverged == 3
    assert lost.best.diverged
    assert all(map(math.isnan, (*lost.values, lost.minimum, lost.median, lost.maximum, lost.deviation)))
    mixed = Starts(lost.best, (math.nan, 3.0, 1.0))
    assert (mixed.diverged, mixed.minimum, mixed.median, mixed.maximum, mixed.deviation) == (1, 1.0, 2.0, 3.0, 1.0)


def test_the_start_matters():
    """On exclusive or, with two hidden units, some starts end in local optima; the best of them does not."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    architecture = Architecture(
        2, 1, (2,), activation="tanh", loss="binary_cross_entropy", initializer="glorot_uniform"
    )
    data = TrainingData(x, np.array([0, 1, 1, 0]))
    starts = multi_start(architecture, Member(0, 0.05), data, starts=20, epochs=500)
    assert starts.minimum < 0.05
    assert starts.maximum > 0.3
    assert starts.best.value == starts.minimum


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0, but must be a whole number of at least 1"),
        ({"epochs": 1, "patience": 0}, "patience is 0"),
        ({"epochs": 1, "tolerance": -1}, "tolerance is -1"),
        ({"epochs": 1, "monitor": "acuracy"}, "did you mean 'accuracy'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    """What is out of range is named, with what it must be."""
    architecture, data = problem("cross_entropy")
    with pytest.raises(NetworkError, match=message):
        fit(architecture, MEMBERS, data, **settings)


def test_no_start_is_refused():
    """There is at least one start."""
    architecture, data = problem("cross_entropy")
    with pytest.raises(NetworkError, match="starts is 0"):
        multi_start(architecture, MEMBERS[0], data, starts=0, epochs=1)
