"""Studies as people use them: created, optimized, extended, loaded again, looked at."""

import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from evidence import evidence, rows
from searches import SPACE, Trainer, ran, searched

import hpo
from hpo.places import storage_url
from strategies import STRATEGIES


def square(params: Mapping[str, float]) -> float:
    return (params["x"] - 0.3) ** 2


def falling(params: Mapping[str, float]) -> Iterator[float]:
    """Fall to x within three epochs, and stay there."""
    for epoch in range(1, 100):
        yield params["x"] + max(0, 3 - epoch)


# --- idioms -------------------------------------------------------------------------------------------------------


def test_the_first_example_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create a study on a data set, optimize with two workers, look at the best: a few lines."""
    monkeypatch.chdir(tmp_path)
    space = hpo.Space(
        learning_rate=hpo.Float(1e-4, 1e-1, log=True),
        hidden=hpo.Int(8, 64, log=True),
        activation=hpo.Choice("relu", "tanh"),
    )
    study = hpo.create_study(
        "iris",
        space=space,
        objective=hpo.NetworkObjective("iris"),
        strategy="halving",
        storage="sqlite:///hpo.db",
        seed=0,
        max_epochs=9,
    )
    study.optimize(n_trials=12, n_jobs=2)
    assert set(study.best_trial.params) == {"learning_rate", "hidden", "activation"}
    assert 0 < study.best_value <= 1
    assert len(study.trials_dataframe()) == 12
    assert study.best_trial.params == hpo.load_study("iris").best_params


def test_ask_and_tell_runs_as_written() -> None:
    """Without an objective a study hands out params and takes values."""
    study = hpo.create_study(space=SPACE, direction="maximize", storage=None)
    for _ in range(5):
        trial = study.ask()
        study.tell(trial, square(trial.params))
    assert study.best_value == max(square(trial.params) for trial in study.trials)


# --- targets ------------------------------------------------------------------------------------------------------


def test_n_trials_is_the_total_to_reach() -> None:
    """Optimizing again to the same total adds nothing; to a larger one, the difference; a smaller one is an error."""
    study = searched(square, 4)
    assert len(study.optimize(4).trials) == 4
    assert study.is_complete
    assert len(study.optimize(6).trials) == 6
    assert len(study.optimize().trials) == 6
    with pytest.raises(hpo.SettingError, match="6 trials have started already: give at least 6"):
        study.optimize(5)


def _timeless(study: hpo.Study) -> list[tuple[Any, ...]]:
    return [
        (trial.number, trial.params, trial.seed, trial.state, trial.value, trial.epochs, trial.rung, trial.error)
        for trial in study.trials
    ]


@pytest.mark.parametrize(("strategy", "totals"), [("random", (1, 2, 11, 18)), ("halving", (9, 18))])
def test_a_search_in_pieces_is_the_search_in_one(strategy: str, totals: tuple[int, ...]) -> None:
    """Raising the total step by step (by whole brackets) gives the search that went there at once."""
    settings = {"strategy": strategy, "max_epochs": 9}
    whole = searched(Trainer, 18, **settings)
    pieces = searched(Trainer, totals[0], **settings)
    for total in totals[1:]:
        pieces.optimize(total)
    assert _timeless(pieces) == _timeless(whole)
    assert pieces.curves() == whole.curves()


def test_a_budget_bounds_the_epochs() -> None:
    """No more epochs are trained than the budget has; raised, the search goes on to its other target."""
    study = hpo.create_study(space=SPACE, objective=Trainer, strategy="random", max_epochs=3, seed=0, storage=None)
    assert study.optimize(budget=10).overview().epochs == 9
    assert study.is_complete
    assert study.optimize(n_trials=5, budget=12).overview().epochs == 12
    assert study.optimize(budget=1000).overview().epochs == 15


def test_a_grid_needs_no_target() -> None:
    """A grid is bounded by itself: every point once, then the study is complete."""
    study = hpo.create_study(space=hpo.Space(x=hpo.Int(1, 5)), objective=square, strategy="grid", storage=None)
    study.optimize()
    assert sorted(trial.params["x"] for trial in study.trials) == [1, 2, 3, 4, 5]
    assert study.is_complete


def test_a_timeout_ends_early_and_the_study_goes_on() -> None:
    """A search that would last long ends soon after its time, its trial saved; the next call goes on from there."""
    pauses = [0.02]

    class Slow(Trainer):
        def train_epoch(self) -> float:
            time.sleep(pauses[-1])
            return super().train_epoch()

    study = searched(Slow, 1, strategy="random", max_epochs=1000, timeout=0.5)
    (trial,) = study.trials
    (begun,) = study.curves().values()
    assert (trial.state, trial.epochs, study.is_complete) == (hpo.State.PAUSED, len(begun), False)
    assert 0 < len(begun) < 1000
    pauses.append(0.0)
    assert study.optimize().best_trial.state is hpo.State.COMPLETE
    assert study.curves() == {0: [trial.params["x"] + 1 / epoch for epoch in range(1, 1001)]}


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["random", "grid", "halving", "random+full+patience"])
def test_to_maximize_is_to_minimize_the_negated_objective(strategy: str) -> None:
    """Turning the direction and every value gives the same search: params, states, epochs, and values turned."""

    class Negated(Trainer):
        def train_epoch(self) -> float:
            return -super().train_epoch()

    settings = {
        "space": hpo.Space(x=hpo.Float(0, 1, points=12)),
        "strategy": strategy,
        "max_epochs": 12,
    }
    low = searched(Trainer, 12, **settings)
    high = searched(Negated, 12, direction="maximize", **settings)
    turned = [(t.params, t.state, t.epochs, t.best_epoch, t.rung, -t.value) for t in high.trials]
    assert turned == [(t.params, t.state, t.epochs, t.best_epoch, t.rung, t.value) for t in low.trials]
    assert high.best_params == low.best_params
    assert high.curves() == {number: [-value for value in curve] for number, curve in low.curves().items()}


def test_metric_picks_a_value_out_of_a_dict() -> None:
    """With metric=, an objective may return a dict: its best trial is the best by that metric."""
    study = searched(
        lambda params: {"loss": params["x"], "accuracy": 1 - params["x"] / 2},
        5,
        metric="accuracy",
        direction="maximize",
    )
    assert study.best_value == max(1 - trial.params["x"] / 2 for trial in study.trials)
    (trial,) = searched(lambda _params: {"loss": 1.0}, 1, metric="accuracy").trials
    assert "without the study's metric 'accuracy': it has 'loss'" in trial.error


def test_the_best_trial_has_not_failed() -> None:
    """A failed trial is never the best, however good it looked; ties go to the lower number."""

    def objective(params: Mapping[str, float]) -> Iterator[float]:
        yield math.floor(4 * params["x"])
        if params["x"] < 0.25:
            raise ValueError("too good")

    study = searched(objective, 12)
    sound = [trial for trial in study.trials if trial.state is hpo.State.COMPLETE]
    assert min(trial.value for trial in study.trials) == 0
    assert study.best_trial == min(sound, key=lambda trial: (trial.value, trial.number))
    assert study.best_value == 1.0


def test_a_stopper_ends_trials_with_its_reason() -> None:
    """Patience ends a trial that does not improve, with epoch and best value told; its value still counts."""
    strategy = hpo.Strategy(stopper=hpo.Patience(epochs=4))
    study = searched(falling, 3, strategy=strategy, max_epochs=50)
    for trial in study.trials:
        assert (trial.state, trial.epochs, trial.best_epoch) == (hpo.State.STOPPED, 7, 3)
        assert trial.stop_reason["patience"] == 4
        assert trial.stop_reason["best"] == trial.value == trial.params["x"]
    assert study.is_complete
    assert study.best_value == min(trial.params["x"] for trial in study.trials)


# --- looking ------------------------------------------------------------------------------------------------------


def test_the_dataframe_has_a_row_a_trial() -> None:
    """Columns are the trial's fields and a typed one for each parameter; what is not there is missing."""
    space = hpo.Space(
        rate=hpo.Float(0, 1), n=hpo.Int(1, 9), kind=hpo.Choice("a", "b"), depth=hpo.Int(1, 3, when={"kind": "a"})
    )

    def objective(params: Mapping[str, Any]) -> float:
        if params["n"] > 6:
            raise ValueError("too many")
        return params["rate"]

    study = searched(objective, 12, space=space)
    frame = study.trials_dataframe()
    assert list(frame["number"]) == list(range(12))
    assert [column for column in frame if column.startswith("params_")] == [
        "params_rate",
        "params_n",
        "params_kind",
        "params_depth",
    ]
    assert {"state", "value", "epochs", "best_epoch", "seed", "error", "train_seconds"} <= set(frame)
    for column, kind in {
        "number": "i",
        "epochs": "i",
        "seed": "i",
        "value": "f",
        "params_rate": "f",
        "params_n": "i",
    }.items():
        assert frame[column].dtype.kind == kind, column
    assert set(frame["state"]) == {"complete", "failed"}
    assert frame["value"].isna().equals(frame["state"] == "failed")
    assert frame["params_depth"].isna().equals(frame["params_kind"] == "b")
    for trial, row in zip(study.trials, frame.to_dict("records"), strict=True):
        assert row["params_rate"] == trial.params["rate"]
    assert isinstance(frame, pd.DataFrame)


