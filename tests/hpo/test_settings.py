"""Settings that cannot be: each refused with a message that names it, before anything is written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from searches import SPACE, Trainer, searched

import hpo
from hpo.settings import checked_workers


def plain(params: Mapping[str, float]) -> float:
    return params["x"]


def generated(params: Mapping[str, float]) -> Iterator[float]:
    yield params["x"]


COUNTS = [0, -1, 1.5, "3", True, float("nan"), [1]]
WRONG = [
    *[({"n_trials": count}, hpo.SettingError, "n_trials=") for count in COUNTS],
    *[({"budget": count}, hpo.SettingError, "budget=") for count in COUNTS],
    *[({"parallelism": count}, hpo.SettingError, "parallelism=") for count in COUNTS],
    *[({"max_epochs": count}, hpo.SettingError, "max_epochs=") for count in COUNTS],
    *[({"seed": seed}, hpo.SettingError, "seed=") for seed in (-1, 2**63, 0.5, "0", False)],
    *[({"name": name}, hpo.SettingError, "name=") for name in ("", "  ", 5)],
    ({"direction": "max"}, hpo.SettingError, "direction='max': it is 'minimize' or 'maximize'"),
    ({"order": "random"}, hpo.SettingError, "order='random': it is 'reproducible' or 'free'"),
    ({"space": None}, hpo.SettingError, "a space is needed"),
    ({"space": {"x": hpo.Float(0, 1)}}, hpo.SettingError, "write hpo.Space("),
    ({"strategy": "randon"}, hpo.StrategyError, "Did you mean 'random'?"),
    ({"strategy": "grid+random"}, hpo.StrategyError, "drop one"),
    ({"strategy": hpo.Random()}, hpo.StrategyError, "Strategy(searcher, scheduler, stopper)"),
    ({"strategy": "grid"}, hpo.StrategyError, "points"),
    ({"strategy": "halving"}, hpo.StrategyError, "cannot pause"),
    ({"max_epochs": 9}, hpo.SettingError, "make it a generator that yields a value after each"),
    ({"objective": generated, "strategy": "halving"}, hpo.StrategyError, "random+full+patience"),
    ({"objective": Trainer, "strategy": "halving", "max_epochs": 2}, hpo.StrategyError, "raise max_epochs"),
    ({"objective": "train.py:objective"}, hpo.ObjectiveError, "not 'train.py:objective'"),
    ({"objective": object}, hpo.ObjectiveError, "has no train_epoch"),
]


@pytest.mark.parametrize(
    ("settings", "error", "message"), WRONG, ids=[f"{number}-{row[1].__name__}" for number, row in enumerate(WRONG)]
)
def test_a_wrong_setting_is_named_and_leaves_nothing(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Each wrong setting has its error and a message that names it; no database is made."""
    given: dict[str, Any] = {"space": SPACE, "objective": plain, "storage": tmp_path / "hpo.db"} | settings
    with pytest.raises(error) as caught:
        hpo.create_study(given.pop("name", "s"), **given)
    assert message in str(caught.value)
    assert isinstance(caught.value, hpo.HpoError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *[({"n_trials": count}, "n_trials=") for count in COUNTS],
        *[({"budget": count}, "budget=") for count in COUNTS],
        *[({"timeout": seconds}, "timeout=") for seconds in (0, -1.5, float("nan"), "1m", True)],
        *[({"n_jobs": n_jobs}, "n_jobs=") for n_jobs in (0, 1.5, "2", None, True)],
        ({"n_trials": None}, "nothing bounds this search"),
    ],
)
def test_optimize_refuses_what_cannot_be(arguments: dict[str, Any], message: str) -> None:
    """A wrong target, time or number of workers is named; the study is as it was, and goes on."""
    study = hpo.create_study(space=SPACE, objective=plain, storage=None)
    before = study.record
    with pytest.raises(hpo.SettingError) as caught:
        study.optimize(**({"n_trials": 2} | arguments))
    assert message in str(caught.value)
    assert hpo.load_study("study", storage=study.database.path).record == before
    assert len(study.optimize(2).trials) == 2


