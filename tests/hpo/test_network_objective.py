"""The built-in objective: a network on a data set, alone and in stacks."""

import io
import json
import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from searches import searched
from sklearn import metrics
from toy_tables import TARGETS, TASKS, WEIGHT, data_of
from toy_tables import table as table_of

import hpo
from hpo.data import Options
from hpo.objectives import Beginning
from storage.questions.queries import read_curves


@pytest.fixture(scope="module")
def iris() -> hpo.Data:
    return hpo.load_data("iris")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Ten columns of noise, one of identifiers, and a target that follows from one of them."""
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    return noise.assign(id=[f"row-{row}" for row in range(200)], target=np.where(noise["a"] > 0, "up", "down"))


# --- data ---------------------------------------------------------------------------------------------------------


def test_options_of_the_data_are_kept_and_restored(table: pd.DataFrame, tmp_path: Path) -> None:
    """Target, task, columns, fractions and seed go to load_data, and come back from the source, by way of JSON."""
    path = tmp_path / "table.csv"
    table.rename(columns={"target": "direction"}).to_csv(path, index=False)
    settings = {"target": "direction", "drop": ["b"], "keep": ["id"], "validation": 0.3, "test": 0.1, "seed": 5}
    objective = hpo.NetworkObjective(path, **settings, metric="log_loss", hidden=8)
    data = objective.data
    assert (len(data.y_train), len(data.y_validation), len(data.y_test)) == (120, 60, 20)
    assert {column.name for column in data.preprocessing.used} == {"a", "c", "id"}

    again = hpo.NetworkObjective.from_source(json.loads(json.dumps(objective.source)))
    assert again.source == objective.source
    assert again.data.fingerprint == data.fingerprint
    assert (again.metric, again.direction) == ("log_loss", "minimize")
    for part in ("train", "validation", "test"):
        for ours, theirs in zip(again.data.part(part), data.part(part), strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("kind", TASKS)
def test_every_kind_of_data_comes_back(kind: str, tmp_path: Path) -> None:
    """Targets, task, weights and balance come back from the source: the arrays to train on are the same."""
    path = tmp_path / "table.csv"
    table_of(kind).to_csv(path, index=False)
    balance = TASKS[kind] == "classification"
    objective = hpo.NetworkObjective(path, target=TARGETS[kind], weight=WEIGHT, balance=balance)
    again = hpo.NetworkObjective.from_source(json.loads(json.dumps(objective.source)))
    assert (again.source, again.task) == (objective.source, TASKS[kind])
    for field in fields(hpo.TrainingData):
        arrays = (getattr(each.data.arrays(), field.name) for each in (objective, again))
        assert np.array_equal(*arrays), field.name


def test_data_that_are_loaded_take_no_options(iris: hpo.Data) -> None:
    """Options for loading beside data that are loaded already would do nothing, so they are refused."""
    options = {
        "drop": ["a"],
        "keep": ("a",),
        "validation": 0.3,
        "test": 0.1,
        "seed": 1,
        "target": ["y"],
        "task": "regression",
        "weight": np.ones(150),
        "balance": True,
    }
    assert options.keys() == {option.name for option in fields(Options)}
    for option, value in options.items():
        with pytest.raises(hpo.ObjectiveError, match=f"'{option}' is about loading.* give it to load_data"):
            hpo.NetworkObjective(iris, **{option: value})
    assert hpo.NetworkObjective(iris, drop=[], keep=(), target=None, seed=0).data is iris


def test_wrong_options_of_the_data_are_refused(table: pd.DataFrame) -> None:
    """What load_data refuses, the objective refuses with the same message."""
    with pytest.raises(hpo.DataError, match="leave no part for each purpose"):
        hpo.NetworkObjective(table, validation=0.6, test=0.5)
    with pytest.raises(hpo.DataError, match="'aa'"):
        hpo.NetworkObjective(table, drop=["aa"])


def test_data_that_changed_or_went_away_are_told(table: pd.DataFrame, tmp_path: Path) -> None:
    """A study whose file is another, or gone, does not go on with other data; the file brought back, it does."""
    path, database = tmp_path / "table.csv", tmp_path / "hpo.db"
    table.to_csv(path, index=False)
    content = path.read_bytes()
    objective = hpo.NetworkObjective(path, drop=["id"])
    hpo.create_study("s", objective=objective, seed=0, max_epochs=1, storage=database).optimize(1)
    path.write_bytes(content + b"0,0,0,extra,up\n")
    with pytest.raises(hpo.DataError, match="the file has changed"):
        hpo.load_study("s", storage=database).optimize(2)
    path.unlink()
    with pytest.raises(hpo.DataError, match=str(path)):
        hpo.load_study("s", storage=database).optimize(2)
    path.write_bytes(content)
    assert len(hpo.load_study("s", storage=database).optimize(2).trials) == 2


def test_data_in_memory_have_to_be_given_again(table: pd.DataFrame, tmp_path: Path) -> None:
    """A study on a table in memory goes on with the same table only: another, or other settings, are refused."""
    path = tmp_path / "hpo.db"
    settings = {"drop": ["id"], "hidden": 8}
    hpo.create_study(
        "s", objective=hpo.NetworkObjective(table, **settings), seed=0, max_epochs=1, storage=path
    ).optimize(1)
    with pytest.raises(hpo.DataError, match="had been in memory"):
        hpo.load_study("s", storage=path).optimize(2)
    others = [
        hpo.NetworkObjective(table.assign(a=table["b"]), **settings),
        hpo.NetworkObjective(table, drop=["id"], hidden=9),
        hpo.NetworkObjective(table, **settings, seed=1),
    ]
    for other in others:
        with pytest.raises(hpo.SettingError, match="another network or other data"):
            hpo.load_study("s", storage=path, objective=other)
    same = hpo.NetworkObjective(table.copy(), **settings)
    assert len(hpo.load_study("s", storage=path, objective=same).optimize(2).trials) == 2


# --- training -----------------------------------------------------------------------------------------------------


def curves_of(objective: hpo.NetworkObjective, beginnings: list[Beginning], epochs: int) -> list[list[Any]]:
    session = objective.open(beginnings)
    return [list(results) for results in zip(*(session.train_epoch() for _ in range(epochs)), strict=True)]


@pytest.mark.parametrize("kind", TASKS)
def test_a_stack_measures_what_each_would_alone(kind: str) -> None:
    """The results of trials in one session are bit for bit those of a session each, one of them diverging."""
    objective = hpo.NetworkObjective(data_of(kind, weighted=True), optimizer="sgd", hidden=16, dropout=0.2)
    rates = [1e-3, 1e-2, 1e30, 3e-2, 1e-4]
    beginnings = [
        Beginning({"learning_rate": rate, "l2": 0.01 * rate if rate < 1 else 0.0}, seed)
        for seed, rate in enumerate(rates)
    ]
    together = curves_of(objective, beginnings, 4)
    alone = [curves_of(objective, [beginning], 4)[0] for beginning in beginnings]
    assert together == alone
    assert [bool(curve[-1].error) for curve in together] == [False, False, True, False, False]


def test_a_state_goes_on_bit_for_bit(iris: hpo.Data) -> None:
    """Epochs after a state has travelled are those that would have followed, in another stack as well."""
    objective = hpo.NetworkObjective(iris)
    params, other = {"learning_rate": 0.01}, Beginning({"learning_rate": 0.02}, 8)
    whole = curves_of(objective, [Beginning(params, 3)], 6)[0]
    session = objective.open([other, Beginning(params, 3)])
    for _ in range(2):
        session.train_epoch()
    state = session.state(1)
    session.drop(0)
    assert session.train_epoch() == [whole[2]]
    assert curves_of(objective, [other, Beginning(params, 3, state)], 4)[1] == whole[2:]


def test_a_diverging_network_fails_alone(iris: hpo.Data) -> None:
    """A trial that diverges fails with the epoch and what was not finite; those in its stack are as without it."""
    objective = hpo.NetworkObjective(iris, optimizer="sgd", hidden=8)
    settings = {"strategy": "grid", "max_epochs": 3}
    mixed = searched(objective, None, space=hpo.Space(learning_rate=hpo.Choice(0.01, 1e30, 0.1)), **settings)
    calm = searched(objective, None, space=hpo.Space(learning_rate=hpo.Choice(0.01, 0.1)), **settings)
    states = [trial.state for trial in mixed.trials]
    assert states == [hpo.State.COMPLETE, hpo.State.FAILED, hpo.State.COMPLETE]
    assert "diverged in epoch 1: the training loss is not finite" in mixed.trial(1).error
    assert mixed.trial(1).traceback is None
    assert mixed.curves()[0] == calm.curves()[0]


def test_the_best_model_predicts_raw_tables(table: pd.DataFrame) -> None:
    """The best model takes tables as they came, and is right as often on validation rows as the trial's value says."""
    objective = hpo.NetworkObjective(table, drop=["id"])
    study = searched(objective, 6, space=None, max_epochs=9)
    model = study.best_model()
    x, y = objective.data.part("validation")
    guesses = hpo.predict(model.architecture, model.weights, x).argmax(axis=1)
    assert study.best_value == metrics.accuracy_score(y, guesses)
    right = float(np.mean(model.predict(table.drop(columns="target")) == table["target"]))
    assert right > 0.8
    assert model.params == study.best_params


