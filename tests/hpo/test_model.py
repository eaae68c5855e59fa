"""A model takes raw tables: by name, in any order, with whatever is missing, unseen or superfluous."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import network
from hpo.data import PARTS, load_data
from hpo.model import Model, ModelError
from hpo.network_settings import LOSSES_OF

ROWS = 200


def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    age = rng.normal(40, 12, ROWS)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "age": np.where(rng.random(ROWS) < 0.1, np.nan, age),
            "town": rng.choice(["Rome", "Bonn", "Oslo"], ROWS),
            "member": rng.choice([True, False], ROWS),
            "joined": pd.date_range("2020-01-01", periods=ROWS),
            "survived": np.where(age + rng.normal(0, 3, ROWS) > 40, "yes", "no"),
            "fare": age * 250 + rng.normal(0, 100, ROWS) + 5000,
        }
    )


TARGETS = {"classes": "survived", "number": "fare", "labels": ["survived", "member"], "numbers": ["fare", "age"]}


def trained(data, epochs: int = 15) -> Model:
    architecture = network.Architecture(data.inputs, data.outputs, hidden=(8,), loss=LOSSES_OF[data.task][0])
    training = network.Training(architecture, [network.Member(seed=0, learning_rate=0.02)], data.arrays())
    for _ in range(epochs):
        training.train_epoch()
    return Model.trained_on(data, architecture, training.weights(0), params={"hidden": [8]}, info={"study": "people"})


@pytest.fixture(scope="module")
def classifier() -> Model:
    return trained(load_data(people(), target="survived"))


@pytest.fixture(scope="module")
def regressor() -> Model:
    return trained(load_data(people(), target="fare"))


def test_labels_and_values_come_in_the_words_and_units_of_the_table(classifier, regressor):
    """A classifier answers with the table's own labels, a regressor in the target's unit; both have learned."""
    table = people()
    labels, fares = classifier.predict(table), regressor.predict(table)
    assert np.mean(labels == table["survived"].to_numpy()) > 0.8
    assert metrics.r2_score(table["fare"], fares) > 0.8
    assert fares.shape == (ROWS,)


def test_probabilities_are_in_the_order_of_the_classes(classifier, regressor):
    """Each row sums to one, its largest is the label; a measure has none, and says so."""
    table = people()
    probabilities = classifier.predict_proba(table)
    assert probabilities.shape == (ROWS, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert np.array_equal(np.array(["no", "yes"])[probabilities.argmax(axis=1)], classifier.predict(table))
    with pytest.raises(ModelError, match=r"'fare' .* Use predict"):
        regressor.predict_proba(table)


def test_labels_come_as_columns_in_the_words_of_each():
    """Of several labels each has its column, of the original values, even of several types; two are told apart."""
    table, targets = people(), TARGETS["labels"]
    model = trained(load_data(table, target=targets))
    labels, probabilities = model.predict(table), model.predict_proba(table)
    assert labels.shape == probabilities.shape == (ROWS, 2)
    assert [set(column) for column in labels.T.tolist()] == [{"yes", "no"}, {True, False}]
    assert np.array_equal(labels[:, 0] == "yes", probabilities[:, 0] > 0.5)
    assert np.mean(labels[:, 0] == table["survived"]) > 0.8


def test_several_numbers_come_as_columns_in_their_units():
    """Of several numbers each has its column, in its own unit, whatever those of the others."""
    table = people().dropna()
    values = trained(load_data(table, target=TARGETS["numbers"])).predict(table)
    assert values.shape == (len(table), 2)
    assert np.mean(values[:, 0]) == pytest.approx(table["fare"].mean(), rel=0.1)
    assert np.mean(values[:, 1]) == pytest.approx(table["age"].mean(), rel=0.1)


@pytest.mark.parametrize("target", ["survived", "fare"])
def test_evaluation_is_scikit_learns_on_the_raw_rows(target):
    """The metrics of each part are those of the predictions on that part's raw rows, in original units."""
    table = people()
    data = load_data(table, target=target)
    model = trained(data)
    for part in PARTS:
        rows = raw_rows(data, table, part)
        truth = table.loc[rows, target].to_numpy()
        expected = (
            {
                "accuracy": metrics.accuracy_score(truth, model.predict(table.loc[rows])),
                "balanced_accuracy": metrics.balanced_accuracy_score(truth, model.predict(table.loc[rows])),
                "log_loss": metrics.log_loss(truth, model.predict_proba(table.loc[rows]), labels=["no", "yes"]),
                "roc_auc": metrics.roc_auc_score(truth == "yes", model.predict_proba(table.loc[rows])[:, 1]),
            }
            if target == "survived"
            else {
                "rmse": metrics.root_mean_squared_error(truth, model.predict(table.loc[rows])),
                "mae": metrics.mean_absolute_error(truth, model.predict(table.loc[rows])),
                "r2": metrics.r2_score(truth, model.predict(table.loc[rows])),
            }
        )
        assert model.evaluate(data, part) == pytest.approx(expected, rel=1e-4)


