import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy.special import expit, huber, log_softmax, softmax
from sklearn import metrics

from network.arrays import aligned_zeros
from network.errors import NetworkError
from network.losses import LOSSES, Huber

CASES = [
    (name, outputs) for name in LOSSES for outputs in (1, 2, 5) if (name, outputs) != ("cross_entropy", 1)
]  # one output stands for one class, and everything is certain


def drawn(name, rows, outputs, seed=0):
    """Return random outputs (rows, outputs) and a random y."""
    rng = np.random.default_rng([seed, rows, outputs])
    z = rng.normal(scale=2, size=(rows, outputs))
    if name == "cross_entropy":
        return z, rng.integers(outputs, size=rows)
    if name == "binary_cross_entropy":
        return z, rng.integers(2, size=(rows, outputs))
    return z, rng.normal(scale=2, size=(rows, outputs))


def targets_of(name, y, outputs, dtype="float64"):
    return LOSSES[name].targets("y", y, outputs, np.dtype(dtype))


def one_gradient(name, outputs, targets, weights=None):
    """Return the rows' losses and the gradient of one network."""
    losses, gradient = np.full((1, len(outputs)), np.nan, outputs.dtype), np.full_like(outputs[None], np.nan)
    rows = None if weights is None else weights[None]
    LOSSES[name].gradient(outputs[None].copy(), targets[None], gradient, losses, rows)
    return losses[0], gradient[0]


def one_score(name, outputs, targets, metric, weights=None):
    return LOSSES[name].metrics(outputs[None], targets, [metric], weights)[metric][0]


def of_labels(score):
    return lambda z, y, w: np.mean([score(z[:, k], y[:, k], w) for k in range(z.shape[1])])


def log_loss(z, y, w):
    return metrics.log_loss(y, softmax(z, axis=1), labels=range(z.shape[1]), sample_weight=w)


def multiclass_area(z, y, w):
    scores = expit(z[:, 1] - z[:, 0]) if z.shape[1] == 2 else softmax(z, axis=1)
    return metrics.roc_auc_score(y, scores, multi_class="ovr", sample_weight=w)


label_loss = of_labels(lambda z, y, w: metrics.log_loss(y, expit(z), sample_weight=w))
REGRESSION = {
    "rmse": lambda z, y, w: np.sqrt(metrics.mean_squared_error(y, z, sample_weight=w)),
    "r2": lambda z, y, w: metrics.r2_score(y, z, sample_weight=w),
    "mae": lambda z, y, w: metrics.mean_absolute_error(y, z, sample_weight=w),
}
SCORES = {
    "cross_entropy": {
        "loss": log_loss,
        "log_loss": log_loss,
        "accuracy": lambda z, y, w: metrics.accuracy_score(y, z.argmax(axis=1), sample_weight=w),
        "balanced_accuracy": lambda z, y, w: metrics.balanced_accuracy_score(y, z.argmax(axis=1), sample_weight=w),
        "roc_auc": multiclass_area,
    },
    "binary_cross_entropy": {
        "loss": label_loss,
        "log_loss": label_loss,
        "accuracy": lambda z, y, w: metrics.accuracy_score(y, z > 0, sample_weight=w),
        "balanced_accuracy": of_labels(lambda z, y, w: metrics.balanced_accuracy_score(y, z > 0, sample_weight=w)),
        "roc_auc": lambda z, y, w: metrics.roc_auc_score(y, expit(z), sample_weight=w),
    },
    "squared_error": {"loss": lambda z, y, w: metrics.mean_squared_error(y, z, sample_weight=w), **REGRESSION},
    "rss": {"loss": lambda z, y, w: np.average(((z - y) ** 2).sum(axis=1), weights=w), **REGRESSION},
    "huber": {"loss": lambda z, y, w: np.average(huber(1, z - y).mean(axis=1), weights=w), **REGRESSION},
}
ANNOUNCED = [(name, outputs, metric) for name, outputs in CASES for metric in LOSSES[name].directions]


def test_every_metric_has_an_oracle():
    """Every registered loss, and every metric it announces, has a reference in scikit-learn or scipy."""
    assert {name: set(scores) for name, scores in SCORES.items()} == {
        name: set(loss.directions) for name, loss in LOSSES.items()
    }


@pytest.mark.parametrize(("name", "outputs", "metric"), ANNOUNCED)
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_agree_with_the_oracles(name, outputs, metric, weighted):
    """Metrics of random outputs are those of sklearn.metrics, with sample weights, some of them 0, and without."""
    z, y = drawn(name, 40, outputs)
    weights = np.random.default_rng(1).integers(4, size=40) / 3 if weighted else None
    assert one_score(name, z, targets_of(name, y, outputs), metric, weights) == pytest.approx(
        SCORES[name][metric](z, y, weights), rel=1e-12
    )


