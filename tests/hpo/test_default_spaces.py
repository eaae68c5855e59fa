"""The spaces that are searched where no other is given: they fit their tasks, and leave out what is fixed."""

from typing import Any

import numpy as np
import pytest
from toy_tables import TASKS, data_of

import hpo
from hpo.network_settings import DEFAULTS, WIDTHS, network_of
from hpo.objectives import Beginning

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


def test_what_hangs_on_a_fixed_setting_stays_where_its_condition_holds(iris: hpo.Data) -> None:
    """Where it does, the condition goes; where not, the parameter, and what hangs on it. The order stays."""
    space = hpo.Space(
        l2=hpo.Float(0, 1),
        batch_size=hpo.Choice(16, 32, when={"layers": 2}),
        layers=hpo.Int(1, 2, when={"optimizer": "sgd"}),
        optimizer=hpo.Choice("adam", "sgd"),
        hidden=hpo.Int(8, 16),
    )
    left = hpo.NetworkObjective(iris, optimizer="adam").without_fixed(space)
    assert list(left.parameters) == ["l2", "hidden"]
    left = hpo.NetworkObjective(iris, optimizer="sgd").without_fixed(space)
    assert list(left.parameters) == ["l2", "batch_size", "layers", "hidden"]
    assert left.conditions["layers"] == ()
    assert dict(left.conditions["batch_size"]) == {"layers": (2,)}
    assert set(hpo.NetworkObjective(iris, layers=3, optimizer="sgd").default_space().parameters) >= {
        "hidden_1",
        "hidden_2",
        "hidden_3",
        "momentum",
    }