def raw_rows(data, table: pd.DataFrame, part: str) -> np.ndarray:
    """The rows of the table that a part was made of, found by their inputs, of which no two are alike."""
    places = {row.tobytes(): place for place, row in enumerate(data.preprocessing.transform(table))}
    assert len(places) == len(table)
    return np.array([places[row.tobytes()] for row in data.part(part)[0]])


def test_order_of_columns_and_superfluous_ones_do_not_matter(classifier):
    """Columns are found by name; the target, dropped columns and strangers are not looked at."""
    table = people()
    shuffled = table[["town", "joined", "member", "fare", "age"]].assign(stranger="x")
    assert np.array_equal(classifier.predict_proba(table), classifier.predict_proba(shuffled))


def test_the_way_a_table_comes_does_not_matter(classifier, tmp_path):
    """The same rows as DataFrame, CSV, Parquet or array are the same predictions, bit for bit."""
    table = people()
    expected = classifier.predict_proba(table)
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    array = table.drop(columns="survived").to_numpy(dtype=object)
    for other in (tmp_path / "t.csv", str(tmp_path / "t.parquet"), array, array.tolist()):
        assert np.array_equal(classifier.predict_proba(other), expected)


def test_decimal_commas_are_numbers_where_the_model_has_numbers(classifier, tmp_path):
    """A file with decimal commas is the same rows; a category keeps its commas, whatever else is in its column."""
    table = people()
    table.to_csv(tmp_path / "commas.csv", index=False, sep=";", decimal=",")
    assert np.array_equal(classifier.predict_proba(tmp_path / "commas.csv"), classifier.predict_proba(table))
    sizes = table.assign(town=np.where(table["fare"] > 15000, "1,5", "small"))
    model = trained(load_data(sizes, target="survived"))
    large = sizes[sizes["town"] == "1,5"]
    large.to_csv(tmp_path / "large.csv", index=False, sep=";")
    assert np.array_equal(model.predict_proba(tmp_path / "large.csv"), model.predict_proba(large))


def test_arrays_and_npz_files_go_by_position(tmp_path):
    """An array has the columns of the training table in their order, those included that were dropped."""
    data = load_data("digits")
    model = trained(data, epochs=1)
    x = np.random.default_rng(0).integers(0, 16, (5, 8, 8))
    np.savez(tmp_path / "x.npz", X=x)
    assert np.array_equal(model.predict(x), model.predict(tmp_path / "x.npz"))
    assert np.array_equal(model.predict(x), model.predict(x.reshape(5, 64)))
    with pytest.raises(ModelError, match=r"60 columns. Give 64, in this order: 'pixel_0_0'"):
        model.predict(np.ones((5, 60)))


def test_missing_values_and_unseen_categories_are_fine(classifier):
    """A row of which nothing is known, and a town never seen, have predictions."""
    table = pd.DataFrame(
        {
            "age": [np.inf, None],
            "town": ["Atlantis", None],
            "member": [None] * 2,
            "joined": [None] * 2,
            "fare": [1, np.nan],
        }
    )
    assert np.isfinite(classifier.predict_proba(table)).all()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (people()[["age", "town", "joined"]], ["'member', 'fare'", "it has 'age', 'town'"]),
        (people().assign(age="forty"), ["'age', row 1", "'forty'", "number"]),
        (people().assign(member="maybe"), ["'member', row 1", "'maybe'", "true or false"]),
        (people()[:0], ["0 rows", "Give"]),
        (np.ones(6), ["(6,)", "(rows, features)"]),
        ("peolpe.csv", ["peolpe.csv", "no such file"]),
        ("people.txt.gz", ["'.gz'", ".csv"]),
    ],
)
def test_a_table_that_does_not_fit_says_why(classifier, table, said):
    """The message names the columns, the rows and the remedy."""
    with pytest.raises(ModelError) as caught:
        classifier.predict(table)
    for part in said:
        assert part in str(caught.value)


def test_a_model_is_not_evaluated_on_other_data(classifier):
    """Rows that it was trained on must not be taken for test rows: another split or table is refused."""
    for other in (load_data(people(), target="survived", seed=1), load_data("iris")):
        with pytest.raises(ModelError, match=r"other data|another split"):
            classifier.evaluate(other)


def test_a_model_does_not_share_memory_with_its_training():
    """What becomes of the arrays that it was made of leaves a model as it was."""
    data = load_data("iris")
    architecture = network.Architecture(data.inputs, data.outputs)
    weights = network.Training(architecture, [network.Member(seed=0)], data.arrays()).weights(0)
    model = Model.trained_on(data, architecture, weights)
    before = model.evaluate(data)
    for array in (array for layer in weights for array in layer):
        array[...] = 1
    assert model.evaluate(data) == before