@pytest.mark.parametrize(("name", "outputs", "metric"), ANNOUNCED)
def test_metrics_in_float32_are_close(name, outputs, metric):
    """Single precision costs no more than its own rounding."""
    z, y = drawn(name, 400, outputs)
    score = one_score(name, z.astype("float32"), targets_of(name, y, outputs, "float32"), metric)
    assert score == pytest.approx(SCORES[name][metric](z, y, None), rel=2e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_usual_is_all_but_what_is_expensive(name):
    """The loss is always known; only metrics that go through all classes are left out."""
    usual, known = LOSSES[name].usual, set(LOSSES[name].directions)
    assert usual[0] == "loss"
    assert known - set(usual) <= {"balanced_accuracy", "roc_auc"}
    assert set(usual) == known - {"balanced_accuracy", "roc_auc"}


@pytest.mark.parametrize(("name", "outputs"), CASES)
def test_the_direction_of_a_metric_is_the_one_in_which_it_gets_better(name, outputs):
    """Outputs close to the truth beat outputs far from it, in every metric's own direction."""
    z, y = drawn(name, 23, outputs)
    targets, directions = targets_of(name, y, outputs), LOSSES[name].directions
    good = 10 * (targets - 0.5) if name.endswith("cross_entropy") else targets
    scores = LOSSES[name].metrics(np.stack([good, -z - 9 * targets]), targets, list(directions))
    for metric, direction in directions.items():
        best, worst = scores[metric]
        assert (best < worst) == (direction == "minimize")


@pytest.mark.parametrize(("name", "outputs"), [*CASES, ("cross_entropy", 1)])
@pytest.mark.parametrize("rows", [1, 6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0, 0.3])
def test_the_gradient_is_that_of_the_mean_of_weighted_losses(name, outputs, rows, weighted, smoothing):
    """It agrees with central differences, for the targets of a user and for smoothed ones."""
    z, y = drawn(name, rows, outputs)
    targets = targets_of(name, y, outputs)
    targets = (1 - smoothing) * targets + smoothing * targets.mean(axis=1, keepdims=True)
    weights = np.random.default_rng(2).uniform(0, 3, rows) if weighted else None
    _, gradient = one_gradient(name, z, targets, weights)
    step = 1e-6
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += step
        down[index] -= step
        difference = one_gradient(name, up, targets, weights)[0] - one_gradient(name, down, targets, weights)[0]
        assert gradient[index] == pytest.approx(difference.mean() / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("name", "outputs"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_the_rows_losses_is_the_metric(name, outputs, dtype):
    """Training and validation mean the same by "loss", and a weight multiplies its row's loss."""
    z, y = drawn(name, 23, outputs)
    targets, weights = targets_of(name, y, outputs, dtype), np.random.default_rng(3).uniform(0, 2, 23).astype(dtype)
    plain, weighted = (one_gradient(name, z.astype(dtype), targets, w)[0] for w in (None, weights))
    np.testing.assert_array_equal(weighted, plain * weights)
    assert plain.dtype == dtype
    for losses, w in ((plain, None), (plain, weights)):
        score = one_score(name, z.astype(dtype), targets, "loss", w)
        mean = np.average(losses.astype("float64"), weights=w)
        assert score == pytest.approx(mean, rel=float(8 * np.finfo(dtype).eps))


ORDERS = {
    "rows last": lambda array: np.ascontiguousarray(array.transpose(0, 2, 1)).transpose(0, 2, 1),
    "rows last, outputs first": lambda array: np.ascontiguousarray(array.transpose(2, 0, 1)).transpose(1, 2, 0),
    "outputs last": np.ascontiguousarray,
    "every second": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize(("name", "outputs"), CASES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("order_of_targets", ORDERS)
def test_any_order_in_memory_is_right(name, outputs, order, order_of_targets):
    """Losses, gradient and metrics of a stack do not depend on where the numbers lie, beyond rounding."""
    drawings = [drawn(name, 7, outputs, seed) for seed in range(3)]
    z, targets = np.stack([z for z, _ in drawings]), np.stack([targets_of(name, y, outputs) for _, y in drawings])
    expected = [one_gradient(name, *pair) for pair in zip(z, targets, strict=True)]
    laid, gradient = ORDERS[order](z.copy()), ORDERS[order](np.full_like(z, np.nan))
    losses = np.full((3, 20), np.nan)[:, 5:12]
    usual = LOSSES[name].usual
    scores = LOSSES[name].metrics(laid, ORDERS[order_of_targets](targets)[1], usual)
    LOSSES[name].gradient(laid, ORDERS[order_of_targets](targets), gradient, losses)
    np.testing.assert_allclose(losses, [own for own, _ in expected], rtol=1e-13)
    np.testing.assert_allclose(gradient, [own for _, own in expected], rtol=1e-11, atol=1e-15)
    for metric in usual:
        assert scores[metric][1] == pytest.approx(one_score(name, z[1], targets[1], metric), rel=1e-13)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("outputs", [1, 2, 10])
@pytest.mark.parametrize("rows", [1, 5, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows_last", [True, False])
def test_a_member_learns_with_the_same_bits_alone(name, outputs, rows, dtype, rows_last):
    """Neither its losses nor its gradient can tell how many members share the call."""
    members, rng = 27, np.random.default_rng(5)

    def laid_out(count):
        if rows_last:
            return aligned_zeros(count, (outputs, rows), dtype).mT
        return aligned_zeros(count, (rows, outputs), dtype)

    def learn(z, targets, weights):
        outputs_, gradient, losses = (
            laid_out(len(z)),
            laid_out(len(z)),
            aligned_zeros(len(z), (40,), dtype)[:, 3 : 3 + rows],
        )
        outputs_[...] = z
        LOSSES[name].gradient(outputs_, targets, gradient, losses, weights)
        return losses, gradient

    z = rng.normal(scale=3, size=(members, rows, outputs))
    targets = np.stack([targets_of(name, drawn(name, rows, outputs, k)[1], outputs, dtype) for k in range(members)])
    targets = ORDERS["rows last, outputs first"](targets)
    for weights in (None, rng.uniform(0, 2, (members, rows)).astype(dtype)):
        losses, gradient = learn(z, targets, weights)
        for k in range(members):
            own = slice(k, k + 1)
            losses_alone, gradient_alone = learn(z[own], targets[own], None if weights is None else weights[own])
            np.testing.assert_array_equal(losses_alone[0], losses[k])
            np.testing.assert_array_equal(gradient_alone[0], gradient[k])


@pytest.mark.parametrize(("name", "outputs"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("members", "rows"), [(3, 1), (5, 40), (27, 1500)])
def test_a_member_is_measured_with_the_same_bits_alone(name, outputs, weighted, members, rows):
    """No metric can tell how many members share the call, nor in which order their outputs lie; nothing is changed."""
    z = np.stack([drawn(name, rows, outputs, k)[0] for k in range(members)]).astype("float32")
    targets = targets_of(name, drawn(name, rows, outputs)[1], outputs, "float32")
    weights = np.random.default_rng(6).uniform(0.1, 2, rows).astype("float32") if weighted else None
    names = list(LOSSES[name].directions) if rows < 100 else LOSSES[name].usual
    before = z.copy(), targets.copy()
    scores = LOSSES[name].metrics(z, targets, names, weights)
    np.testing.assert_array_equal(z, before[0])
    np.testing.assert_array_equal(targets, before[1])
    for order in ORDERS.values():
        for k in range(members):
            alone = LOSSES[name].metrics(order(z[k : k + 1]), targets, names, weights)
            assert list(alone) == list(names)
            for metric in names:
                assert alone[metric].shape == (1,)
                assert alone[metric].dtype == scores[metric].dtype == "float64"
                np.testing.assert_array_equal(alone[metric][0], scores[metric][k])


PREDICTIONS = {
    "cross_entropy": lambda z: softmax(z, axis=-1),
    "binary_cross_entropy": expit,
    "squared_error": lambda z: z,
    "rss": lambda z: z,
    "huber": lambda z: z,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(7, 3), (2, 7, 3), (1, 1)], ids=str)
def test_predictions_are_what_outputs_mean(name, shape):
    """They are scipy's softmax and logistic function to full relative precision, or the values, in a new array."""
    z = np.random.default_rng(7).normal(scale=9, size=shape)
    before = z.copy()
    predictions = LOSSES[name].predictions(z)
    np.testing.assert_allclose(predictions, PREDICTIONS[name](z), rtol=1e-14)
    predictions[...] = 0
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_cross_entropy_of_huge_logits_is_exact(size):
    """Logits whose exponentials, and whose differences, overflow give what exact arithmetic gives."""
    z = np.array([[size, 0.0, -size], [-size, -size, 0.0], [size, -size, -size]], "float32")
    targets = targets_of("cross_entropy", np.array([1, 2, 0]), 3, "float32")
    with np.errstate(all="ignore"):
        losses, gradient = one_gradient("cross_entropy", z, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictions = LOSSES["cross_entropy"].predictions(z)
    np.testing.assert_array_equal(losses, [np.float32(size), 0, 0])
    np.testing.assert_array_equal(gradient, np.array([[1, -1, 0], [0, 0, 0], [0, 0, 0]], "float32") / np.float32(3))
    np.testing.assert_array_equal(predictions, softmax(z.astype("float64"), axis=1))
    np.testing.assert_array_equal(
        losses, -log_softmax(z.astype("float64"), axis=1)[[0, 1, 2], [1, 2, 0]].astype("float32")
    )


@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_binary_cross_entropy_of_huge_logits_is_exact(size):
    """A label that is right costs nothing, a wrong one its logit; that their sum would overflow does not matter."""
    z = np.array([[size, -size], [-size, size]], "float32")
    targets = targets_of("binary_cross_entropy", np.array([[1, 0], [1, 0]]), 2, "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses, gradient = one_gradient("binary_cross_entropy", z, targets)
        predictions = LOSSES["binary_cross_entropy"].predictions(z)
    np.testing.assert_array_equal(losses, [0, np.float32(size)])
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.25, 0.25]])
    np.testing.assert_array_equal(predictions, [[1, 0], [0, 1]])


def test_binary_cross_entropy_of_a_likely_label_keeps_its_digits():
    """A loss far below the rounding of 1 is as precise as one of 1."""
    losses, _ = one_gradient("binary_cross_entropy", np.array([[30.0], [-30.0]]), np.array([[1.0], [0.0]]))
    np.testing.assert_allclose(losses, np.log1p(np.exp(-30.0)), rtol=1e-14)


def test_huber_is_scipys_at_any_delta():
    """Loss and gradient agree with scipy.special.huber and its derivative on both sides of the kink, however far."""
    z = np.array([[-1e30], [-2.5], [-0.3], [0.0], [0.3], [2.5], [1e30]])
    for delta in (1e-3, 0.5, 1.0, 2.5, 100.0):
        losses, gradient = np.empty((1, 7)), np.empty((1, 7, 1))
        Huber(delta).gradient(z[None].copy(), np.zeros((1, 7, 1)), gradient, losses)
        np.testing.assert_allclose(losses[0], huber(delta, z[:, 0]), rtol=1e-14)
        np.testing.assert_allclose(gradient[0], np.clip(z, -delta, delta) / 7, rtol=1e-14)


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, np.nan, "1"])
def test_an_impossible_delta_is_refused(delta):
    """Huber's corner lies at a positive, finite distance."""
    with pytest.raises(NetworkError, match=r"delta is .* greater than 0"):
        Huber(delta)


@pytest.mark.parametrize("name", ["squared_error", "rss", "huber"])
def test_r2_of_a_constant_output_is_one_if_exact_and_else_zero(name):
    """Where the variance to explain is zero, the score is finite, as in scikit-learn; rows of weight 0 do not vary."""
    constant, other = np.full((7, 1), 0.1), np.arange(7.0)[:, None]
    assert one_score(name, constant, constant, "r2") == metrics.r2_score(constant, constant) == 1
    assert one_score(name, other, constant, "r2") == 0
    assert one_score(name, constant, other, "r2", np.eye(7)[2]) == 0


def test_the_first_of_equal_logits_is_the_prediction():
    """A network that puts out the same for every class is right as often as the first class occurs."""
    targets = targets_of("cross_entropy", np.array([0, 1, 2, 2]), 3)
    assert one_score("cross_entropy", np.zeros((4, 3)), targets, "accuracy") == 0.25


@pytest.mark.parametrize(
    ("name", "outputs"), [case for case in CASES if "roc_auc" in LOSSES[case[0]].directions and case[1] > 1]
)
def test_classes_without_both_kinds_of_rows_are_left_out_of_the_area(name, outputs):
    """The area is the mean over the other classes; a row of weight 0 is no row, and with no class left it is chance."""
    z, y = drawn(name, 30, outputs + 1)
    y[y == outputs] = 0
    if name == "binary_cross_entropy":
        y[:, outputs] = 1
    targets, score = targets_of(name, y, outputs + 1), LOSSES[name].predictions(z)
    areas = [metrics.roc_auc_score(targets[:, k], score[:, k]) for k in range(outputs)]
    assert one_score(name, z, targets, "roc_auc") == pytest.approx(np.mean(areas), rel=1e-12)
    assert one_score(name, z, targets, "roc_auc", np.eye(30)[4]) == 0.5


def test_balanced_accuracy_leaves_out_classes_that_do_not_occur():
    """It is scikit-learn's, which averages the recalls of the classes in y."""
    z, y = np.eye(4)[[0, 1, 1, 2]], np.array([0, 0, 1, 2])
    targets = targets_of("cross_entropy", y, 4)
    score = one_score("cross_entropy", z, targets, "balanced_accuracy")
    assert score == metrics.balanced_accuracy_score(y, [0, 1, 1, 2]) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("name", "outputs"), CASES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_member_that_diverged_says_so_and_harms_no_other(name, outputs, bad):
    """Its loss is not finite; every metric of its neighbour is what it was, and nothing warns."""
    z, y = drawn(name, 30, outputs)
    targets, names = targets_of(name, y, outputs), list(LOSSES[name].directions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = LOSSES[name].metrics(np.stack([z, np.full_like(z, bad), z]), targets, names)
    assert not np.isfinite(scores["loss"][1])
    for metric in names:
        assert scores[metric][0] == scores[metric][2] == one_score(name, z, targets, metric)


def test_ties_count_alike_beside_a_member_that_diverged():
    """A member that puts out the same for both classes is as accurate as alone: NaNs equal nothing, not even twice."""
    z, targets = np.zeros((4, 2)), targets_of("cross_entropy", np.array([0, 1, 1, 1]), 2)
    scores = LOSSES["cross_entropy"].metrics(np.stack([z, np.full_like(z, np.nan)]), targets, ["accuracy"])
    assert scores["accuracy"][0] == one_score("cross_entropy", z, targets, "accuracy") == 0.25


@pytest.mark.parametrize("name", LOSSES)
def test_an_unknown_metric_is_refused(name):
    """The message lists those that there are."""
    with pytest.raises(NetworkError, match=r"Unknown metric 'los': did you mean 'loss'.*Known: .*loss"):
        LOSSES[name].metrics(np.zeros((1, 2, 1)), np.zeros((2, 1)), ["los"])


def test_nobody_changes_a_loss():
    """The registry and its members are shared by all, and so read-only."""
    with pytest.raises(TypeError, match="does not support item assignment"):
        LOSSES["mine"] = LOSSES["huber"]
    with pytest.raises(FrozenInstanceError):
        LOSSES["huber"].delta = 2


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", ["bool", "int8", "float64"])
def test_labels_may_be_of_any_type_and_single_ones_a_vector(outputs, dtype):
    """What is 0 or 1 is a label; the targets are a matrix of floats."""
    y = drawn("binary_cross_entropy", 9, outputs)[1].astype(dtype)
    np.testing.assert_array_equal(targets_of("binary_cross_entropy", y, outputs, "float32"), y.astype("float32"))
    assert targets_of("binary_cross_entropy", y, outputs, "float32").dtype == "float32"
    if outputs == 1:
        np.testing.assert_array_equal(targets_of("binary_cross_entropy", y[:, 0], 1), y)


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        ("cross_entropy", np.array([0, 3]), "classes from 0 to 3.*classes 0 to 2"),
        ("cross_entropy", np.array([-1, 0]), "classes from -1 to 0"),
        ("cross_entropy", np.array([0.0, 1.0]), "dtype float64.*one whole number per row"),
        ("cross_entropy", np.array([[0], [1]]), r"shape \(2, 1\)"),
        ("binary_cross_entropy", np.array([0, 1]), r"shape \(2,\).*outputs=3 needs .* shape \(n, 3\)"),
        ("binary_cross_entropy", np.array([["0", "1", "1"]]), "dtype <U1"),
        ("binary_cross_entropy", np.array([[0, 1, 1], [0, 1, 2]]), "holds 2, first in row 1, column 2"),
        ("binary_cross_entropy", np.array([[0, np.nan, 1]]), "holds nan, first in row 0, column 1"),
        *(
            (name, y, message)
            for name in ("squared_error", "rss", "huber")
            for y, message in [
                (np.array([0.0, 1.0]), r"shape \(n, 3\).*reshape"),
                (np.ones((2, 2)), r"shape \(n, 3\)"),
                (np.array([["a", "b", "c"]]), "dtype <U1"),
                (np.array([[0.0, 1.0, np.nan]]), "NaN"),
                (np.array([[0.0, 1.0, 1e300]]), "too large for float32"),
            ]
        ),
    ],
)
def test_targets_that_do_not_fit_are_refused(name, y, message):
    """The message says which array it is, what it holds, and what is needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NetworkError, match=f"y_train.*{message}"):
            LOSSES[name].targets("y_train", y, 3, np.dtype("float32"))
