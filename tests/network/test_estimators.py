import pickle
from dataclasses import fields
from functools import partial
from math import inf

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model, neural_network
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_blobs, make_classification, make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from network import INITIALIZERS, LOSSES, Architecture, Convolution, Member, NetworkError
from network.estimators import MLPClassifier, MLPRegressor, Perceptron
from network.estimators.mlp import MLP
from network.fitting import seeds_of_starts
from network.randomness import Purpose, generator
from network.schedules import Cosine

ESTIMATORS = (MLPClassifier, MLPRegressor, Perceptron)
NETWORKS = (MLPClassifier, MLPRegressor)
CLASSIFIERS = (MLPClassifier, Perceptron)

SHARED = {item.name for kind in (Architecture, Member) for item in fields(kind)}

WEIGHTS_AS_REPETITIONS = "check_sample_weight_equivalence_on_dense_data"


def over(kinds):
    return pytest.mark.parametrize("kind", kinds)


def problem(kind, rows=120):
    """Return x and y that none of the estimators can learn without an error."""
    x, y = make_classification(rows, 6, n_informative=4, n_classes=3, class_sep=0.8, random_state=0)
    return x, (y if kind in CLASSIFIERS else x[:, 0] * x[:, 1] + x[:, 2])


def stepwise(kind, **settings):
    """Return an estimator whose training goes on to `max_epochs`, whatever comes."""
    return kind(random_state=0, **({"patience": None} if kind in NETWORKS else {}), **settings)


def outputs(estimator, x):
    """Return all that an estimator says of x."""
    methods = ("predict", "decision_function", "predict_proba")
    return [getattr(estimator, method)(x) for method in methods if hasattr(estimator, method)]


def reloaded(estimator):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301 - our own bytes


def same(one, other, x):
    return one.loss_curve_ == other.loss_curve_ and all(map(np.array_equal, outputs(one, x), outputs(other, x)))


@parametrize_with_checks(
    [MLPClassifier(dtype="float64"), MLPRegressor(dtype="float64"), Perceptron()],
    expected_failed_checks=lambda estimator: (
        {WEIGHTS_AS_REPETITIONS: "the rule makes one step of thrice the size for a row of weight 3, see below"}
        if isinstance(estimator, Perceptron)
        else {}
    ),
)
def test_scikit_learns_laws(estimator, check):
    """Every check of scikit-learn's own holds."""
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(estimator, check, id=f"{type(estimator).__name__}-{number}")
        for default in (MLPClassifier(), MLPRegressor())
        for number, (estimator, check) in enumerate(estimator_checks_generator(default))
        if check.func.__name__ != WEIGHTS_AS_REPETITIONS
    ],
)
def test_scikit_learns_laws_with_the_defaults(estimator, check):
    """So do they in float32; but one asks for equality to 1e-7 of two sums in different orders, float32's own grain."""
    check(estimator)


