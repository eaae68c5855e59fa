"""Every rule of regularization against its formula, PyTorch, and the stack it acts on."""

import warnings

import numpy as np
import pytest
import torch

from network.arrays import Scratch, aligned_zeros
from network.layers.dense import Dense
from network.layout import Layout, views
from network.member import Member
from network.regularization import AFTER, BEFORE, L1, L2, ClipNorm, MaxNorm, traits, wanted
from network.stack import Stack

LAYOUT = Layout.of((Dense((5,), 4), Dense((4,), 3)))
WEIGHTS = slice(LAYOUT.weights)
RULES = (*BEFORE, *AFTER)
DTYPES = ("float32", "float64")

AMOUNTS = {L2: (0.3, 2.0, 1e-3), L1: (0.3, 2.0, 1e-3), ClipNorm: (1.5, 1e6, 1e-3), MaxNorm: (1.5, 1e6, 1e-3)}
"""For every rule its setting in each of three members."""


def stack_of(members, dtype="float64", seed=0, scale=1.0):
    """Return a stack whose parameters and gradients are normal numbers times `scale`; a number, or one for a member."""
    rng, shape = np.random.default_rng(seed), (len(members), LAYOUT.used)
    parameters, gradients = (aligned_zeros(len(members), (LAYOUT.size,), dtype) for _ in range(2))
    for array in (parameters, gradients):
        array[:, : LAYOUT.used] = rng.normal(size=shape) * np.reshape(scale, (-1, 1))
    statistics = aligned_zeros(len(members), (LAYOUT.gathered,), dtype)
    return Stack(LAYOUT, members, parameters, gradients, statistics, Scratch())


def members_of(rule):
    return [Member(seed=0, **{rule.setting: amount}) for amount in AMOUNTS[rule]]


def act(rule, stack):
    acting = rule(stack)
    acting.begin()
    acting.act()


def matrices(stack):
    """Return the weights of every layer, (members, inputs, units), as views."""
    return [views(places, stack.parameters)[0] for places in LAYOUT.parameters]


def exact_norm(vectors, axis=-1):
    return np.sqrt(np.square(vectors.astype(np.longdouble)).sum(axis=axis))


def test_every_rule_is_tested():
    """No rule is there without amounts to test it with."""
    assert set(AMOUNTS) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rules", [BEFORE, AFTER])
def test_a_member_has_the_rules_that_it_has_set(rule, rules):
    """A plain member wants none of them; with one setting it wants that one, in its place, and is given no other."""
    plain, member = Member(seed=0), members_of(rule)[0]
    assert traits(plain) == (False,) * len(RULES)
    assert traits(member) == tuple(other is rule for other in RULES)
    assert wanted(rules, stack_of([plain, plain])) == []
    assert [type(found) for found in wanted(rules, stack_of([member]))] == [rule] * (rule in rules)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_member_of_a_stack_is_the_member_alone(rule, dtype):
    """Parameters and gradients are the same bits after a rule, also beside members that are 0, huge or have diverged."""
    members, scale = members_of(rule) * 3, np.array([1, 1, 1, 0, 1e30, 1e-30, 10, 10, 10])
    together, untouched = (stack_of(members, dtype, scale=scale) for _ in range(2))
    for stack in (together, untouched):
        stack.parameters[6:, 2], stack.gradients[6:, 2] = np.nan, np.nan
        stack.parameters[7, 5], stack.gradients[8, 5] = np.inf, -np.inf
    with np.errstate(all="ignore"):
        act(rule, together)
    for k, member in enumerate(members):
        alone = stack_of([member], dtype)
        alone.parameters[...], alone.gradients[...] = untouched.parameters[k], untouched.gradients[k]
        with np.errstate(all="ignore"):
            act(rule, alone)
        np.testing.assert_array_equal(together.parameters[k], alone.parameters[0])
        np.testing.assert_array_equal(together.gradients[k], alone.gradients[0])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0.0, 1e-44, 1e-20, 1.0, 1e15])