def test_an_empty_study_can_be_looked_at() -> None:
    """Before the first trial every question has an answer, or an error that says there is none yet."""
    study = hpo.create_study("new", space=SPACE, objective=square, storage=None)
    assert (study.trials, study.curves(), len(study.trials_dataframe())) == ([], {}, 0)
    assert list(study.trials_dataframe().columns)[-1] == "params_x"
    assert (study.overview().trials, study.overview().best, study.is_complete) == (0, None, False)
    for ask in (lambda: study.best_trial, lambda: study.best_value, lambda: study.best_params):
        with pytest.raises(hpo.SettingError, match="'new' has no trial with a value yet"):
            ask()
    with pytest.raises(hpo.SettingError, match="has no trial 3"):
        study.trial(3)


def test_curves_are_those_of_the_trials() -> None:
    """A curve has a value an epoch, in the study's direction; some can be asked for by number."""
    study = searched(Trainer, 4, strategy="random", max_epochs=3)
    curves = study.curves()
    assert {number: len(curve) for number, curve in curves.items()} == dict.fromkeys(range(4), 3)
    assert study.curves([2]) == {2: curves[2]}
    assert [min(curve) for curve in curves.values()] == [trial.value for trial in study.trials]


# --- storage ------------------------------------------------------------------------------------------------------