@over(NETWORKS)
def test_weights_are_repetitions(kind):
    """In float32 too, where all rows are one batch, a row of weight s is s equal rows, but for rounding."""
    x, y = problem(kind, 20)
    weights = np.random.default_rng(0).integers(0, 4, len(x))
    settings = {"random_state": 0, "max_epochs": 20, "batch_size": 100}
    weighted = kind(**settings).fit(x, y, weights)
    repeated = kind(**settings).fit(x.repeat(weights, axis=0), y.repeat(weights))
    for one, other in zip(outputs(weighted, x), outputs(repeated, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_perceptron_rule_cannot_take_weights_as_repetitions():
    """A row that is met again after its mistake is one no more: three of weight 1 move less than one of weight 3."""
    x, y = np.array([[1.0], [-1.0]]), np.array([0, 1])
    once = Perceptron(1, random_state=0).partial_fit(x[:1], y[:1], [0, 1], [3])
    thrice = Perceptron(1, random_state=0).partial_fit(x[[0, 0, 0]], y[[0, 0, 0]], [0, 1])
    assert (once.coef_.item(), once.intercept_.item()) == (-3, -3)
    assert (thrice.coef_.item(), thrice.intercept_.item()) == (-1, -1)


@over(ESTIMATORS)
def test_a_row_of_weight_0_is_absent(kind):
    """Fitting with weights of 0 is fitting without these rows, bit for bit; weights of 1 are none."""
    x, y = problem(kind)
    weights = np.arange(len(x)) % 3 > 0
    kept = stepwise(kind, max_epochs=5).fit(x[weights], y[weights])
    assert same(stepwise(kind, max_epochs=5).fit(x, y, weights.astype(int)), kept, x)
    assert stepwise(kind, max_epochs=5).fit(x, y).score(x, y, weights) == pytest.approx(
        stepwise(kind, max_epochs=5).fit(x, y).score(x[weights], y[weights])
    )


@over(ESTIMATORS)
def test_one_random_state_one_result(kind):
    """The same random state gives the same estimator, bit for bit, another one another; None is random."""
    x, y = problem(kind)
    fits = [kind(random_state=state, max_epochs=3).fit(x, y) for state in (0, 0, 1, None, None)]
    assert same(fits[0], fits[1], x)
    assert not any(same(fits[0], other, x) for other in fits[2:])
    assert not same(*fits[3:], x)


@over(ESTIMATORS)
def test_partial_fit_is_fit_in_pieces(kind):
    """Five epochs by partial_fit, after a fit of three and two epochs more, or in one fit: the same, bit for bit."""
    x, y = problem(kind)
    whole = stepwise(kind, max_epochs=5).fit(x, y)
    classes = {"classes": np.unique(y)} if kind in CLASSIFIERS else {}
    pieces = stepwise(kind).partial_fit(x, y, **classes)
    for _ in range(4):
        pieces = reloaded(pieces).partial_fit(x, y)
    later = stepwise(kind, max_epochs=3).fit(x, y).partial_fit(x, y).partial_fit(x, y)
    assert same(pieces, whole, x)
    assert same(later, whole, x)
    assert pieces.n_iter_ == later.n_iter_ == whole.n_iter_ == 5
    again = later.fit(x, y)  # anew
    assert again.n_iter_ == 3


@pytest.mark.parametrize("pieces", [(1, 5), (3, 1, 3), (4, 4)], ids=str)
def test_adam_counts_the_steps_of_pieces_of_any_size(pieces):
    """A linear network's weight after pieces of different length is that of textbook Adam after as many steps."""
    x, y = np.array([[2.0]]), np.array([1.0])
    estimator = MLPRegressor((), batch_size=1, standardize=False, learning_rate=0.01, dtype="float64", random_state=0)
    weight = bias = None
    moments, steps = np.zeros((2, 2)), 0
    for piece in pieces:
        estimator.partial_fit(np.repeat(x, piece, axis=0), np.repeat(y, piece))
        if weight is None:
            member_seed = estimator._seed
            rng = generator(member_seed, Purpose.INITIAL_PARAMETERS)
            weight, bias = INITIALIZERS["glorot_uniform"].draw(rng, (1, 1), 1, 1)[0, 0], 0.0
        for _ in range(piece):
            steps += 1
            error = 2 * (weight * 2.0 + bias - 1.0)
            gradient = np.array([2.0 * error, error])
            moments = np.array([[0.9], [0.999]]) * moments + np.array([0.1 * gradient, 0.001 * gradient**2])
            corrected = moments / np.array([[1 - 0.9**steps], [1 - 0.999**steps]])
            weight, bias = np.array([weight, bias]) - 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    np.testing.assert_allclose(estimator.weights_[0][0], weight, rtol=1e-9)
    np.testing.assert_allclose(estimator.weights_[0][1], bias, rtol=1e-9)


@over(NETWORKS)
def test_partial_fit_goes_on_with_schedule_and_noise(kind):
    """So it is with a schedule, dropout, momentum, normalization and weights."""
    x, y = problem(kind)
    weights = np.linspace(1, 2, len(x))
    settings = {"schedule": Cosine(4), "dropout": 0.3, "optimizer": "nesterov", "normalization": "batch"}
    whole = stepwise(kind, max_epochs=4, **settings).fit(x, y, weights)
    pieces = stepwise(kind, max_epochs=1, **settings).fit(x, y, weights)
    for _ in range(3):
        pieces.partial_fit(x, y, sample_weight=weights)
    assert same(pieces, whole, x)


@over(ESTIMATORS)
def test_tools_of_scikit_learn_take_them(kind):
    """Clones, pipelines, cross-validation, grid search and tables with named columns."""
    x, y = problem(kind)
    table = pd.DataFrame(x, columns=list("abcdef"))
    model = make_pipeline(StandardScaler(), kind(max_epochs=4, random_state=0))
    scores = cross_val_score(model, table, y, cv=3)
    assert np.isfinite(scores).all()
    search = GridSearchCV(clone(model), {f"{kind.__name__.lower()}__max_epochs": [1, 12]}, cv=3).fit(table, y)
    assert len(search.cv_results_["mean_test_score"]) == 2
    fitted = kind(max_epochs=2).fit(table, y)
    assert fitted.feature_names_in_.tolist() == list("abcdef")
    assert fitted.n_features_in_ == 6
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(table.rename(columns={"a": "z"}))


@over(CLASSIFIERS)
@pytest.mark.parametrize("names", [["no", "yes"], ["red", "green", "blue"], [3.0, 1.0, 2.0], [True, False]])
def test_classes_keep_their_names(kind, names):
    """Predictions are in the user's own words, probabilities and scores in the order of the sorted `classes_`."""
    x, numbers = make_blobs(150, centers=[[-5, 0], [5, 0], [0, 9]][: len(names)], cluster_std=0.5, random_state=3)
    y = np.array(names)[numbers]
    fitted = kind(random_state=0).fit(x, y)
    assert fitted.classes_.tolist() == sorted(names)
    assert fitted.score(x, y) == 1
    scores = fitted.decision_function(x)
    assert scores.shape == ((len(x),) if len(names) == 2 else (len(x), 3))
    best = (scores > 0).astype(int) if len(names) == 2 else scores.argmax(axis=1)
    assert np.array_equal(fitted.classes_[best], y)


@over(CLASSIFIERS)
def test_any_number_of_labels(kind):
    """A matrix of labels is learned and predicted column by column, dense, sparse or in pieces."""
    from scipy.sparse import csr_array

    x = np.random.default_rng(0).normal(size=(200, 4))
    y = (x @ [[1, 0, 1], [1, -1, 1], [0, 1, 1], [0, 0, 1]] > 0.3).astype(int)
    fitted = stepwise(kind, max_epochs=30).fit(x, y)
    assert fitted.predict(x).shape == fitted.decision_function(x).shape == y.shape
    assert (fitted.predict(x) == y).mean() > 0.8 > max(y.mean(), 1 - y.mean())
    assert same(stepwise(kind, max_epochs=30).fit(x, csr_array(y)), fitted, x)
    assert same(stepwise(kind).partial_fit(x, y), stepwise(kind, max_epochs=1).fit(x, y), x)
    with pytest.raises(NetworkError, match="3 columns"):
        fitted.partial_fit(x, y[:, :2])


def test_probabilities_are_those_of_the_scores():
    """Softmax of the scores, for two classes the logistic function of the log-odds, for labels that of each score."""
    x, y = problem(MLPClassifier)
    for targets in (y, y > 0, np.eye(3, dtype=int)[y]):
        fitted = MLPClassifier(random_state=0, max_epochs=5).fit(x, targets)
        scores, probabilities = fitted.decision_function(x), fitted.predict_proba(x)
        if scores.ndim == 1:
            np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-12)
        elif targets.ndim == 2:
            np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-scores)), rtol=1e-12)
        else:
            np.testing.assert_allclose(np.log(probabilities[:, 0] / probabilities[:, 1]), scores[:, 0] - scores[:, 1])


