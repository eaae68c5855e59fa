from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from network.errors import NetworkError
from network.perceptron import (
    AND,
    OR,
    XOR_HIDDEN,
    XOR_OUTPUT,
    learn,
    learn_epoch,
    linear_threshold,
    one_vs_rest,
    report,
    scores,
    separable,
)

CORNERS = np.array(list(product((0, 1), repeat=2)))
XOR = CORNERS[:, 0] ^ CORNERS[:, 1]
GATES = {"and": (AND, CORNERS[:, 0] & CORNERS[:, 1]), "or": (OR, CORNERS[:, 0] | CORNERS[:, 1])}


def rng(seed=0):
    return np.random.default_rng(seed)


def separated(seed, *, margin, rows=60, inputs=4):
    """Return rows and targets on the two sides of a plane, their distances from it in (1, x) at least `margin`."""
    generator = rng(seed)
    plane = generator.normal(size=1 + inputs)
    plane /= np.linalg.norm(plane)
    x = generator.uniform(-1, 1, (50 * rows, inputs))
    distances = plane[0] + x @ plane[1:]
    far = np.flatnonzero(np.abs(distances) >= margin)[:rows]
    return x[far], (distances[far] > 0).astype(int)


@pytest.mark.parametrize("gate", GATES)
def test_the_given_weights_compute_the_gate(gate):
    """Over the whole truth table."""
    weights, truth = GATES[gate]
    np.testing.assert_array_equal(linear_threshold(weights, CORNERS), truth)


def test_two_layers_compute_exclusive_or():
    """The hidden units are "x1 and not x2" and "x2 and not x1", and their disjunction is the truth table's."""
    hidden = linear_threshold(XOR_HIDDEN, CORNERS)
    np.testing.assert_array_equal(hidden, [[0, 0], [0, 1], [1, 0], [0, 0]])
    np.testing.assert_array_equal(linear_threshold(XOR_OUTPUT, hidden), XOR)


def test_the_threshold_is_met_at_zero():
    """g(0) = 1, and a score is the bias plus x·w."""
    x = [[2.0, 3.0], [2.0, 2.5]]
    np.testing.assert_array_equal(scores([-8, 1, 2], x), [0, -1])
    np.testing.assert_array_equal(linear_threshold([-8, 1, 2], x), [1, 0])


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("seed", range(5))
def test_the_rule_learns_a_separable_gate(gate, seed):
    """From zero weights it converges in whatever order, to weights that compute the gate, and says so."""
    truth = GATES[gate][1]
    learned = learn(CORNERS, truth, max_epochs=100, rng=rng(seed))
    assert learned.converged
    np.testing.assert_array_equal(linear_threshold(learned.weights, CORNERS), truth)
    assert learned.mistakes.shape == (learned.epochs,)
    assert learned.mistakes[-1] == 0
    assert learned.mistakes[:-1].all()
    assert f"in epoch {learned.epochs} after {learned.mistakes.sum()} mistakes" in report(learned, CORNERS, truth)


def test_exclusive_or_is_reported_as_out_of_reach():
    """The rule does not converge, and the report is certain that it never will."""
    learned = learn(CORNERS, XOR, max_epochs=50, rng=rng())
    assert not learned.converged
    assert learned.mistakes.all()
    assert "never will, as no plane separates the classes" in report(learned, CORNERS, XOR)


def test_a_report_tells_too_few_epochs_from_a_hopeless_case():
    """On separable rows that one epoch is too short for, the report advises more."""
    x, targets = separated(0, margin=0.01)
    learned = learn(x, targets, max_epochs=1, rng=rng())
    assert not learned.converged
    assert "allow more epochs" in report(learned, x, targets)


@given(
    seed=st.integers(0, 10_000),
    margin=st.floats(0.02, 0.4),
    inputs=st.integers(1, 6),
    learning_rate=st.floats(1e-3, 1e3),
)
def test_mistakes_stay_within_novikoffs_bound(seed, margin, inputs, learning_rate):
    """On rows of a known margin γ the rule converges after at most (R/γ)² mistakes, at any learning rate."""
    x, targets = separated(seed, margin=margin, inputs=inputs)
    assume(len(x) > 1)
    bound = (1 + np.square(x).sum(axis=1).max()) / margin**2
    learned = learn(x, targets, max_epochs=int(bound) + 1, rng=rng(seed), learning_rate=learning_rate)
    assert learned.converged
    assert learned.mistakes.sum() <= bound
    np.testing.assert_array_equal(linear_threshold(learned.weights, x), targets)


