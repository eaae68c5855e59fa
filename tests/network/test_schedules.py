import json
import math
from dataclasses import FrozenInstanceError, asdict, fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from network.errors import NetworkError
from network.schedules import SCHEDULES, Constant, Cosine, Exponential, Plateau, Schedule, Step, Warmup

SETTINGS = {
    "constant": [{}],
    "step": [{"every": 1, "factor": 0.9}, {"every": 7}],
    "exponential": [{"factor": 0.5}, {"factor": 0.99}],
    "cosine": [{"epochs": 12}, {"epochs": 7.5, "floor": 0.2}, {"epochs": 1e3, "floor": 0}],
    "plateau": [{}, {"factor": 0.5, "patience": 0, "threshold": 0.1, "floor": 0.05}, {"patience": 2, "threshold": 0}],
}
PLAIN = [SCHEDULES[name](**settings) for name, some in SETTINGS.items() for settings in some]
ALL = [*PLAIN, *(Warmup(epochs, then) for then in PLAIN for epochs in (3, 0.4))]

STEPS = 4  # in an epoch
values = st.lists(st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf]), min_size=1, max_size=40)


def every(schedules):
    return pytest.mark.parametrize("schedule", schedules, ids=str)


def lowest(schedule):
    """Return what no multiplier may be below."""
    if isinstance(schedule, Warmup):
        return min(schedule.initial, lowest(schedule.then))
    return getattr(schedule, "floor", 0)


def trained(schedule, observed, *, state=None, done=0):
    """Return the multipliers of every step, and the state, after one epoch for each of the values `observed`."""
    state, multipliers = schedule.start() if state is None else state, []
    for epoch, value in enumerate(observed, start=done):
        multipliers.append(schedule.factors(epoch + np.arange(STEPS) / STEPS) * schedule.scale(state))
        state = schedule.observe(state, value)
    return np.concatenate([*multipliers, []]), state


def test_every_schedule_is_checked():
    """Nothing is registered without settings that the laws below are checked with."""
    assert set(SETTINGS) == set(SCHEDULES)


@every(ALL)
@given(observed=values)
def test_multipliers_lie_between_the_floor_and_one(schedule, observed):
    """They are finite, at most 1, never below the floor, and positive: for any values, NaN and infinities included."""
    multipliers, _ = trained(schedule, observed)
    assert np.isfinite(multipliers).all()
    assert multipliers.min() > 0
    assert multipliers.max() <= 1
    assert multipliers.min() >= lowest(schedule)


@every(ALL)
@given(observed=values, data=st.data())
def test_a_training_may_pause_anywhere(schedule, observed, data):
    """Going on from a state that has been written as JSON gives the same multipliers, bit for bit."""
    split = data.draw(st.integers(0, len(observed)))
    whole, last = trained(schedule, observed)
    first, state = trained(schedule, observed[:split])
    restored = json.loads(json.dumps(dict(state), allow_nan=False))
    second, end = trained(schedule, observed[split:], state=restored, done=split)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert end == last


@every(ALL)
def test_factors_belong_to_their_epochs_alone(schedule):
    """An epoch's factor does not depend on which others are asked for, in what shape, or how often."""
    epochs = np.random.default_rng(0).uniform(0, 30, (7, 5))
    factors = schedule.factors(epochs)
    assert factors.shape == epochs.shape
    assert factors.dtype == np.float64
    np.testing.assert_array_equal(factors, [[schedule.factors(epoch[None])[0] for epoch in row] for row in epochs])
    assert schedule.factors(np.empty(0)).shape == (0,)


@every(ALL)
def test_an_observation_leaves_the_state_before_it_alone(schedule):
    """Two futures can start from one state."""
    state = schedule.start()
    for value in (3.0, 2.0, 5.0, 5.0):
        before = dict(state)
        schedule.observe(state, value)
        assert state == before
        state = schedule.observe(state, value)


@every(ALL)
def test_a_schedule_is_a_value(schedule):
    """Equal settings make an equal schedule and hash, a setting cannot be changed, and it shows in the repr."""
    twin = type(schedule)(**{field.name: getattr(schedule, field.name) for field in fields(schedule)})
    assert (twin, hash(twin)) == (schedule, hash(schedule))
    for field in fields(schedule):
        assert field.name in repr(schedule)
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(schedule, field.name, 1)


