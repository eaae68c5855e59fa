"""The built-in objective: a network on a data set, alone and in stacks."""

import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from searches import searched
from sklearn import metrics

import hpo
from hpo.network_objective import DEFAULTS
from hpo.objectives import Beginning
from network import ACTIVATIONS, INITIALIZERS, OPTIMIZERS
from storage.queries import read_curves

METRICS = {"accuracy": "iris", "log_loss": "iris", "rmse": "diabetes", "r2": "diabetes"}


@pytest.fixture(scope="module")
def iris() -> hpo.Data:
    return hpo.load_data("iris")


@pytest.fixture(scope="module")
def diabetes() -> hpo.Data:
    return hpo.load_data("diabetes")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Ten columns of noise, one of identifiers, and a target that follows from one of them."""
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    return noise.assign(id=[f"row-{row}" for row in range(200)], target=np.where(noise["a"] > 0, "up", "down"))


# --- spaces and settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_the_default_space_fits(name: str) -> None:
    """The space that is searched where none is given is one the objective takes, at both ends of every range."""
    objective = hpo.NetworkObjective(name)
    objective.check(hpo.default_space())
    rng = np.random.default_rng(0)
    for _ in range(20):
        objective.key(hpo.default_space().sample(rng))


@pytest.mark.parametrize("fixed", list(hpo.default_space().parameters))
def test_what_is_fixed_is_not_searched(iris: hpo.Data, fixed: str) -> None:
    """A fixed setting drops out of the default space, and so does what hangs on it; the rest fits."""
    value = DEFAULTS[fixed]
    study = hpo.create_study(objective=hpo.NetworkObjective(iris, **{fixed: value}), storage=None)
    default = hpo.default_space()
    left = {name for name in default.parameters if name != fixed and fixed not in dict(default.conditions[name])}
    assert set(study.space.parameters) == left


def test_what_hangs_on_what_hangs_on_a_fixed_setting_goes_too(iris: hpo.Data) -> None:
    """A parameter whose condition's condition is fixed goes as well; the order of declaration stays."""
    space = hpo.Space(
        l2=hpo.Float(0, 1),
        batch_size=hpo.Choice(16, 32, when={"layers": 2}),
        layers=hpo.Int(1, 2, when={"optimizer": "sgd"}),
        optimizer=hpo.Choice("adam", "sgd"),
        hidden=hpo.Int(8, 16),
    )
    left = hpo.NetworkObjective(iris, optimizer="sgd").without_fixed(space)
    assert list(left.parameters) == ["l2", "hidden"]


def test_fixed_settings_reach_the_network(iris: hpo.Data) -> None:
    """What is fixed and what is searched make one architecture, the rest is as in DEFAULTS."""
    key: Any = hpo.NetworkObjective(iris, hidden=7, layers=2).key({"activation": "tanh", "learning_rate": 0.1})
    assert (key.hidden, key.activation, key.batch_size) == ((7, 7), "tanh", DEFAULTS["batch_size"])
    assert (key.inputs, key.outputs, key.initializer) == (4, 3, "glorot")