def test_one_epoch_is_the_rule_row_by_row():
    """The textbook's loop over the rows in the generator's order gives the same weights and mistakes."""
    x, targets = rng(1).integers(-3, 4, (40, 3)), rng(2).integers(0, 2, 40)
    shares, bias, w, mistakes = rng(3).choice([0.5, 1.0, 2.0], 40), 0.5, np.array([1.0, 0.0, -1.0]), 0
    found, met = learn_epoch([bias, *w], x, targets, rng=rng(4), learning_rate=0.25, sample_weights=shares)
    for row in rng(4).permutation(40):
        output = 1 if bias + x[row] @ w >= 0 else 0
        bias += 0.25 * shares[row] * (targets[row] - output)
        w += 0.25 * shares[row] * (targets[row] - output) * x[row]
        mistakes += output != targets[row]
    np.testing.assert_array_equal(found, [bias, *w])
    assert met == mistakes > 0


def test_learning_is_epoch_after_epoch():
    """Going on by single epochs from the weights so far, with the same generator, is learning at once."""
    x, targets = separated(7, margin=0.02)
    whole = learn(x, targets, max_epochs=6, rng=rng(1))
    generator, weights, mistakes = rng(1), np.zeros(5), []
    for _ in range(whole.epochs):
        weights, met = learn_epoch(weights, x, targets, rng=generator)
        mistakes.append(met)
    np.testing.assert_array_equal(weights, whole.weights)
    np.testing.assert_array_equal(mistakes, whole.mistakes)


def test_units_learned_together_are_those_learned_alone():
    """One-vs-rest in one pass over the rows gives each class's perceptron, bit for bit, and its mistakes."""
    x, y = load_iris(return_X_y=True)
    targets = one_vs_rest(y, 3)
    together = learn(x, targets, max_epochs=8, rng=rng(5))
    assert together.weights.shape == (3, 5)
    assert together.mistakes.shape == (8, 3)
    for unit in range(3):
        alone = learn(x, targets[:, unit], max_epochs=8, rng=rng(5))
        np.testing.assert_array_equal(together.weights[unit], alone.weights)
        np.testing.assert_array_equal(together.mistakes[: alone.epochs, unit], alone.mistakes)


def test_one_vs_rest_classifies_and_names_the_classes_out_of_reach():
    """Of the three irises only the first is separable from the others: the largest score is right for all of it."""
    x, y = load_iris(return_X_y=True)
    targets = one_vs_rest(y, 3)
    learned = learn(x, targets, max_epochs=100, rng=rng())
    predicted = scores(learned.weights, x).argmax(axis=1)
    assert (predicted == y).mean() > 0.8
    assert "no plane separates these classes from the rest: 1, 2." in report(learned, x, targets)


def test_a_row_of_weight_zero_is_absent():
    """The one row that makes a gate inseparable, given no weight, changes nothing."""
    x, targets = np.vstack([CORNERS, [[1, 1]]]), [*GATES["and"][1], 0]
    weighted = learn(x, targets, max_epochs=100, rng=rng(), sample_weights=[1, 1, 1, 1, 0])
    without = learn(CORNERS, GATES["and"][1], max_epochs=100, rng=rng())
    assert weighted.converged
    np.testing.assert_array_equal(weighted.weights, without.weights)


def test_what_has_converged_has_no_errors_left():
    """Also where decimal fractions put a score within rounding of the threshold: learning and use round alike."""
    converged = 0
    for seed in range(300):
        x, targets = rng(seed).integers(-2, 3, (12, 9)) / 10, rng(seed + 1).integers(0, 2, 12)
        learned = learn(x, targets, max_epochs=30, rng=rng(), learning_rate=0.1)
        converged += learned.converged
        wrong = linear_threshold(learned.weights, x) != targets
        assert not (learned.converged and wrong.any())
    assert converged > 100


def test_learning_changes_none_of_its_arguments():
    """Weights, rows, targets and sample weights stay as they were."""
    arguments = np.zeros(3), CORNERS.astype(float), XOR.copy(), np.ones(4)
    for array in arguments:
        array.flags.writeable = False
    weights, x, targets, shares = arguments
    found, _ = learn_epoch(weights, x, targets, rng=rng(), sample_weights=shares)
    assert found.any()