def test_smoothed_labels_make_less_certain():
    """Of separated classes, or labels, the probabilities tend to the smoothed targets, 1 - s + s/k and s/k."""
    x, y = make_blobs(120, centers=[[-5, 0], [5, 0], [0, 9]], cluster_std=0.1, random_state=0)
    one_hot = np.eye(3)[y]
    for targets, share in ((y, 1 / 3), (one_hot.astype(int), 1 / 2)):
        fitted = MLPClassifier(label_smoothing=0.3, learning_rate=0.01, random_state=0).fit(x, targets)
        np.testing.assert_allclose(fitted.predict_proba(x), 0.7 * one_hot + 0.3 * share, atol=0.02)


def test_class_weights_multiply_sample_weights():
    """A dict of class weights, or balanced ones, are the sample weights that scikit-learn computes from them."""
    x, y = problem(MLPClassifier)
    x, y = x[(y > 0) | (np.arange(len(y)) % 3 > 0)], y[(y > 0) | (np.arange(len(y)) % 3 > 0)]
    own = np.linspace(1, 2, len(y))
    fitted = partial(stepwise, MLPClassifier, max_epochs=3, dtype="float64")
    for class_weight in ({0: 5.0, 2: 0.5}, "balanced"):
        expected = fitted().fit(x, y, compute_sample_weight(class_weight, y)).predict_proba(x)
        np.testing.assert_allclose(fitted(class_weight=class_weight).fit(x, y).predict_proba(x), expected, rtol=1e-9)
    by_class = np.bincount(y, own)
    expected = fitted().fit(x, y, own / by_class[y]).predict_proba(x)
    found = fitted(class_weight="balanced").fit(x, y, own).predict_proba(x)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@over(NETWORKS)
