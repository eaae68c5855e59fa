"""Every registered optimizer against PyTorch's own of that name, and the laws that PyTorch says nothing about."""

import warnings

import numpy as np
import pytest
import torch

from network.arrays import aligned_zeros
from network.member import Member
from network.optimizers import OPTIMIZERS

MEMBERS = [
    Member(seed=0, learning_rate=0.1, momentum=0.9, rho=0.9, beta1=0.9, beta2=0.999, weight_decay=0.0),
    Member(seed=0, learning_rate=0.01, momentum=0.0, rho=0.5, beta1=0.5, beta2=0.9, weight_decay=0.3),
    Member(seed=0, learning_rate=0.5, momentum=0.3, rho=0.0, beta1=0.0, beta2=0.0, weight_decay=1.5),
    Member(seed=0, learning_rate=1e-3, momentum=0.99, rho=0.999, beta1=0.99, beta2=0.9999, weight_decay=10.0),
]
RATES = np.array([[member.learning_rate] for member in MEMBERS])
COUNT, SIZE, WEIGHTS, STEPS = len(MEMBERS), 23, 17, 20

ORACLES = {
    "adagrad": lambda p, m: torch.optim.Adagrad(p, m.learning_rate),
    "adam": lambda p, m: torch.optim.Adam(p, m.learning_rate, (m.beta1, m.beta2)),
    "adamw": lambda p, m: torch.optim.AdamW(p, m.learning_rate, (m.beta1, m.beta2), weight_decay=m.weight_decay),
    # PyTorch's refuses to be Nesterov's without momentum.
    "nesterov": lambda p, m: torch.optim.SGD(p, m.learning_rate, m.momentum, nesterov=m.momentum > 0),
    "rmsprop": lambda p, m: torch.optim.RMSprop(p, m.learning_rate, m.rho),
    "sgd": lambda p, m: torch.optim.SGD(p, m.learning_rate, m.momentum),
}