def test_numbers_of_numpy_are_numbers() -> None:
    """Whole numbers of NumPy's are taken for Python's, and stored as such."""
    study = hpo.create_study(
        space=SPACE, objective=plain, storage=None, seed=np.int64(3), n_trials=np.int32(2), max_epochs=np.uint8(1)
    )
    assert [type(value) for value in (study.spec.seed, study.spec.targets.n_trials)] == [int, int]
    assert len(study.optimize(np.int64(3), n_jobs=np.int64(1), timeout=np.float64(60)).trials) == 3


def test_minus_one_is_every_core() -> None:
    """n_jobs counts as in joblib: -1 is every core, -2 all but one, and always one at least."""
    assert [checked_workers(n) for n in (1, 3, -1)] == [joblib.effective_n_jobs(n) for n in (1, 3, -1)]
    assert checked_workers(-(10**6)) == 1


def test_what_is_left_out_has_a_default() -> None:
    """Unset, the seed is random, the metric "value", the direction down, and epochs are the objective's."""
    first, second = (hpo.create_study(space=SPACE, objective=generated, storage=None).spec for _ in range(2))
    assert first.seed != second.seed
    assert (first.metric, first.direction, first.job_order) == ("value", "minimize", "reproducible")
    assert (first.targets.max_epochs, first.targets.n_trials, first.targets.budget) == (100, None, None)


def test_a_metric_that_the_objective_does_not_measure_is_refused() -> None:
    """A metric given beside an objective that has one of its own must be the same."""
    network = hpo.NetworkObjective("iris")
    with pytest.raises(hpo.SettingError, match=r"metric='log_loss', but the objective measures 'accuracy'"):
        hpo.create_study(objective=network, metric="log_loss", storage=None)
    assert hpo.create_study(objective=network, metric="accuracy", storage=None).spec.metric == "accuracy"


def test_an_objective_that_does_not_fit_a_stored_study_is_refused(tmp_path: Path) -> None:
    """Given anew, an objective must suit the strategy, metric and space on record."""
    path = tmp_path / "hpo.db"
    hpo.create_study("s", space=SPACE, objective=Trainer, strategy="halving", max_epochs=9, storage=path)
    with pytest.raises(hpo.StrategyError, match="cannot pause"):
        hpo.load_study("s", storage=path, objective=plain)
    with pytest.raises(hpo.SettingError, match="is about 'value', but the objective measures 'accuracy'"):
        hpo.load_study("s", storage=path, objective=hpo.NetworkObjective("iris"))
    with pytest.raises(hpo.StrategyError, match="cannot pause"):
        hpo.create_study("s", space=SPACE, objective=plain, storage=path, load_if_exists=True)
    assert hpo.load_study("s", storage=path, objective=Trainer).optimize(3).is_complete


def test_every_part_of_a_spec_comes_back(tmp_path: Path) -> None:
    """What defines a study is read from the database as it was given."""
    path = tmp_path / "hpo.db"
    space = hpo.Space(
        x=hpo.Float(0, 1, log=False, points=3),
        kind=hpo.Choice("a", "b", None, 1),
        n=hpo.Int(1, 9, log=True, when={"kind": "a"}),
    )
    study = hpo.create_study(
        "s",
        space=space,
        objective=Trainer,
        strategy=hpo.Strategy(hpo.Grid(points=4), hpo.SuccessiveHalving(eta=2), hpo.Patience(epochs=5)),
        direction="maximize",
        metric="score",
        storage=path,
        seed=2**63 - 1,
        max_epochs=8,
        n_trials=7,
        budget=100,
        parallelism=3,
        order="free",
    )
    assert hpo.load_study("s", storage=path).spec == study.spec
    assert study.spec.space == space
    assert study.spec.lag is None


def test_a_budget_that_pays_for_nothing_ends_at_once() -> None:
    """A budget too small for a single trial is kept: nothing is trained, and the study is complete."""
    study = searched(Trainer, 3, strategy="random", max_epochs=9, budget=5)
    assert study.trials == []
    assert study.is_complete