@pytest.mark.parametrize(("inputs", "count"), [(1, 4), (2, 14), (3, 104)])
def test_as_many_boolean_functions_are_separable_as_are_known_to_be(inputs, count):
    """Of the 2^(2^n) functions of n variables: 4, 14, 104 (Muroga, Threshold Logic, 1971; OEIS A000609)."""
    corners = np.array(list(product((0, 1), repeat=inputs)))
    functions = product((0, 1), repeat=len(corners))
    assert sum(separable(corners, truth) for truth in functions) == count


@given(seed=st.integers(0, 10_000), inputs=st.integers(1, 5), offset=st.sampled_from([0.0, 1e5]))
def test_separability_is_known_on_both_sides(seed, inputs, offset):
    """True for rows on two sides of a plane; false once a mean of one side's rows belongs to the other side."""
    x, targets = separated(seed, margin=1e-3, inputs=inputs)
    assume(targets.sum() > 2 * inputs + 1)  # the mean lies deep among the rows
    x = x * 10.0 ** rng(seed).uniform(-3, 3, inputs) + offset
    assert separable(x, targets)
    mean = x[targets == 1].mean(axis=0)
    assert not separable(np.vstack([x, mean]), [*targets, 0])


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 12), inputs=st.integers(1, 3))
def test_what_the_rule_learns_is_separable(seed, rows, inputs):
    """On random targets convergence within 200 epochs implies separability: the two never contradict each other."""
    x, targets = rng(seed).normal(size=(rows, inputs)), rng(seed + 1).integers(0, 2, rows)
    converged = learn(x, targets, max_epochs=200, rng=rng()).converged
    assert separable(x, targets) or not converged


X = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores(AND, [1.0, 2.0]), r"x has shape \(2,\).*must hold numbers of shape \(n, inputs\)"),
        (lambda: scores(AND, [["a", "b"]]), "x has shape .* encode what is not a number"),
        (lambda: scores(AND, np.empty((0, 2))), "x has no rows"),
        (lambda: scores(AND, [[0, 1], [0, np.nan]]), "x holds NaN or infinity, first in row 1, column 1"),
        (lambda: scores(AND, np.ones((2, 3))), r"weights have shape \(3,\), but x has 3 columns"),
        (lambda: learn(X, [0, 1], max_epochs=1, rng=rng()), r"targets has shape \(2,\).*each of the 3 rows of x"),
        (lambda: learn(X, [0, 1, 2], max_epochs=1, rng=rng()), "must hold 0 or 1 .* `one_vs_rest`"),
        (lambda: learn(X, [0, 1, np.nan], max_epochs=1, rng=rng()), "must hold 0 or 1"),
        (lambda: learn(X, ["0", "1", "1"], max_epochs=1, rng=rng()), "must hold 0 or 1"),
        (lambda: learn(X, [0, 1, 1], max_epochs=0, rng=rng()), "max_epochs is 0, but must be a whole number"),
        (lambda: learn(X, [0, 1, 1], max_epochs=1, rng=rng(), learning_rate=0), "learning_rate is 0, but must be"),
        (lambda: learn(X, [0, 1, 1], max_epochs=1, rng=rng(), sample_weights=[1, 1]), r"sample_weights has shape \(2,"),
        (lambda: learn(X, [0, 1, 1], max_epochs=1, rng=rng(), sample_weights=[1, 1, -1]), "number of at least 0"),
        (lambda: learn(X, [0, 1, 1], max_epochs=1, rng=rng(), sample_weights=[0, 0, 0]), "sample_weights are all 0"),
        (lambda: learn(X * 1e308, [0, 0, 0], max_epochs=1, rng=rng(), learning_rate=9), "have overflowed: scale"),
        (lambda: learn_epoch(XOR_HIDDEN, X, [0, 1, 1], rng=rng()), r"weights have shape \(2, 3\) and the targets \(3,"),
        (lambda: one_vs_rest([0, 3], 3), "whole number from 0 to 2"),
        (lambda: one_vs_rest([0.5, 1], 3), "encode the classes"),
        (lambda: one_vs_rest([0], 0), "classes is 0"),
        (lambda: separable(X, np.eye(3)), r"targets has shape \(3, 3\), but must be \(n,\)"),
    ],
)
def test_impossible_arguments_are_refused(call, message):
    """The message says what is wrong, where, and what to do."""
    with pytest.raises(NetworkError, match=message):
        call()
