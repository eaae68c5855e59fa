"""What a network can be told: every setting can be fixed or searched, and none can be what cannot be."""

from collections.abc import Mapping
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import searched
from toy_tables import TASKS, data_of

import hpo
from hpo.network_settings import DEFAULTS, LOSSES_OF, WIDTHS
from hpo.objectives import Beginning
from network import ACTIVATIONS, INITIALIZERS, OPTIMIZERS, SCHEDULES
from network.architecture import NORMALIZATIONS

UNTRAINABLE = [name for name, activation in ACTIVATIONS.items() if not activation.differentiable]
PARTS: Mapping[str, list[str]] = {
    "activation": [name for name in ACTIVATIONS if name not in UNTRAINABLE],
    "optimizer": list(OPTIMIZERS),
    "initializer": list(INITIALIZERS),
    "schedule": list(SCHEDULES),
    "normalization": list(NORMALIZATIONS),
}


@pytest.fixture(scope="module")
def iris() -> hpo.Data:
    return hpo.load_data("iris")


def test_fixed_settings_reach_the_network(iris: hpo.Data) -> None:
    """What is fixed and what is searched make one architecture, the rest is as in DEFAULTS."""
    objective = hpo.NetworkObjective(iris, hidden=7, hidden_2=5, layers=10, normalization="batch")
    key: Any = objective.key({"activation": "tanh", "learning_rate": 0.1, "dropout": 0.5})
    assert (key.hidden, key.activation, key.batch_size) == ((7, 5, *[7] * 8), "tanh", DEFAULTS["batch_size"])
    assert (key.inputs, key.outputs, key.initializer) == (4, 3, "glorot_uniform")
    assert (key.normalization, key.dropout) == ("batch", True)


OTHERWISE: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "layers": (2, {}),
    "hidden": (9, {}),
    **{name: (9, {"layers": 8, "activation": "tanh"}) for name in WIDTHS},
    "activation": ("tanh", {}),
    "normalization": ("batch", {}),
    "dropout": (0.3, {}),
    "initializer": ("orthogonal", {}),
    "loss": ("huber", {}),
    "huber_delta": (0.1, {"loss": "huber"}),
    "label_smoothing": (0.1, {}),
    "optimizer": ("sgd", {}),
    "learning_rate": (0.01, {}),
    "schedule": ("cosine", {}),
    "schedule_epochs": (9, {"schedule": "cosine"}),
    "warmup": (2, {}),
    "batch_size": (16, {}),
    "momentum": (0.5, {"optimizer": "sgd"}),
    "beta1": (0.5, {}),
    "beta2": (0.9, {}),
    "rho": (0.5, {"optimizer": "rmsprop"}),
    "weight_decay": (0.5, {"optimizer": "adamw"}),
    "l2": (0.1, {}),
    "l1": (0.1, {}),
    "clip_norm": (0.01, {"optimizer": "sgd"}),
    "max_norm": (0.1, {}),
}
"""Another value of each setting, and where that matters."""


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_reaches_the_training(name: str) -> None:
    """Another value of any setting trains otherwise, the same way whether it is fixed or searched."""
    value, others = OTHERWISE[name]
    data = data_of("numbers" if "huber" in (value, *others.values()) else "classes")

    def losses(params: Mapping[str, Any], **settings: Any) -> list[float]:
        session = hpo.NetworkObjective(data, **others, **settings).open([Beginning(params, 0)])
        return [session.train_epoch()[0].metrics["train_loss"] for _ in range(2)]

    assert losses({}) != losses({name: value}) == losses({}, **{name: value})


@pytest.mark.parametrize(("kind", "matters"), [("classes", True), ("labels", True), ("number", False)])
def test_labels_alone_are_smoothed(kind: str, *, matters: bool) -> None:
    """Label smoothing changes how classes and labels are trained; numbers have nothing to be smoothed."""
    sessions = [
        hpo.NetworkObjective(data_of(kind), label_smoothing=amount).open([Beginning({}, 0)]) for amount in (0.0, 0.2)
    ]
    plain, smooth = (session.train_epoch() for session in sessions)
    assert (plain != smooth) is matters


def test_numbers_of_numpy_are_kept_as_numbers(iris: hpo.Data) -> None:
    """A setting that is a number of NumPy's is stored as Python's, and trains the same network."""
    settings = {"hidden": np.int64(8), "learning_rate": np.float64(0.01)}
    ours = searched(hpo.NetworkObjective(iris, **settings), 2, space=None, max_epochs=1)
    plain = hpo.NetworkObjective(iris, hidden=8, learning_rate=0.01)
    assert searched(plain, 2, space=None, max_epochs=1).curves() == ours.curves()


# --- what cannot be -----------------------------------------------------------------------------------------------