BESIDE = {
    "classification": {"accuracy", "log_loss"},
    "multilabel": {"accuracy", "log_loss"},
    "regression": {"rmse", "r2", "mae"},
}


@pytest.mark.parametrize(
    ("kind", "metric"), [("classes", "roc_auc"), ("classes", None), ("labels", None), ("numbers", None)]
)
def test_other_metrics_stand_beside_the_value(kind: str, metric: str | None) -> None:
    """With each epoch the training loss and the task's other quick metrics are recorded; the value is not, twice."""
    objective = hpo.NetworkObjective(data_of(kind), metric=metric)
    study = searched(objective, 1, space=None, max_epochs=3)
    (curve,) = read_curves(study.database, study.record).values()
    expected = {"train_loss"} | BESIDE[TASKS[kind]] - {objective.metric}
    assert all(set(others) == expected for _, _, others, _ in curve)


def test_only_a_network_has_a_model() -> None:
    """A study of something else says what it tunes, and that it has no model."""
    study = searched(lambda params: params["x"], 1)
    with pytest.raises(hpo.ObjectiveError, match="not a built-in network"):
        study.best_model()


# --- in a worker --------------------------------------------------------------------------------------------------


class _Modules(pickle.Unpickler):
    """Notes which packages the pickled objects are of."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.found: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.found.add(module.partition(".")[0])
        return super().find_class(module, name)


def test_a_worker_gets_arrays_and_nothing_else(table: pd.DataFrame) -> None:
    """What travels to a worker holds no object of pandas or scikit-learn, and measures what the original does."""
    objective = hpo.NetworkObjective(table, drop=["id"])
    reader = _Modules(pickle.dumps(objective))
    arrived = reader.load()
    assert not {"sklearn", "pandas", "scipy"} & reader.found
    assert "network" in reader.found
    beginnings = [Beginning({"learning_rate": 0.01}, 1)]
    assert curves_of(arrived, beginnings, 2) == curves_of(objective, beginnings, 2)
    with pytest.raises(hpo.ObjectiveError, match="training data"):
        arrived.data  # noqa: B018 - the property raises