def test_storage_may_be_written_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL, a path as text or Path, and HPO_STORAGE as either, all mean one file; unset, it is hpo.db right here."""
    path = tmp_path / "a.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    hpo.create_study("s", space=SPACE, storage=path)
    for storage in (f"sqlite:///{path}", str(path), path, "a.db", Path("a.db")):
        assert hpo.load_study("s", storage=storage).name == "s"
    for storage in (f"sqlite:///{path}", str(path), "a.db"):
        monkeypatch.setenv("HPO_STORAGE", storage)
        assert hpo.load_study("s").name == "s"
    monkeypatch.setenv("HPO_STORAGE", "")
    assert storage_url() == "sqlite:///hpo.db"
    hpo.create_study("t", space=SPACE)
    assert (tmp_path / "hpo.db").is_file()


def test_a_temporary_database_goes_with_its_study() -> None:
    """storage=None is a file of its own, which is gone when nobody uses it any more."""
    study = searched(square, 1)
    other = searched(square, 1)
    path = study.database.path
    assert path is not None
    assert path.is_file()
    assert path != other.database.path
    del study
    assert not path.parent.exists()


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    """A second study of a name is an error, unless the first is wanted; a name nobody gave is a free one."""
    path = tmp_path / "hpo.db"
    first = hpo.create_study("s", space=SPACE, objective=square, seed=1, storage=path).optimize(2)
    with pytest.raises(hpo.StudyExists, match="'s' exists already"):
        hpo.create_study("s", space=SPACE, storage=path)
    again = hpo.create_study("s", space=SPACE, objective=square, seed=2, storage=path, load_if_exists=True)
    assert (again.spec, len(again.trials)) == (first.spec, 2)
    assert [hpo.create_study(space=SPACE, storage=path).name for _ in range(3)] == ["study", "study-2", "study-3"]
    with pytest.raises(hpo.StudyNotFound, match="did you mean 'study'"):
        hpo.load_study("studdy", storage=path)


def test_studies_without_a_name_made_at_once_are_different(tmp_path: Path) -> None:
    """Who creates studies at the same time gets one each."""
    path = tmp_path / "hpo.db"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: hpo.create_study(space=SPACE, storage=path).name, range(8)))
    assert len(set(made)) == 8


def test_a_study_goes_on_in_another_process_bit_for_bit(tmp_path: Path) -> None:
    """Begun in one process and finished in another, with other numbers of workers, it is the undisturbed search."""
    script = """
import sys, hpo
class Objective:
    def __init__(self, params, seed):
        import numpy as np
        self.rng, self.value = np.random.default_rng(seed), params["x"]
    def train_epoch(self):
        self.value *= 1 - self.rng.random() / 10
        return self.value
    def state(self):
        return {"value": self.value, "rng": self.rng.bit_generator.state}
    def restore(self, state):
        self.value, self.rng.bit_generator.state = state["value"], state["rng"]

if __name__ == "__main__":
    space = hpo.Space(x=hpo.Float(0, 1))
    n_jobs, path, begun = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    study = hpo.create_study("s", space=space, objective=Objective, strategy="halving", seed=1, max_epochs=9,
                             n_trials=18, storage=path)
    study.optimize(n_jobs=n_jobs, budget=int(begun[0])) if begun else study.optimize(n_jobs=n_jobs)