def test_the_units_of_inputs_and_targets_do_not_matter(kind):
    """Standardized, columns in other units give the same predictions, in a regressor's unit; otherwise they do not."""
    x, y = problem(kind)
    other_x, other_y = 1e6 * x - 1e7, (y if kind is MLPClassifier else 1e3 * y + 1e6)
    model = stepwise(kind, max_epochs=20, dtype="float64")
    expected, found = model.fit(x, y).predict(x), model.fit(other_x, other_y).predict(other_x)
    if kind is MLPRegressor:
        expected = 1e3 * expected + 1e6
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert model.set_params(standardize=False, learning_rate=1e-6).fit(other_x, other_y).score(other_x, other_y) < 0.5


def test_several_outputs_are_estimated_together():
    """Targets (n, outputs) give predictions of their shape; one column as a matrix is one column."""
    x, y = problem(MLPRegressor)
    both = np.stack([y, -2 * y + 3], axis=1)
    fitted = MLPRegressor(random_state=0).fit(x, both)
    assert fitted.predict(x).shape == both.shape
    assert fitted.n_outputs_ == 2
    assert fitted.score(x, both) > 0.9
    assert np.array_equal(
        MLPRegressor(random_state=0).fit(x, y[:, None]).predict(x), MLPRegressor(random_state=0).fit(x, y).predict(x)
    )


@pytest.mark.parametrize("loss", ["squared_error", "rss", "huber"])
def test_every_loss_of_values_is_there(loss):
    """Each is learned by; and those of LOSSES that are not for values are refused."""
    x, y = problem(MLPRegressor)
    assert MLPRegressor(loss=loss, random_state=0).fit(x, y).score(x, y) > 0.9
    for other in set(LOSSES) - {"squared_error", "rss", "huber"}:
        with pytest.raises(NetworkError, match="Unknown loss of a regressor"):
            MLPRegressor(loss=other).fit(x, y)


@over(NETWORKS)
def test_training_ends_when_the_loss_comes_to_rest(kind):
    """After `patience` epochs without a loss lower by `tol` it ends, and not before; at `max_epochs` in any case."""
    x, y = problem(kind)
    fitted = kind(random_state=0, learning_rate=0.01, tol=0.01, patience=4, max_epochs=500).fit(x, y)
    losses = fitted.loss_curve_
    assert fitted.n_iter_ == len(losses) < 500
    gains = [losses[at] < min([inf, *losses[:at]]) - 0.01 for at in range(len(losses))]
    assert not any(gains[-4:])
    assert all(any(gains[end - 4 : end]) for end in range(4, len(gains)))
    assert fitted.loss_ == losses[-1]
    assert kind(max_epochs=7, patience=None).fit(x, y).n_iter_ == 7


