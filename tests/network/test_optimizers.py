import numpy as np
import pytest

from network import OPTIMIZERS, Member
from network.arrays import aligned_zeros

MEMBERS = [
    Member(seed=0, learning_rate=0.1, momentum=0.9),
    Member(seed=0, learning_rate=0.01, momentum=0.0, beta1=0.5, beta2=0.9),
    Member(seed=0, learning_rate=0.5, momentum=0.3, beta1=0.0, beta2=0.0),
]


def textbook_sgd(theta, gradients, member):
    velocity = np.zeros_like(theta)
    for g in gradients:
        velocity = member.momentum * velocity + g
        theta = theta - member.learning_rate * velocity
    return theta


def textbook_adam(theta, gradients, member):
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = member.beta1 * m + (1 - member.beta1) * g
        v = member.beta2 * v + (1 - member.beta2) * g**2
        m_hat, v_hat = m / (1 - member.beta1**t), v / (1 - member.beta2**t)
        theta = theta - member.learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return theta


ORACLES = {"sgd": textbook_sgd, "adam": textbook_adam}


def optimized(name, members, theta, gradients, *, decays, split=None):
    """Return the parameters after a step for each of `gradients` (steps, members, P), in one or two epochs."""
    optimizer = OPTIMIZERS[name](members, decays)
    parameters = aligned_zeros(len(members), decays.shape, decays.dtype)
    parameters[...] = theta
    split = len(gradients) if split is None else split
    for done, part in ((0, gradients[:split]), (split, gradients[split:])):
        optimizer.begin(members, [done] * len(members), len(part))
        for step, gradient in enumerate(part):
            optimizer.step(step, parameters, gradient.copy())
    return parameters


def problem(seed=0, steps=12, size=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(MEMBERS), size)), rng.normal(size=(steps, len(MEMBERS), size))


def test_every_optimizer_has_an_oracle():
    """Nothing is registered without its textbook form to compare it with."""
    assert set(ORACLES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("split", [None, 5])
def test_an_optimizer_is_the_textbooks(name, split):
    """Every member follows the published algorithm under its own settings, across epochs as within one."""
    theta, gradients = problem()
    found = optimized(name, MEMBERS, theta, gradients, decays=np.zeros(6), split=split)
    for k, member in enumerate(MEMBERS):
        np.testing.assert_allclose(found[k], ORACLES[name](theta[k], gradients[:, k], member), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_adds_its_gradient_where_it_acts(name):
    """One step with L2 is one step along g + λθ for weights and along g for biases, each member with its own λ."""
    theta, gradients = problem(steps=1)
    decays = np.array([1.0, 1, 0, 1, 0, 0])
    l2 = [0.0, 0.3, 7.0]
    members = [
        Member(member.seed, member.learning_rate, strength, member.momentum, member.beta1, member.beta2)
        for member, strength in zip(MEMBERS, l2, strict=True)
    ]
    found = optimized(name, members, theta, gradients, decays=decays)
    expected = optimized(name, MEMBERS, theta, gradients + np.array(l2)[:, None] * decays * theta, decays=decays)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_descends_to_the_minimum_of_a_bowl(name):
    """On Σ c θ² with curvatures from 1 to 4, every member comes close to 0 in 2,000 steps."""
    members = [Member(seed=0, learning_rate=0.01), Member(seed=0, learning_rate=0.003)]
    optimizer, parameters = OPTIMIZERS[name](members, np.zeros(4)), np.ones((2, 4))
    optimizer.begin(members, [0, 0], 2000)
    for step in range(2000):
        optimizer.step(step, parameters, 2 * np.arange(1.0, 5) * parameters)
    assert np.abs(parameters).max() < 1e-2