WRONG: Mapping[str, tuple[Any, str]] = {
    "layers": (-1, "layers is -1"),
    "hidden": (0, "hidden is 0"),
    **{name: (0, f"{name} is 0") for name in WIDTHS},
    "activation": ("rellu", "did you mean 'relu'?"),
    "normalization": ("bacth", "did you mean 'batch'?"),
    "dropout": (1.0, "less than 1"),
    "initializer": ("he_norml", "did you mean 'he_normal'?"),
    "loss": ("mse", "Unknown loss for "),
    "huber_delta": (0.0, "greater than 0"),
    "label_smoothing": (1.0, "less than 1"),
    "optimizer": ("adamm", "did you mean 'adam"),
    "learning_rate": (0.0, "greater than 0"),
    "schedule": ("cosin", "did you mean 'cosine'?"),
    "schedule_epochs": (0, "greater than 0"),
    "warmup": (-1, "at least 0"),
    "batch_size": (1.5, "whole number"),
    "momentum": (1.0, "less than 1"),
    "beta1": (1.0, "less than 1"),
    "beta2": (-0.1, "at least 0"),
    "rho": (1.0, "less than 1"),
    "weight_decay": (-1e-9, "at least 0"),
    "l2": (-1e-9, "at least 0"),
    "l1": (-1, "at least 0"),
    "clip_norm": (0.0, "greater than 0"),
    "max_norm": (-1.0, "greater than 0"),
}


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("kind", ["classes", "labels", "number"])
def test_an_impossible_value_is_named(kind: str, name: str) -> None:
    """Every setting has values that cannot be, for any task: told before anything is trained, fixed or in a space."""
    (value, message), data = WRONG[name], data_of(kind)
    with pytest.raises(hpo.ObjectiveError) as fixed:
        hpo.NetworkObjective(data, **{name: value})
    with pytest.raises(hpo.ObjectiveError) as searched_:
        hpo.NetworkObjective(data).check(hpo.Space({name: hpo.Choice(DEFAULTS[name], value)}))
    assert f"setting {name!r} is {value!r}, but: " in str(fixed.value)
    assert f"parameter {name!r} may be {value!r}, but: " in str(searched_.value)
    assert all(message in str(caught.value) for caught in (fixed, searched_))


@pytest.mark.parametrize("name", [name for name, (value, _) in WRONG.items() if not isinstance(value, str)])
@pytest.mark.parametrize("value", [nan, inf, -inf, True, "3", [3]], ids=str)
def test_a_number_is_a_finite_number(name: str, value: Any) -> None:
    """No setting that is a number can be another thing, or infinite."""
    with pytest.raises(hpo.ObjectiveError, match=f"setting '{name}' is .* but must be a (whole )?number"):
        hpo.NetworkObjective(data_of("number"), **{name: value})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (hpo.Space(hidden=hpo.Int(0, 8)), "parameter 'hidden' may be 0"),
        (hpo.Space(hidden_8=hpo.Int(0, 8)), "parameter 'hidden_8' may be 0"),
        (hpo.Space(hidden=hpo.Float(1, 8)), "parameter 'hidden' may be 1.0"),
        (hpo.Space(layers=hpo.Float(1, 2)), "whole number"),
        (hpo.Space(momentum=hpo.Float(0.5, 1.0)), "parameter 'momentum' may be 1.0"),
        (hpo.Space(learning_rat=hpo.Float(0.5, 1.0)), "did you mean 'learning_rate'?"),
        (hpo.Space(x=hpo.Float(0.5, 1.0)), "a network has no parameter 'x'; it has: layers, hidden"),
        *[
            (hpo.Space(activation=hpo.Choice("relu", name)), f"parameter 'activation' may be {name!r}, but: ")
            for name in UNTRAINABLE
        ],
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


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_an_activation_without_a_gradient_cannot_be_trained(iris: hpo.Data, name: str) -> None:
    """Where there is no gradient, there is no training: told at once, with another activation."""
    with pytest.raises(hpo.ObjectiveError, match=f"'{name}' has no gradient to train by: use another, such as 'tanh'"):
        hpo.NetworkObjective(iris, activation=name)


def test_settings_that_contradict_each_other_are_refused(iris: hpo.Data) -> None:
    """An unknown setting, one that is fixed and searched, and a metric of another task each have their message."""
    with pytest.raises(hpo.ObjectiveError, match="no setting 'activatoin'; did you mean 'activation'"):
        hpo.NetworkObjective(iris, activatoin="relu")
    with pytest.raises(hpo.ObjectiveError, match="'hidden' is a parameter of the space, and a setting"):
        hpo.NetworkObjective(iris, hidden=8).check(hpo.Space(hidden=hpo.Int(8, 16)))
    with pytest.raises(hpo.ObjectiveError, match="'rmse' does not measure classification: use accuracy or log_loss"):
        hpo.NetworkObjective(iris, metric="rmse")


# --- what can be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        *[("classes", name, values) for name, values in PARTS.items()],
        *[(kind, "loss", list(LOSSES_OF[task])) for kind, task in TASKS.items()],
    ],
)
def test_every_kind_of_part_can_be_searched(kind: str, name: str, values: list[str]) -> None:
    """Whatever `network` has of a kind can be searched by name, and trains."""
    study = searched(
        hpo.NetworkObjective(data_of(kind), hidden=8, warmup=0.5),
        None,
        space=hpo.Space({name: hpo.Choice(*values)}),
        strategy="grid",
        max_epochs=1,
    )
    assert [trial.params[name] for trial in study.trials] == values
    assert {trial.state for trial in study.trials} == {hpo.State.COMPLETE}


def test_every_setting_can_be_searched(iris: hpo.Data) -> None:
    """One space may hold all settings; the defaults, said aloud, train as when nothing is said."""
    objective = hpo.NetworkObjective(iris)
    silent = searched(objective, 1, space=hpo.Space(l2=hpo.Choice(DEFAULTS["l2"])), max_epochs=3)
    aloud = hpo.Space({name: hpo.Choice(value) for name, value in DEFAULTS.items()})
    assert searched(objective, 1, space=aloud, max_epochs=3).curves() == silent.curves()