@over(NETWORKS)
@pytest.mark.parametrize("monitor", ["loss", "best"])
def test_early_stopping_keeps_the_best_epoch(kind, monitor):
    """The curve of the held-out rows has a value an epoch; the best is where it says, `patience` before the end."""
    x, y = problem(kind)
    monitor = {"loss": "loss", "best": "accuracy" if kind is MLPClassifier else "r2"}[monitor]
    fitted = kind(
        random_state=0, learning_rate=0.01, early_stopping=True, validation_fraction=0.3, monitor=monitor, tol=0
    )
    curve = np.array(fitted.fit(x, y).validation_curve_)
    best = curve.argmin() if monitor == "loss" else curve.argmax()
    assert fitted.best_epoch_ == best + 1
    assert fitted.n_iter_ == len(curve) == best + 1 + fitted.patience < 200
    assert kind().fit(x, y).validation_curve_ == []


@pytest.mark.parametrize("fraction", [0.1, 0.95])
def test_rows_are_held_out_without_classes_where_there_are_too_few(fraction):
    """Neither 3 held-out rows nor 1 left for training have one of each of 10 classes: any will do."""
    x, _ = problem(MLPClassifier, 30)
    fitted = MLPClassifier(max_epochs=2, early_stopping=True, validation_fraction=fraction).fit(x, np.arange(30) % 10)
    assert len(fitted.validation_curve_) == 2


@over(NETWORKS)
def test_the_best_of_several_starts_is_kept(kind):
    """With `n_starts` the result is that of one of the starts alone: of that with the lowest loss."""
    x, y = problem(kind)
    several = stepwise(kind, n_starts=4, max_epochs=6).fit(x, y)
    assert several.start_values_.shape == (4,)
    assert several.loss_ == several.start_values_.min()
    assert several.start_values_[0] == stepwise(kind, max_epochs=6).fit(x, y).loss_
    assert len(set(several.start_values_)) == 4
    assert (
        several._seed
        == seeds_of_starts(stepwise(kind, max_epochs=1).fit(x, y)._seed, 4)[several.start_values_.argmin()]
    )


def test_images_pass_through_convolutions():
    """A convolutional network learns digits."""
    x, y = load_digits(return_X_y=True)
    stages = (Convolution(4, pool=2), {"filters": 8, "pool": 2})
    fitted = MLPClassifier(16, image=(8, 8, 1), convolutions=stages, max_epochs=4, learning_rate=0.01, random_state=0)
    assert fitted.fit(x[:600], y[:600]).score(x[600:900], y[600:900]) > 0.8
    assert len(fitted.weights_) == 4


def test_verbose_tells_of_every_epoch(capsys):
    """A line an epoch, with what is known of the held-out rows; of several starts a line each."""
    x, y = problem(MLPClassifier)
    MLPClassifier(max_epochs=3, verbose=True, early_stopping=True).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3"]
    assert all("validation accuracy" in line for line in lines)
    MLPClassifier(max_epochs=1, verbose=True, n_starts=2).fit(x, y)
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "start 0, epoch 1",
        "start 1, epoch 1",
    ]


@over(ESTIMATORS)
def test_what_is_wrong_is_said(kind):
    """Settings, examples and weights that cannot be raise a ValueError that names them."""
    x, y = problem(kind)
    with pytest.raises(NetworkError, match="max_epochs is 0"):
        kind(max_epochs=0).fit(x, y)
    with pytest.raises(NetworkError, match="learning_rate is -1"):
        kind(learning_rate=-1).fit(x, y)
    with pytest.raises(NetworkError, match="sample_weight has shape"):
        kind().fit(x, y, np.ones(3))
    with pytest.raises(NetworkError, match=r"sample_weight has shape .* a least value of -1"):
        kind().fit(x, y, -np.ones(len(x)))
    with pytest.raises(NetworkError, match="weights are all zero"):
        kind().fit(x, y, np.zeros(len(x)))
    with pytest.raises(NotFittedError):
        kind().predict(x)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (kind, item.name)
        for kind in NETWORKS
        for item in fields(kind)
        if item.name in SHARED and getattr(kind(), item.name) is not None
    ],
)
def test_none_is_no_default(kind, setting):
    """A setting of the network's own whose default is not None refuses None, rather than take another's default."""
    x, y = problem(kind)
    with pytest.raises(NetworkError, match="None"):
        kind(**{setting: None}).fit(x, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "rely"}, "Unknown activation 'rely': did you mean 'relu'"),
        ({"optimizer": "adams"}, "did you mean 'adam"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden\[1\] is 0"),
        ({"hidden_layer_sizes": "8"}, "hidden is '8'"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"schedule": "cosine"}, "schedule is 'cosine'"),
        ({"monitor": "acuracy"}, "Unknown metric"),
        ({"early_stopping": True, "validation_fraction": 0}, "validation_fraction is 0"),
        ({"n_starts": 0}, "n_starts is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"tol": -1}, "tol is -1"),
        ({"learning_rate": 1e30, "optimizer": "sgd"}, "diverged in epoch 1.* lower learning_rate"),
    ],
)
@over(NETWORKS)
def test_settings_of_networks_are_checked(kind, settings, message):
    """Each setting that cannot be is refused when the network is fitted, by its name."""
    x, y = problem(kind)
    with pytest.raises(NetworkError, match=message):
        kind(**settings).fit(x, y)