def problem(*, dtype="float64", steps=STEPS, members=COUNT, size=SIZE):
    """Return parameters (members, size) and gradients (steps, members, size).

    Half the parameters start at 0, so that what is compared is how they moved. Gradients range from where ε rules to
    where it vanishes; one of them is always 0.
    """
    rng = np.random.default_rng(0)
    start = rng.normal(size=(members, size)) * (np.arange(size) % 2)
    gradients = rng.normal(size=(steps, members, size)) * np.logspace(-12, 2, size)
    gradients[..., size // 2] = 0
    return start.astype(dtype), gradients.astype(dtype)


def run(name, members, start, gradients, rates, *, done=0, state=None):
    """Return the parameters after each step, (steps, members, size), and the state after the last."""
    _, count, size = gradients.shape
    parameters = aligned_zeros(count, (size,), start.dtype)
    parameters[...] = start
    work = aligned_zeros(OPTIMIZERS[name].work * count, (size,), start.dtype).reshape(-1, count, size)
    optimizer = OPTIMIZERS[name](members, parameters, work, weights=min(WEIGHTS, size))
    if state is not None:
        optimizer.state[...] = state
    optimizer.begin(rates, [done] * count)
    trajectory = []
    for step, gradient in enumerate(gradients):
        work[...] = np.nan  # all but the gradients is scratch
        work[0] = gradient
        optimizer.step(step)
        trajectory.append(parameters.copy())
    return np.array(trajectory), optimizer.state.copy()


def pytorch(name, member, start, gradients, rates):
    """Return one member's parameters after each step, (steps, size), by PyTorch; only weights decay."""
    weights, others = (torch.tensor(part, requires_grad=True) for part in np.split(start, [WEIGHTS]))
    optimizer = ORACLES[name]([{"params": [weights]}, {"params": [others]}], member)
    if "weight_decay" in optimizer.defaults:
        optimizer.param_groups[1]["weight_decay"] = 0.0
    trajectory = []
    for gradient, rate in zip(gradients, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        weights.grad, others.grad = (torch.tensor(part) for part in np.split(gradient, [WEIGHTS]))
        optimizer.step()
        trajectory.append(torch.cat([weights, others]).detach().numpy())
    return np.array(trajectory)


def assert_pytorchs(name, start, gradients, rates, **tolerance):
    found, _ = run(name, MEMBERS, start, gradients, rates)
    for k, member in enumerate(MEMBERS):
        expected = pytorch(name, member, start[k], gradients[:, k], rates[k])
        np.testing.assert_allclose(found[:, k], expected, **tolerance)


def test_every_optimizer_has_an_oracle():
    """Nothing is registered without PyTorch's form to compare it with."""
    assert set(ORACLES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [1, STEPS])
def test_an_optimizer_is_pytorchs(name, steps):
    """Every member of a stack follows PyTorch's optimizer under its own settings, in float64 to nine digits."""
    assert_pytorchs(name, *problem(steps=steps), np.repeat(RATES, steps, axis=1), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_has_its_own_learning_rate(name):
    """Rates that change from step to step, and differ between members, are those of PyTorch's steps."""
    rates = RATES * np.cos(np.linspace(0, 1.5, STEPS)) * np.linspace(1, 3, COUNT)[:, None]
    assert_pytorchs(name, *problem(), rates, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_in_single_precision_is_pytorchs(name):
    """In float32 the two differ by rounding alone."""
    assert_pytorchs(name, *problem(dtype="float32"), np.repeat(RATES, STEPS, axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 16, SIZE, 300])
def test_a_member_of_a_stack_is_the_member_alone(name, dtype, size):
    """Parameters after each step, and the state, are the same bits, among members like it and unlike it."""
    for members in (MEMBERS, MEMBERS[:1] * 3, [MEMBERS[1], MEMBERS[3], MEMBERS[1]]):
        start, gradients = problem(dtype=dtype, size=size, members=len(members))
        rates = np.array([[member.learning_rate] for member in members]) * np.linspace(1, 2, STEPS)
        together, state = run(name, members, start, gradients, rates)
        for k, member in enumerate(members):
            one = slice(k, k + 1)
            alone, own_state = run(name, [member], start[one], gradients[:, one], rates[one])
            np.testing.assert_array_equal(together[:, one], alone)
            np.testing.assert_array_equal(state[:, one], own_state)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("epoch", [1, 2, 5, 19])
def test_how_steps_are_split_into_epochs_changes_nothing(name, dtype, epoch):
    """Twenty steps in epochs of 1, 2, 5 or 19, each by a new optimizer from the state: the bits of one epoch of 20."""
    start, gradients = problem(dtype=dtype)
    rates = RATES * np.linspace(1, 2, STEPS)
    expected, final = run(name, MEMBERS, start, gradients, rates)
    state, parts = None, []
    for done in range(0, STEPS, epoch):
        steps = slice(done, done + epoch)
        part, state = run(name, MEMBERS, start, gradients[steps], rates[:, steps], done=done, state=state)
        start = part[-1]
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(state, final)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_member_counts_its_own_steps(name):
    """A member that joins others with another count of steps goes on as it would have among its equals."""
    start, gradients = problem(steps=8)
    expected, state = run(name, MEMBERS, start, gradients, np.repeat(RATES, 8, axis=1))
    half, between = run(name, MEMBERS, start, gradients[:4], np.repeat(RATES, 4, axis=1))
    parameters = aligned_zeros(2, (SIZE,), "float64")
    parameters[...] = start[0], half[-1, 1]
    work = aligned_zeros(OPTIMIZERS[name].work * 2, (SIZE,), "float64").reshape(-1, 2, SIZE)
    optimizer = OPTIMIZERS[name](MEMBERS[:2], parameters, work, WEIGHTS)
    optimizer.state[:, 1] = between[:, 1]
    optimizer.begin(np.repeat(RATES[:2], 4, axis=1), [0, 4])
    for step in range(4):
        work[0] = gradients[step, 0], gradients[step + 4, 1]
        optimizer.step(step)
    np.testing.assert_array_equal(parameters, [half[-1, 0], expected[-1, 1]])
    np.testing.assert_array_equal(optimizer.state[:, 1], state[:, 1])


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_state_starts_at_zero(name, count):
    """One array a slot, (members, P), in the parameters' dtype, also when the last member has left."""
    members, kind = MEMBERS[:count], OPTIMIZERS[name]
    work = np.zeros((kind.work, count, SIZE), np.float32)
    optimizer = kind(members, aligned_zeros(count, (SIZE,), "float32"), work, WEIGHTS)
    assert optimizer.state.shape == (len(kind.slots), count, SIZE)
    assert optimizer.state.dtype == np.float32
    assert not optimizer.state.any()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [0.0, 1e-44, 1e-30, 1e-3, 1e15])
def test_finite_gradients_give_finite_parameters_without_a_warning(name, dtype, scale):
    """Gradients of 0, of subnormal size and of a size whose squares nearly overflow: no NaN, and 0 moves nothing."""
    member = Member(seed=0, learning_rate=0.1)
    start, _ = problem(dtype=dtype, members=1)
    gradients = np.random.default_rng(1).normal(size=(STEPS, 1, SIZE)) * scale
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, state = run(name, [member], start, gradients.astype(dtype), np.full((1, STEPS), 0.1))
    assert np.isfinite(found).all()
    assert np.isfinite(state).all()
    if scale == 0:
        np.testing.assert_array_equal(found[-1], start)


def test_weight_decay_shrinks_weights_and_nothing_else():
    """Where gradients are 0, each step of AdamW multiplies weights by 1 - ηλ, and leaves the bits of all else alone."""
    start, gradients = problem()
    found, _ = run("adamw", MEMBERS, start, 0 * gradients, np.repeat(RATES, STEPS, axis=1))
    kept = np.array([1 - member.learning_rate * member.weight_decay for member in MEMBERS])
    expected = start[:, :WEIGHTS] * kept[:, None] ** STEPS
    np.testing.assert_allclose(found[-1, :, :WEIGHTS], expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found[-1, :, WEIGHTS:], start[:, WEIGHTS:])


def test_adamw_is_adam_where_nothing_decays():
    """Bit for bit: biases under any weight decay, weights without one, and both moments always."""
    start, gradients = problem()
    rates = np.repeat(RATES, STEPS, axis=1)
    adam, moments = run("adam", MEMBERS, start, gradients, rates)
    adamw, the_same = run("adamw", MEMBERS, start, gradients, rates)
    np.testing.assert_array_equal(adamw[:, 0], adam[:, 0])
    np.testing.assert_array_equal(adamw[..., WEIGHTS:], adam[..., WEIGHTS:])
    np.testing.assert_array_equal(the_same, moments)


def test_nesterov_without_momentum_is_gradient_descent():
    """With μ = 0 both momentum methods are θ - Σ η g, bit for bit."""
    start, gradients = problem(members=1)
    rates, member = np.full((1, STEPS), 0.1), Member(seed=0, momentum=0.0)
    expected = start[0]
    for gradient in gradients[:, 0]:
        expected = expected - 0.1 * gradient
    for name in ("nesterov", "sgd"):
        np.testing.assert_array_equal(run(name, [member], start, gradients, rates)[0][-1, 0], expected)