WRONG = {
    "hidden": (0, "at least 1"),
    "layers": (-1, "layers is -1"),
    "activation": ("rellu", "did you mean 'relu'?"),
    "initializer": ("hee", "did you mean 'he'?"),
    "optimizer": ("adamw", "did you mean 'adam'?"),
    "batch_size": (1.5, "whole number"),
    "learning_rate": (0.0, "greater than 0"),
    "l2": (-1e-9, "at least 0"),
    "momentum": (1.0, "less than 1"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_impossible_value_is_named(iris: hpo.Data, name: str) -> None:
    """Every setting has values that cannot be: told before anything is trained, fixed or in a space."""
    value, message = WRONG[name]
    with pytest.raises(hpo.ObjectiveError) as fixed:
        hpo.NetworkObjective(iris, **{name: value})
    with pytest.raises(hpo.ObjectiveError) as searched_:
        hpo.NetworkObjective(iris).check(hpo.Space({name: hpo.Choice(DEFAULTS[name], value)}))
    assert f"setting {name!r} is {value!r}, but: " in str(fixed.value)
    assert f"parameter {name!r} may be {value!r}, but: " in str(searched_.value)
    assert all(message in str(caught.value) for caught in (fixed, searched_))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (hpo.Space(hidden=hpo.Int(0, 8)), "parameter 'hidden' may be 0"),
        (hpo.Space(hidden=hpo.Float(1, 8)), "parameter 'hidden' may be 1.0"),
        (hpo.Space(layers=hpo.Float(1, 2)), "whole number"),
        (hpo.Space(momentum=hpo.Float(0.5, 1.0)), "parameter 'momentum' may be 1.0"),
        (hpo.Space(learning_rat=hpo.Float(0.5, 1.0)), "did you mean 'learning_rate'?"),
        (hpo.Space(x=hpo.Float(0.5, 1.0)), "a network has no parameter 'x'; it has: layers, hidden"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_before_a_file_is_made(
    iris: hpo.Data, tmp_path: Path, space: hpo.Space, message: str
) -> None:
    """A space with a name or an end of a range that a network cannot take makes no study, and no database."""
    with pytest.raises(hpo.ObjectiveError) as caught:
        hpo.create_study(space=space, objective=hpo.NetworkObjective(iris), storage=tmp_path / "hpo.db")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_contradict_each_other_are_refused(iris: hpo.Data) -> None:
    """An unknown setting, one that is fixed and searched, and a metric of another task each have their message."""
    with pytest.raises(hpo.ObjectiveError, match="no setting 'activatoin'; did you mean 'activation'"):
        hpo.NetworkObjective(iris, activatoin="relu")
    with pytest.raises(hpo.ObjectiveError, match="'hidden' is a parameter of the space, and a setting"):
        hpo.NetworkObjective(iris, hidden=8).check(hpo.Space(hidden=hpo.Int(8, 16)))
    with pytest.raises(hpo.ObjectiveError, match="'rmse' does not measure classification: use accuracy or log_loss"):
        hpo.NetworkObjective(iris, metric="rmse")


@pytest.mark.parametrize(
    "known", [ACTIVATIONS, INITIALIZERS, OPTIMIZERS], ids=["activation", "initializer", "optimizer"]
)
def test_every_kind_of_part_can_be_searched(iris: hpo.Data, known: Mapping[str, Any], request: Any) -> None:
    """Whatever `network` has of activations, initializers and optimizers can be searched by name."""
    name = request.node.callspec.id
    hpo.NetworkObjective(iris).check(hpo.Space({name: hpo.Choice(*known)}))


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


def test_data_that_are_loaded_take_no_options(iris: hpo.Data) -> None:
    """Options for loading beside data that are loaded already would do nothing, so they are refused."""
    for option, value in {"drop": ["a"], "validation": 0.3, "seed": 1, "target": "y", "task": "regression"}.items():
        with pytest.raises(hpo.ObjectiveError, match=f"{option}=.* give it to load_data"):
            hpo.NetworkObjective(iris, **{option: value})


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


@pytest.mark.parametrize("metric", METRICS)
def test_a_stack_measures_what_each_would_alone(metric: str) -> None:
    """The results of trials in one session are bit for bit those of a session each, one of them diverging."""
    objective = hpo.NetworkObjective(METRICS[metric], metric=metric, optimizer="sgd", hidden=16)
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


@pytest.mark.parametrize("metric", METRICS)
def test_values_are_metrics_of_the_validation_part(metric: str) -> None:
    """The best value is what scikit-learn measures of the best model on the validation part, in the target's units."""
    objective = hpo.NetworkObjective(METRICS[metric], metric=metric)
    study = searched(objective, 4, space=None, max_epochs=9)
    model, data = study.best_model(), objective.data
    x, y = data.part("validation")
    expected = model.evaluate(data, "validation")[metric]
    assert study.best_value == pytest.approx(expected, rel=1e-5)
    if metric == "rmse":
        raw = data.target.in_units(y).ravel()
        errors = raw - model.target.decode(_outputs(model, x)).ravel()
        assert study.best_value == pytest.approx(float(np.sqrt(np.mean(errors**2))), rel=1e-5)
        assert 10 < study.best_value < 200  # the target goes from 25 to 346
    assert study.direction == ("maximize" if metric in ("accuracy", "r2") else "minimize")
    assert study.best_value == (max if study.direction == "maximize" else min)(
        value for curve in study.curves().values() for value in curve
    )


def _outputs(model: hpo.Model, x: Any) -> Any:
    return hpo.predict(model.architecture, model.parameters, x)


def test_the_best_model_predicts_raw_tables(table: pd.DataFrame) -> None:
    """The best model takes tables as they came, and is right as often on validation rows as the trial's value says."""
    objective = hpo.NetworkObjective(table, drop=["id"])
    study = searched(objective, 6, space=None, max_epochs=9)
    model = study.best_model()
    x, y = objective.data.part("validation")
    guesses = _outputs(model, x).argmax(axis=1)
    assert study.best_value == metrics.accuracy_score(y, guesses)
    right = float(np.mean(model.predict(table.drop(columns="target")) == table["target"]))
    assert right > 0.8
    assert model.params == study.best_params


def test_other_metrics_stand_beside_the_value(iris: hpo.Data) -> None:
    """With each epoch the task's other metric and the training loss are recorded."""
    study = searched(hpo.NetworkObjective(iris), 1, space=None, max_epochs=3)
    (curve,) = read_curves(study.database, study.record).values()
    assert all(set(others) == {"train_loss", "log_loss"} for _, _, others, _ in curve)


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
