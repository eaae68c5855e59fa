"""What a network can be told: every setting can be fixed or searched, and none can be what cannot be."""

from collections.abc import Mapping
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import searched
from tables import TASKS, data_of

import hpo
from hpo.network_settings import DEFAULTS, LOSSES_OF, WIDTHS, network_of, schedule_of
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
SPACES = {task: hpo.default_space(task) for task in dict.fromkeys(TASKS.values())}


@pytest.fixture(scope="module")
def iris() -> hpo.Data:
    return hpo.load_data("iris")


def ends(space: hpo.Space) -> list[dict[str, Any]]:
    """Return the points at which every parameter is at the beginning, and at the end, of its domain."""
    points = []
    for end in (0, -1):
        values = {
            name: (domain.values if isinstance(domain, hpo.Choice) else (domain.low, domain.high))[end]
            for name, domain in space.parameters.items()
        }
        points.append({name: values[name] for name in space.active(values)})
    return points


# --- the default spaces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TASKS)
def test_the_default_space_fits(kind: str) -> None:
    """The space that is searched where none is given is one the objective takes; its ends train an epoch."""
    objective = hpo.NetworkObjective(data_of(kind))
    space = objective.default_space()
    assert space == SPACES[TASKS[kind]]
    objective.check(space)
    for params in ends(space):
        (result,) = objective.open([Beginning(params, seed=0)]).train_epoch()
        assert result.error is None
        assert np.isfinite(result.value)


@pytest.mark.parametrize("task", SPACES)
def test_a_point_has_what_its_network_uses(task: str) -> None:
    """A layer's width is there where the layer is, momentum where gradient descent is; the network has those widths."""
    rng = np.random.default_rng(0)
    points = [SPACES[task].sample(rng) for _ in range(100)]
    for params in points:
        layers = params["layers"]
        assert [name for name in WIDTHS if name in params] == list(WIDTHS[:layers])
        assert ("momentum" in params) is (params["optimizer"] == "sgd")
        architecture, _ = network_of(params, inputs=3, outputs=2, task=task, seed=0)
        assert architecture.hidden == tuple(params[name] for name in WIDTHS[:layers])
    assert {(params["layers"], params["optimizer"]) for params in points} == {
        (layers, optimizer) for layers in (1, 2, 3) for optimizer in ("adam", "sgd")
    }


def test_no_space_for_no_task() -> None:
    """A task that there is not is named, with the nearest one."""
    with pytest.raises(hpo.SpaceError, match=r"no task 'clasification'\. Did you mean 'classification'"):
        hpo.default_space("clasification")


# --- fixed settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "fixed"), [(task, name) for task, space in SPACES.items() for name in space.parameters]
)
def test_what_is_fixed_is_not_searched(task: str, fixed: str) -> None:
    """A fixed setting drops out of the default space, and so does what hangs on it; the rest fits."""
    kind = next(kind for kind in TASKS if TASKS[kind] == task)
    objective = hpo.NetworkObjective(data_of(kind), **{fixed: DEFAULTS[fixed]})
    default, space = SPACES[task], objective.default_space()
    left = [name for name in default.parameters if name != fixed and fixed not in dict(default.conditions[name])]
    assert list(space.parameters) == left
    objective.check(space)


def test_the_width_of_all_layers_fixes_that_of_each(iris: hpo.Data) -> None:
    """With `hidden` fixed, no layer's width is searched: it is that of them all."""
    objective = hpo.NetworkObjective(iris, hidden=7)
    assert not set(objective.default_space().parameters) & set(WIDTHS)
    assert {objective.key({"layers": layers}).hidden for layers in (1, 3)} == {(7,), (7, 7, 7)}


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
    objective = hpo.NetworkObjective(iris, hidden=7, hidden_2=5, layers=10, normalization="batch")
    key: Any = objective.key({"activation": "tanh", "learning_rate": 0.1, "dropout": 0.5})
    assert (key.hidden, key.activation, key.batch_size) == ((7, 5, *[7] * 8), "tanh", DEFAULTS["batch_size"])
    assert (key.inputs, key.outputs, key.initializer) == (4, 3, "glorot_uniform")
    assert (key.normalization, key.dropout) == ("batch", True)


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


# --- schedules end with the study ---------------------------------------------------------------------------------

FALLING = {"schedule": "cosine", "learning_rate": 0.03, "optimizer": "sgd", "hidden": 8, "metric": "log_loss"}


def curve_of(objective: hpo.NetworkObjective, **settings: Any) -> list[float]:
    """Return the curve of nine epochs of a study's first trial."""
    study = searched(objective, 1, strategy="random", **({"space": hpo.Space(l1=hpo.Choice(0.0))} | settings))
    return study.curves()[0]