def test_finite_numbers_stay_finite_without_a_warning(rule, dtype, scale):
    """Zeros, subnormal and large numbers give no NaN and no warning; of zeros, every rule makes zeros."""
    stack = stack_of(members_of(rule), dtype, scale=scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        act(rule, stack)
    assert np.isfinite(stack.parameters).all()
    assert np.isfinite(stack.gradients).all()
    if scale == 0:
        assert not stack.parameters.any()
        assert not stack.gradients.any()


@pytest.mark.parametrize("rule", RULES)
def test_an_amount_beyond_single_precision_is_the_nearest_it_has(rule):
    """Settings are of any size that float64 has: 1e-300 and 1e300 give no NaN in float32."""
    members = [Member(seed=0, **{rule.setting: amount}) for amount in (1e-300, 1e300)]
    stack = stack_of(members, "float32")
    with np.errstate(over="ignore"):
        act(rule, stack)
    assert not np.isnan(stack.parameters).any()
    assert not np.isnan(stack.gradients).any()


@pytest.mark.parametrize(
    ("rule", "penalty"),
    [(L2, lambda weights: np.square(weights).sum() / 2), (L1, lambda weights: np.abs(weights).sum())],
)
def test_a_penaltys_gradient_agrees_with_central_differences(rule, penalty):
    """Of a smooth loss plus the penalty on the weights, for every parameter of three members, weights and biases."""
    members, h = members_of(rule), 1e-6
    stack = stack_of(members)
    stack.gradients[...] = np.cos(stack.parameters)
    act(rule, stack)

    def loss(k, theta):
        return np.sin(theta).sum() + AMOUNTS[rule][k] * penalty(theta[WEIGHTS])

    for k, theta in enumerate(stack.parameters[:, : LAYOUT.used]):
        slopes = [(loss(k, theta + step) - loss(k, theta - step)) / (2 * h) for step in h * np.eye(len(theta))]
        np.testing.assert_allclose(stack.gradients[k, : LAYOUT.used], slopes, rtol=1e-7, atol=1e-8)


def test_the_lasso_leaves_weights_of_zero_alone():
    """The gradient of |w| at 0 is taken as 0."""
    stack = stack_of(members_of(L1))
    stack.parameters[...] = 0
    before = stack.gradients.copy()
    act(L1, stack)
    np.testing.assert_array_equal(stack.gradients, before)


@pytest.mark.parametrize("rule", [L2, L1])
def test_a_penalty_survives_others_use_of_the_scratch_memory(rule):
    """Another stack that begins an epoch on the same scratch memory disturbs no epoch that begins after it."""
    expected = stack_of(members_of(rule))
    act(rule, expected)
    stack = stack_of(members_of(rule))
    acting = rule(stack)
    other = stack_of([Member(seed=0, **{rule.setting: 77.0})])
    act(rule, Stack(LAYOUT, other.members, other.parameters, other.gradients, other.statistics, stack.scratch))
    acting.begin()
    acting.act()
    np.testing.assert_array_equal(stack.gradients, expected.gradients)


@pytest.mark.parametrize("dtype", DTYPES)
def test_clipping_is_pytorchs(dtype):
    """Member by member as torch.nn.utils.clip_grad_norm_, which adds 1e-6 to the norm that it divides by."""
    members = members_of(ClipNorm)
    stack = stack_of(members, dtype, scale=10.0)
    parameters = [torch.zeros(LAYOUT.size, requires_grad=True) for _ in members]
    for parameter, gradient, member in zip(parameters, stack.gradients, members, strict=True):
        parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        torch.nn.utils.clip_grad_norm_([parameter], member.clip_norm)
    act(ClipNorm, stack)
    expected = np.array([parameter.grad.numpy() for parameter in parameters])
    np.testing.assert_allclose(stack.gradients, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(dtype, scale) for dtype in DTYPES for scale in (0.0, 1e-12, 0.1, 1.0, 1e3, 1e19, 1e30)] + [("float64", 1e200)],
)
def test_clipping_bounds_the_norm_and_keeps_the_direction(dtype, scale):
    """The norm becomes min(norm, c), also where its square overflows; gradients within the bound keep their bits."""
    members = [Member(seed=0, clip_norm=bound) for bound in (1e-3, 1.0, 7.5, 1e25)]
    stack = stack_of(members, dtype, scale=scale)
    before = stack.gradients.copy()
    with np.errstate(over="ignore"):
        act(ClipNorm, stack)
    norms, digits = exact_norm(before), 10 * np.finfo(dtype).eps
    bounds = np.array([member.clip_norm for member in members])
    factors = np.minimum(1, bounds / np.where(norms > 0, norms, 1))
    np.testing.assert_allclose(exact_norm(stack.gradients), np.minimum(norms, bounds), rtol=digits)
    np.testing.assert_allclose(stack.gradients, factors[:, None] * before, rtol=digits)
    within = (norms < bounds) & (norms < np.sqrt(np.finfo(dtype).max))
    np.testing.assert_array_equal(stack.gradients[within], before[within])


def test_clipping_counts_the_penalties():
    """In the order of BEFORE, the norm of gradient and penalties together is within the bound."""
    stack = stack_of([Member(seed=0, l1=3.0, l2=5.0, clip_norm=0.1)], scale=10.0)
    for rule in wanted(BEFORE, stack):
        rule.begin()
        rule.act()
    assert exact_norm(stack.gradients)[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(dtype, scale) for dtype in DTYPES for scale in (0.0, 0.1, 1.0, 1e3, 1e30)] + [("float64", 1e200)],
)
def test_every_unit_has_weights_of_a_bounded_norm(dtype, scale):
    """Each column within its member's bound keeps its bits, others are scaled to it; biases are left alone."""
    members = [Member(seed=0, max_norm=bound) for bound in (1e-3, 2.0, 1e6)]
    stack, unchanged = stack_of(members, dtype, scale=scale), stack_of(members, dtype, scale=scale)
    with np.errstate(over="ignore"):
        act(MaxNorm, stack)
    digits = 10 * np.finfo(dtype).eps
    for after, before in zip(matrices(stack), matrices(unchanged), strict=True):
        for k, member in enumerate(members):
            for column, origin in zip(after[k].T, before[k].T, strict=True):
                norm = exact_norm(origin)
                if norm < member.max_norm:
                    np.testing.assert_array_equal(column, origin)
                else:
                    np.testing.assert_allclose(column, origin * (member.max_norm / norm), rtol=digits)
    np.testing.assert_array_equal(stack.parameters[:, LAYOUT.weights :], unchanged.parameters[:, LAYOUT.weights :])
    np.testing.assert_array_equal(stack.gradients, unchanged.gradients)