def test_what_is_wrong_with_values_is_said():
    """A number of columns that changes, and values too large for their variance."""
    x, y = problem(MLPRegressor)
    with pytest.raises(NetworkError, match="y has 2 columns, but the first call's had 1"):
        MLPRegressor(max_epochs=1).fit(x, y).partial_fit(x, np.stack([y, y], axis=1))
    with pytest.raises(NetworkError, match="Column 0 of y has values too large"):
        MLPRegressor().fit(x, 1e200 * y)
    with pytest.raises(NetworkError, match="Column 3 of X has values too large"):
        MLPRegressor().fit(x * np.where(np.arange(6) == 3, 1e200, 1), y)
    with pytest.raises(ValueError, match="could not convert"):
        MLPRegressor().fit(x, np.where(y > 0, "high", "low"))


def test_what_is_wrong_with_classes_is_said():
    """Unknown classes, unbalanced pieces, and settings that do not go with several labels."""
    x, y = problem(MLPClassifier)
    for kind in CLASSIFIERS:
        with pytest.raises(NetworkError, match="needs all there are"):
            kind().partial_fit(x, y)
        with pytest.raises(NetworkError, match=r"y holds .*2.*, which is none of the classes \[0, 1\]"):
            kind().partial_fit(x, y, [0, 1])
        with pytest.raises(NetworkError, match="leave classes out"):
            kind(max_epochs=1).fit(x, y).partial_fit(x, y, [0, 1, 2, 3])
        with pytest.raises(NetworkError, match=r"classes is \[0, 1\], but the classes are"):
            kind().partial_fit(x, np.eye(3, dtype=int)[y], [0, 1])
        with pytest.raises(NetworkError, match="one class for each row"):
            kind(max_epochs=1).fit(x, y).partial_fit(x, np.eye(3, dtype=int)[y])
        with pytest.raises(NetworkError, match="more than two values"):
            kind().fit(x, np.stack([y, y], axis=1))
    labels = np.eye(3, dtype=int)[y]
    for wrong, targets, message in (
        ({"class_weight": {7: 1}}, y, "class_weight has 7, which is none of the classes"),
        ({"class_weight": {0: -1}}, y, r"class_weight\[0\] is -1"),
        ({"class_weight": dict.fromkeys(range(3), 0)}, y, "every row a weight of 0"),
        ({"class_weight": "even"}, y, "class_weight is 'even'"),
        ({"class_weight": "balanced"}, labels, "one class a row"),
    ):
        with pytest.raises(NetworkError, match=message):
            MLPClassifier(**wrong).fit(x, targets)
    with pytest.raises(NetworkError, match="class_weight as a dict"):
        MLPClassifier(class_weight="balanced").partial_fit(x, y, [0, 1, 2])


@over(NETWORKS)
def test_a_piece_that_cannot_be_changes_nothing(kind):
    """When partial_fit raises, for another shape, a divergence or early stopping, the estimator is what it was."""
    x, y = problem(kind)
    fitted = stepwise(kind, max_epochs=2).fit(x, y)
    before = reloaded(fitted)
    for wrong, message in (
        ({"hidden_layer_sizes": (9,)}, "does not fit"),
        ({"optimizer": "sgd"}, "does not fit"),
        ({"learning_rate": 1e38}, "diverged"),
        ({"early_stopping": True}, "cannot stop early"),
    ):
        with pytest.raises(NetworkError, match=message):
            fitted.set_params(**wrong).partial_fit(x, y)
        assert same(fitted.set_params(**before.get_params()), before, x)
    assert same(fitted.partial_fit(x, y), before.partial_fit(x, y), x)


