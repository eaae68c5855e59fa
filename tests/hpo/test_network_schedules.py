"""Schedules: they end with the study, wherever and however often it is left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import searched
from toy_tables import data_of

import hpo
from hpo.network_settings import schedule_of
from network import SCHEDULES

FALLING = {"schedule": "cosine", "learning_rate": 0.03, "optimizer": "sgd", "hidden": 8, "metric": "log_loss"}


@pytest.fixture(scope="module")
def iris() -> hpo.Data:
    return hpo.load_data("iris")


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
