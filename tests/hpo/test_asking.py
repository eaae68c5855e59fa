"""Ask and tell: trials evaluated by hand."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence import PATIENCE, change, rows, wait_until
from searches import SPACE, Trainer, ran, searched

import hpo


def asking(**settings: Any) -> hpo.Study:
    return hpo.create_study(**{"space": SPACE, "seed": 0, "storage": None} | settings)


def test_what_is_told_is_on_record() -> None:
    """A told value ends its trial, with the params and seed that were asked for, as the objective would have."""
    study = asking()
    asked = [study.ask() for _ in range(3)]
    for trial in reversed(asked):  # in any order
        study.tell(trial, trial.params["x"])
    assert [(t.number, t.params, t.seed) for t in study.trials] == [(t.number, t.params, t.seed) for t in asked]
    assert [(t.state, t.value, t.epochs) for t in study.trials] == [
        (hpo.State.COMPLETE, trial.params["x"], 1) for trial in asked
    ]
    same = searched(lambda params: params["x"], 3)
    assert [(t.params, t.seed, t.value) for t in study.trials] == [(t.params, t.seed, t.value) for t in same.trials]


@pytest.mark.parametrize(
    "value", [1, 0.5, np.float32(0.5), np.array(0.5), [0.5], np.array([0.5]), {"value": 0.5, "other": 2}, iter([0.5])]
)
def test_a_value_may_have_many_forms(value: Any) -> None:
    """A number of any kind, a dict with the metric in it, or the values of one epoch."""
    study = asking()
    study.tell(study.ask(), value)
    assert study.best_value == (1.0 if isinstance(value, int) else 0.5)


@pytest.mark.parametrize(("end", "state"), [("stop", "stopped"), ("discard", "discarded")])
def test_what_is_told_too_late_is_refused(end: str, state: str) -> None:
    """A value for a trial that somebody has ended meanwhile is not kept, and that is said; an error neither."""
    study = asking(strategy="asha", max_epochs=9)
    for told in ({"value": 0.5}, {"error": "broken"}):
        trial = study.ask()
        getattr(study, end)(trial.number, reason="not wanted")
        with pytest.raises(hpo.SettingError, match=f"trial {trial.number} is {state} meanwhile.* is not kept"):
            study.tell(trial, **told)
        assert study.trials[trial.number].epochs == 0
    trial = study.ask()
    study.tell(trial, 0.5)
    assert study.trials[trial.number].epochs == 1


def test_who_waits_is_told_for_what(tmp_path: Path) -> None:
    """A trial that another machine asked for, and will never tell, is named; given up, it holds nobody up."""
    study = asking(strategy="random", n_trials=1, storage=tmp_path / "hpo.db")
    trial = study.ask()
    change(tmp_path / "hpo.db", "UPDATE workers SET node = 'far/1/1', pid = 1")
    other = hpo.load_study("study", storage=tmp_path / "hpo.db")
    waits = rf"nothing to ask for .* trial {trial.number} \(asked for by process \d+ on .*\); .*`hpo stop study TRIAL`"
    with pytest.raises(hpo.SettingError, match=waits):
        other.ask()
    other.stop(trial.number)
    with pytest.raises(hpo.Exhausted):
        other.ask()


def test_a_trial_may_be_told_by_its_number() -> None:
    """The number of an asked trial is as good as itself, one of NumPy's too."""
    study = asking()
    for number in (study.ask().number, np.int64(study.ask().number)):
        study.tell(number, 1.0)
    assert len(study.trials) == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "returned nothing"),
        ("0.5", "must be a number"),
        (math.nan, "must be finite"),
        (math.inf, "must be finite"),
        (10**400, "must be finite"),
        (True, "must be a number"),
        ({"loss": 1.0}, "without the study's metric 'value'"),
        ([0.1, math.nan], "must be finite"),
        ([0.1, "b"], "must be a number"),
        ([], "0 values were told"),
        ([0.3, 0.2, 0.1, 0.0], "has 3 epochs to go, but 4 values were told"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_can_be_told_again(value: Any, message: str) -> None:
    """A wrong value is the caller's mistake: an error, nothing written, and the trial still waits."""
    study = asking(max_epochs=3)
    trial = study.ask()
    with pytest.raises((hpo.ObjectiveError, hpo.SettingError)) as caught:
        study.tell(trial, value)
    assert message in str(caught.value)
    assert (study.trial(0).state, study.curves()) == (hpo.State.RUNNING, {})
    study.tell(trial, [0.3, 0.2, 0.1])
    assert study.best_value == 0.1


def test_a_curve_may_be_told_at_once() -> None:
    """Several values are those of as many epochs, other metrics beside them; fewer than wanted end the trial early."""
    study = asking(max_epochs=4)
    study.tell(study.ask(), ({"value": value, "gap": 1 - value} for value in (0.5, 0.25, 0.75, 0.5)))
    study.tell(study.ask(), np.array([0.5, 0.4]))
    assert study.curves() == {0: [0.5, 0.25, 0.75, 0.5], 1: [0.5, 0.4]}
    assert [(t.state, t.value, t.best_epoch) for t in study.trials] == [
        (hpo.State.COMPLETE, 0.25, 2),
        (hpo.State.COMPLETE, 0.4, 2),
    ]


def test_an_error_may_be_told() -> None:
    """A trial that could not be evaluated fails with its reason, and is never the best."""
    study = asking()
    study.tell(study.ask(), error="the oven was cold")
    study.tell(study.ask(), 2.0)
    assert (study.trial(0).state, study.trial(0).error) == (hpo.State.FAILED, "the oven was cold")
    assert study.best_trial.number == 1


def test_a_trial_is_told_once() -> None:
    """What was told already, or never asked for, cannot be told."""
    study = asking()
    trial = study.ask()
    study.tell(trial, 1.0)
    for unknown in (trial, 0, 7, -1, "0", None):
        with pytest.raises(hpo.SettingError, match=f"trial {0 if unknown is trial else unknown} has not been asked"):
            study.tell(unknown, 2.0)
    assert study.best_value == 1.0


def test_the_end_is_told() -> None:
    """When every trial has been started, ask waits for those that are out; when all are told, the study is complete."""
    study = asking(n_trials=2)
    trials = [study.ask(), study.ask()]
    with pytest.raises(hpo.SettingError, match="nothing to ask for before one of the asked trials is told"):
        study.ask()
    for trial in trials:
        study.tell(trial, 1.0)
    for _ in range(2):
        with pytest.raises(hpo.Exhausted, match="'study' is complete"):
            study.ask()
    assert study.is_complete


def test_a_grid_is_asked_for_whole() -> None:
    """A searcher that has no further point ends the study."""
    study = asking(space=hpo.Space(x=hpo.Choice("a", "b", "c")), strategy="grid")
    trials = [study.ask() for _ in range(3)]
    assert {trial.params["x"] for trial in trials} == {"a", "b", "c"}
    for trial in trials:
        study.tell(trial, 1.0)
    with pytest.raises(hpo.Exhausted):
        study.ask()
    assert study.is_complete


def test_halving_by_hand_is_halving() -> None:
    """Promoted trials are asked for again, with the epochs told so far; only what comes after them is told."""
    study = asking(strategy="halving", max_epochs=9, n_trials=9)
    trainers: dict[int, Trainer] = {}
    try:
        while True:
            trial = study.ask()
            trainer = trainers.setdefault(trial.number, Trainer(trial.params, trial.seed))
            assert trainer.epoch == trial.epochs < trial.until
            study.tell(trial, [trainer.train_epoch() for _ in range(trial.epochs, trial.until)])
    except hpo.Exhausted:
        pass
    expected = searched(Trainer, 9, strategy="halving", max_epochs=9)
    assert study.curves() == expected.curves()
    assert [(t.state, t.rung, t.value) for t in study.trials] == [(t.state, t.rung, t.value) for t in expected.trials]


def test_maximizing_by_hand_promotes_the_highest() -> None:
    """Told values are in the study's direction."""
    study = asking(strategy="halving", max_epochs=3, n_trials=3, direction="maximize")
    for value in (1.0, 3.0, 2.0):
        study.tell(study.ask(), value)
    promoted = study.ask()
    assert (promoted.number, promoted.epochs, promoted.until) == (1, 1, 3)
    study.tell(promoted, [4.0, 5.0])
    assert study.best_value == 5.0


ASKER = """
import sys, hpo
study = hpo.load_study("study", storage=sys.argv[1])
print([study.ask().number for _ in range(int(sys.argv[2]))])
"""


def test_what_a_dead_process_asked_for_is_asked_for_again(tmp_path: Path) -> None:
    """A process that asked and died leaves its trials to whoever asks next; a living one keeps its own."""
    path = tmp_path / "hpo.db"
    study = asking(storage=path)
    mine = study.ask()
    code, out, errors = ran(ASKER, tmp_path, path, 2)
    assert (code, out) == (0, "[1, 2]\n"), errors
    again = [study.ask() for _ in range(3)]
    assert [trial.number for trial in again] == [1, 2, 3]
    code, out, errors = ran(ASKER, tmp_path, path, 1)
    assert (code, out) == (0, "[4]\n"), errors
    for trial in (mine, *again):
        study.tell(trial, 1.0)
    assert rows(path, "SELECT count(*) FROM trials WHERE state = 'complete'") == [(4,)]


def test_asked_trials_and_workers_share_a_study(tmp_path: Path) -> None:
    """While some trials are evaluated by hand, workers train others; numbers stay without gaps."""

    def objective(params: Mapping[str, float]) -> float:
        return params["x"]

    path = tmp_path / "hpo.db"
    study = asking(objective=objective, storage=path, n_trials=6)
    trial = study.ask()
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(study.optimize)
        wait_until(path, "SELECT count(*) FROM trials WHERE state = 'complete'", 5)
        assert (study.trial(0).state, search.done()) == (hpo.State.RUNNING, False)
        study.tell(trial, objective(trial.params))
        assert search.result(PATIENCE).is_complete
    assert [t.value for t in study.trials] == [objective(t.params) for t in study.trials]