def test_the_perceptron_says_whether_it_converged():
    """On separable classes it ends with an epoch without mistakes; on others it makes them for ever."""
    x, y = make_blobs(100, centers=2, cluster_std=0.5, random_state=3)
    fitted = Perceptron(random_state=0).fit(x, y)
    assert fitted.converged_
    assert fitted.loss_curve_[-1] == 0 < fitted.loss_curve_[0]
    assert (fitted.coef_.shape, fitted.intercept_.shape) == ((1, 2), (1,))
    endless = Perceptron(30, random_state=0).fit(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0])
    assert (endless.converged_, endless.n_iter_) == (False, 30)


@over(ESTIMATORS)
def test_settings_are_those_of_the_constructor(kind):
    """All take their settings by name, and give them back; networks have every one that MLP declares."""
    settings = kind().get_params()
    assert kind(**settings).get_params() == settings
    assert kind not in NETWORKS or {item.name for item in fields(MLP)} < set(settings)
    assert is_classifier(kind()) == (kind in CLASSIFIERS)


def test_every_setting_of_networks_is_one_of_estimators():
    """Whatever a network can be, an estimator can: a new field of `Architecture` or `Member` is a setting as well."""
    settings = {*MLPClassifier().get_params(), *MLPRegressor().get_params()}
    assert {item.name for item in fields(Architecture)} - settings == {"inputs", "outputs", "hidden"}
    assert {item.name for item in fields(Member)} - settings == {"seed"}


SEEDS = range(5)


def assert_as_good(ours, theirs, data, least):
    """Check that the mean test scores differ by at most 4 standard errors; `least` is the least error to assume."""
    x_train, x_test, y_train, y_test = data
    ours, theirs = (
        np.array([make(seed).fit(x_train, y_train).score(x_test, y_test) for seed in SEEDS]) for make in (ours, theirs)
    )
    error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / len(SEEDS))
    assert abs(ours.mean() - theirs.mean()) < 4 * max(error, least)
    return ours.mean()


PEER = {"hidden_layer_sizes": (32,), "batch_size": 32, "alpha": 0, "n_iter_no_change": 99}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_classifier_is_as_good_as_scikit_learns():
    """On digits, with the same sizes, Adam and epochs: 0.002 is one row of the 450."""
    data = train_test_split(*load_digits(return_X_y=True), random_state=0)
    score = assert_as_good(
        lambda seed: MLPClassifier(32, max_epochs=20, patience=None, random_state=seed),
        lambda seed: make_pipeline(
            StandardScaler(), neural_network.MLPClassifier(**PEER, max_iter=20, random_state=seed)
        ),
        data,
        0.002,
    )
    assert score > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_regressor_is_as_good_as_scikit_learns():
    """On Friedman's first problem, with the same sizes, Adam, epochs and standardized targets, by R²."""
    data = train_test_split(*make_friedman1(800, noise=1, random_state=0), random_state=0)
    peer = neural_network.MLPRegressor(**PEER, max_iter=60)
    score = assert_as_good(
        lambda seed: MLPRegressor(32, max_epochs=60, patience=None, random_state=seed),
        lambda seed: TransformedTargetRegressor(
            make_pipeline(StandardScaler(), clone(peer).set_params(random_state=seed)), transformer=StandardScaler()
        ),
        data,
        0.002,
    )
    assert score > 0.8


def test_the_perceptron_is_as_good_as_scikit_learns():
    """On separable classes both learn every row, and err on about as many new ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 5))
    x = x[abs(x.sum(axis=1)) > 0.5]
    data = train_test_split(x, x.sum(axis=1) > 0, random_state=0)
    peer = partial(linear_model.Perceptron, max_iter=1000, tol=None)
    score = assert_as_good(
        lambda seed: Perceptron(1000, random_state=seed), lambda seed: peer(random_state=seed), data, 0.005
    )
    assert score > 0.95
    for estimator in (Perceptron(1000, random_state=0), peer(random_state=0)):
        assert estimator.fit(data[0], data[2]).score(data[0], data[2]) == 1