"""
    begun, whole = tmp_path / "begun.db", tmp_path / "whole.db"
    for arguments in ((2, begun, 20), (1, whole)):
        code, _, errors = ran(script, tmp_path, *arguments)
        assert code == 0, errors
    study = hpo.load_study("s", storage=begun)
    started = study.overview().epochs
    assert 0 < started <= 20
    study.optimize(budget=1000)
    assert evidence(begun)["trials"] == evidence(whole)["trials"]
    assert evidence(begun)["measurements"] == evidence(whole)["measurements"]
    assert started < study.overview().epochs


def test_two_studies_share_a_database(tmp_path: Path) -> None:
    """What one study does the other does not see."""
    path = tmp_path / "hpo.db"
    first, second = (
        hpo.create_study(name, space=SPACE, objective=square, seed=seed, storage=path)
        for seed, name in enumerate(("a", "b"))
    )
    first.optimize(3)
    second.optimize(2)
    assert (len(first.trials), len(second.trials)) == (3, 2)
    assert rows(path, "SELECT name, state FROM studies ORDER BY name") == [("a", "complete"), ("b", "complete")]


# --- reproducibility ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nearby(hpo.Searcher):
    """Half of the points near the best one that is known; so they depend on what is known."""

    summary: ClassVar[str] = "Points near the best one so far."
    adaptive: ClassVar[bool] = True

    def propose(self, number: int, history: hpo.History, rng: Any) -> hpo.Proposal:
        known = [trial for trial in history.trials if trial.state is hpo.State.COMPLETE]
        if not known or number % 2:
            return hpo.Proposal(history.space.sample(rng))
        best = min(known, key=lambda trial: trial.value)
        x = float(best.params["x"]) + rng.normal(scale=0.05) + 1e-6 * len(known)
        return hpo.Proposal({"x": min(max(x, 0.0), 1.0)})


@pytest.mark.parametrize("scheduler", ["full", "halving"])
def test_an_adaptive_search_does_not_depend_on_the_workers(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its parallelism fixed, an adaptive strategy gives the same trials with one worker, two threads, or more."""
    monkeypatch.setitem(STRATEGIES, "nearby", Nearby)
    settings = {"strategy": f"nearby+{scheduler}", "max_epochs": 3, "seed": 5, "space": SPACE, "storage": None}
    found = {}
    for workers in (1, 2, 3):
        study = hpo.create_study(objective=Trainer, parallelism=2, **settings)
        study.optimize(24, n_jobs=workers, backend=None if workers == 1 else "threading")
        found[workers] = (_timeless(study), study.curves())
    assert found[2] == found[1]
    assert found[3] == found[1]
    other = hpo.create_study(objective=Trainer, parallelism=4, **settings).optimize(24)
    assert _timeless(other) != found[1][0]


def test_parallelism_is_the_first_number_of_workers() -> None:
    """Unset, the lag is fixed by the first optimize, and stays."""
    study = hpo.create_study(space=SPACE, objective=square, storage=None)
    assert study.spec.parallelism is None
    study.optimize(2, n_jobs=2, backend="threading")
    assert study.spec.parallelism == 2
    assert study.optimize(3).spec.parallelism == 2


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_other_backends_give_the_same_search(backend: str) -> None:
    """Threads and processes find what one worker right here finds."""
    settings = {"strategy": "halving", "max_epochs": 9, "objective": hpo.NetworkObjective("iris"), "space": None}
    here = searched(n_trials=9, **settings)
    study = hpo.create_study(**{"seed": 0, "storage": None} | settings).optimize(9, n_jobs=2, backend=backend)
    assert _timeless(study) == _timeless(here)
    assert study.curves() == here.curves()


def test_workers_find_the_database_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is meant from where the study was made, also when the program has moved on since."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    study = hpo.create_study(
        "moving", space=hpo.Space(x=hpo.Float(0, 1)), objective=lambda params: params["x"], storage="sqlite:///here.db"
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    study.optimize(3, n_jobs=2, backend="loky")
    assert len(study.trials) == 3
    assert list(Path().iterdir()) == []


def test_a_deadline_holds_for_quick_trials_too(tmp_path: Path) -> None:
    """No further trial is claimed once the time is up, however short the trials are."""
    study = hpo.create_study(
        space=hpo.Space(x=hpo.Float(0, 1)), objective=lambda params: params["x"], storage=tmp_path / "hpo.db"
    )
    study.optimize(1000, timeout=1e-9)
    assert len(study.trials) < 10
    assert not study.is_complete