def followed(make, epochs):
    """Return the factors at whole epochs of PyTorch's scheduler that `make` puts on an optimizer."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


PEERS = {
    Constant(): lambda o: lr_scheduler.ConstantLR(o, factor=1),
    Step(7, 0.3): lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.3),
    Step(1, 0.9): lambda o: lr_scheduler.StepLR(o, step_size=1, gamma=0.9),
    Exponential(0.8): lambda o: lr_scheduler.ExponentialLR(o, gamma=0.8),
    Cosine(25, 0.1): lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=25, eta_min=0.1),
    Cosine(40, 0): lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40),
}


@every(PEERS)
def test_factors_are_pytorchs_at_whole_epochs(schedule):
    """Over 26 epochs."""
    np.testing.assert_allclose(schedule.factors(np.arange(26.0)), followed(PEERS[schedule], 26), rtol=1e-12, atol=1e-15)


@every(PEERS)
def test_a_warm_up_is_pytorchs_linear_schedule_and_then_the_other(schedule):
    """LinearLR for four epochs, then the schedule's own peer, by SequentialLR."""

    def peer(optimizer):
        rise = lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=4)
        return lr_scheduler.SequentialLR(optimizer, [rise, PEERS[schedule](optimizer)], milestones=[4])

    warmed = Warmup(4, schedule, initial=0.25)
    np.testing.assert_allclose(warmed.factors(np.arange(29.0)), followed(peer, 29), rtol=1e-12, atol=1e-15)


@given(
    schedule=st.builds(
        Plateau,
        factor=st.sampled_from([0.1, 0.5]),
        patience=st.integers(0, 3),
        threshold=st.sampled_from([0.0, 1e-4, 0.1]),
        floor=st.sampled_from([0.0, 0.2]),
    ),
    mode=st.sampled_from(["min", "max"]),
    observed=st.lists(st.floats(0.01, 3) | st.sampled_from([0.5, 1.0, math.nan]), max_size=40),
)
def test_plateau_is_pytorchs(schedule, mode, observed):
    """Epoch by epoch ReduceLROnPlateau's rate; a measure that PyTorch maximizes comes to us negated."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    settings = asdict(schedule)
    settings["min_lr"] = settings.pop("floor")
    peer = lr_scheduler.ReduceLROnPlateau(optimizer, mode, **settings, eps=0)
    state = schedule.start()
    for value in observed:
        peer.step(value)
        state = schedule.observe(state, value if mode == "min" else -value)
        assert schedule.scale(state) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


@pytest.mark.parametrize("epochs", [1.5, 2])
def test_a_plateau_under_a_warm_up_counts_the_epochs_after_it(epochs):
    """Two of them began before it was over, and do not count: the same as without them and without warm-up."""
    observed = [5.0, 5.0, 4.0, 4.0, 4.0, 3.0, 9.0]
    plateau = Plateau(factor=0.5, patience=1)
    warmed, _ = trained(Warmup(epochs, plateau), observed)
    plain, _ = trained(plateau, observed[2:])
    np.testing.assert_array_equal(warmed[2 * STEPS :], plain)


def test_a_worked_example_between_the_epochs():
    """Numbers by hand: halfway up a warm-up, halfway down a cosine, on both sides of a step, half an exponential."""
    at = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 9.0])
    np.testing.assert_allclose(Warmup(1, Cosine(2, 0), 0.2).factors(at), [0.2, 0.6, 1, 0.5, 0, 0], atol=1e-15)
    np.testing.assert_allclose(Step(2, 0.5).factors(np.array([1.999, 2.0, 3.999, 4.0])), [1, 0.5, 0.5, 0.25])
    np.testing.assert_allclose(Exponential(0.25).factors(at[:3]), [1, 0.5, 0.25])


def test_a_cosine_stays_at_its_floor():
    """From its last epoch on, exactly."""
    assert set(Cosine(10, 0.3).factors(np.array([10.0, 10.5, 20.0, 1e9]))) == {0.3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(0), "every is 0, but must be a whole number of at least 1"),
        (lambda: Step(2.5), "every is 2.5"),
        (lambda: Step(2, 0), "factor is 0, but must be a number greater than 0 and less than 1"),
        (lambda: Exponential(1.5), "factor is 1.5"),
        (lambda: Exponential(math.nan), "factor is nan"),
        (lambda: Cosine(0), "epochs is 0, but must be a number greater than 0 and finite"),
        (lambda: Cosine(math.inf), "epochs is inf"),
        (lambda: Cosine(5, -0.1), "floor is -0.1, but must be a number at least 0 and less than 1"),
        (lambda: Plateau(factor=2), "factor is 2"),
        (lambda: Plateau(patience=-1), "patience is -1, but must be a whole number of at least 0"),
        (lambda: Plateau(threshold=-1), "threshold is -1"),
        (lambda: Plateau(floor=1), "floor is 1"),
        (lambda: Warmup(0), "epochs is 0, but must be a number greater than 0"),
        (lambda: Warmup(1, "cosine"), r"then is 'cosine', but must be the schedule .*Cosine\(epochs=10\)"),
        (lambda: Warmup(1, Warmup(1)), "no second warm-up"),
        (lambda: Warmup(1, initial=0), "initial is 0, but must be a number greater than 0 and less than 1"),
    ],
)
def test_an_impossible_schedule_is_refused(make, message):
    """The message names the setting, its value, and what it should be."""
    with pytest.raises(NetworkError, match=message):
        make()


def test_the_names_are_of_schedules():
    """What is registered is a subclass of the contract, read-only."""
    assert all(issubclass(schedule, Schedule) for schedule in SCHEDULES.values())
    with pytest.raises(TypeError):
        SCHEDULES["new"] = Constant