def test_a_schedule_ends_with_the_study(iris: hpo.Data) -> None:
    """With max_epochs=9 a cosine ends at 9, the source says so, and the objective that was given stays as it was."""
    objective = hpo.NetworkObjective(iris, **FALLING)
    study = searched(objective, 1, strategy="random", space=hpo.Space(l1=hpo.Choice(0.0)), max_epochs=9)
    assert (study.spec.objective["schedule_epochs"], objective.source["schedule_epochs"]) == (9, 81)
    ends_at = {epochs: hpo.NetworkObjective(iris, **FALLING, schedule_epochs=epochs) for epochs in (9, 81)}
    assert study.curves()[0] == curve_of(ends_at[9], max_epochs=9)
    assert study.curves()[0] != curve_of(ends_at[81], max_epochs=9)


def test_where_a_schedule_ends_can_be_searched(iris: hpo.Data) -> None:
    """`schedule_epochs` as a parameter has precedence over the study's epochs."""
    objective = hpo.NetworkObjective(iris, **FALLING)
    searched_ = curve_of(objective, space=hpo.Space(schedule_epochs=hpo.Choice(4)), max_epochs=9)
    assert searched_ == curve_of(hpo.NetworkObjective(iris, **FALLING, schedule_epochs=4), max_epochs=9)


def test_the_objective_given_again_fits(tmp_path: Path) -> None:
    """Load a study, or create it again, with the objective it was made with: it goes on as if never left."""
    path, objective = tmp_path / "hpo.db", hpo.NetworkObjective(data_of("classes"), **FALLING)
    settings: dict[str, Any] = {"space": hpo.Space(l1=hpo.Float(0, 1)), "strategy": "random", "seed": 3}
    hpo.create_study("s", objective=objective, storage=path, max_epochs=9, **settings).optimize(1)
    hpo.load_study("s", objective=objective, storage=path).optimize(2)
    again = hpo.create_study("s", objective=objective, storage=path, load_if_exists=True, **settings).optimize(3)
    assert again.curves() == searched(objective, 3, max_epochs=9, **settings).curves()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_search_resumed_under_a_schedule_is_the_search(tmp_path: Path, schedule: str) -> None:
    """Left after some epochs and loaded from what the database says, a search goes on as if never left."""
    path, objective = tmp_path / "hpo.db", hpo.NetworkObjective("iris", **(FALLING | {"schedule": schedule}), warmup=1)
    settings: dict[str, Any] = {"space": hpo.Space(l1=hpo.Float(0, 1e-3)), "seed": 3, "max_epochs": 9}
    hpo.create_study("s", objective=objective, storage=path, strategy="halving", **settings).optimize(9, budget=13)
    left = hpo.load_study("s", storage=path)
    assert sum(map(len, left.curves().values())) == 13
    resumed = left.optimize(budget=1000)
    assert resumed.curves() == searched(objective, 9, strategy="halving", **settings).curves()


RATES: Mapping[str, Mapping[float, float]] = {
    "constant": {0: 1, 9: 1},
    "cosine": {0: 1, 4.5: (1 + 0.01) / 2, 9: 0.01, 20: 0.01},
    "exponential": {0: 1, 4.5: 0.1, 9: 0.01},
    "step": {0: 1, 2.9: 1, 3: 0.1, 5.9: 0.1, 6: 0.01},
    "plateau": {0: 1, 9: 1},
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 6])
def test_what_a_schedule_is_at_which_epoch(name: str, warmup: int) -> None:
    """In nine epochs after the warm-up each schedule has come down as far as it is said to; worked numbers."""
    schedule = schedule_of(name, 9 + warmup, warmup)
    epochs, expected = np.array(list(RATES[name].items())).T
    assert schedule.factors(epochs + warmup) == pytest.approx(expected)
    assert warmup == 0 or schedule.factors(np.array([0.0, 3.0])) == pytest.approx([0.1, 0.55])


def test_a_plateau_is_a_tenth_of_the_epochs() -> None:
    """After two epochs without improvement of ten in all, the rate is a third; it ends at a hundredth."""
    schedule = schedule_of("plateau", 10)
    state, scales = schedule.start(), []
    for _ in range(12):
        state = schedule.observe(state, 1.0)
        scales.append(schedule.scale(state))
    assert scales == pytest.approx([1, 1, 1 / 3, 1 / 3, 1 / 9, 1 / 9, 1 / 27, 1 / 27, 1 / 81, 1 / 81, 0.01, 0.01])
