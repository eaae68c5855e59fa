"""One epoch for all, all epochs for the best few."""

from collections import Counter
from dataclasses import replace

import pytest
from alone import alone, choose, paused

from strategies import DONE, Resume, Start, State, StrategyError
from strategies.schedulers.one_epoch import OneEpoch


def test_the_example_of_the_paper():
    """200 trials of one epoch and the best 3 of 100 epochs each: 200 + 3 * 99 epochs, as the 3 are trained on."""
    trials, jobs = alone(OneEpoch(), lambda number, epoch: abs(number - 77), max_epochs=100, n_trials=200)
    assert jobs == {1: 200, 100: 3}
    assert sum(trial.epochs for trial in trials) == 200 + 3 * 99
    assert [trial.number for trial in trials if trial.state is State.COMPLETE] == [76, 77, 78]
    assert Counter(trial.state for trial in trials) == {State.COMPLETE: 3, State.STOPPED: 197}


def test_the_reasons():
    """The ranking after the first epoch is told: who goes on, by how much, and who were next to it."""
    trials = paused([0.5, 0.25, 0.75])
    told = {"rung": 0, "epochs": 1, "of": 3, "promoted": 2, "cut_off": 0.5, "shape": "3@1 2@9"}
    decision = choose(OneEpoch(top=2), trials, n_trials=3)
    assert decision == Resume(1, 9, 1, told | {"rank": 1, "rivals": [0, 2]})
    trials[:2] = paused([0.5, 0.25], rung=1)  # promoted, and interrupted at once
    assert choose(OneEpoch(top=2), trials, n_trials=3).reason["interrupted_at"] == 1


def test_nobody_is_promoted_before_all_have_an_epoch():
    """Without a target there are groups of `trials`, each with its own best; with one, all trials are a group."""
    assert isinstance(choose(OneEpoch(trials=3), paused([0.5, 0.25])), Start)
    assert isinstance(choose(OneEpoch(), paused([0.5, 0.25]), n_trials=3), Start)
    trials, _ = alone(OneEpoch(trials=4, top=1), lambda number, epoch: number, max_epochs=9, n_trials=10)
    assert [trial.number for trial in trials if trial.state is State.COMPLETE] == [0, 4, 8]


def test_later_trials_are_a_group_of_their_own():
    """When the target is raised after the best have gone on, the new trials compete among themselves."""
    trials, _ = alone(OneEpoch(top=1), lambda number, epoch: number, max_epochs=9, n_trials=4)
    assert choose(OneEpoch(top=1), trials, n_trials=4) == DONE
    assert choose(OneEpoch(top=1), trials, n_trials=6).bracket == 1
    more = [*trials, *paused([9.0, 8.0], bracket=1, first=4)]
    assert choose(OneEpoch(top=1), more, n_trials=6).trial == 5


def test_fewer_trials_than_places():
    """With no more trials than places all go on; with one epoch in all there is nothing to decide."""
    trials, _ = alone(OneEpoch(), lambda number, epoch: number, max_epochs=9, n_trials=2)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 2
    trials, jobs = alone(OneEpoch(), lambda number, epoch: number, max_epochs=1, n_trials=5)
    assert jobs == {1: 5}
    assert {trial.state for trial in trials} == {State.COMPLETE}


def test_a_failed_trial_gives_its_place_to_the_next():
    """The best that can go on are promoted; one that failed counts as the worst, whatever values it had."""
    trials = paused([0.5, 0.25, 0.75])
    trials[1] = replace(trials[1], state=State.FAILED)
    decision = choose(OneEpoch(top=1), trials, n_trials=3)
    assert (decision.trial, decision.reason["rank"], decision.reason["of"]) == (0, 1, 3)


@pytest.mark.parametrize("settings", [{"top": 0}, {"top": 1.5}, {"trials": 0}])
def test_settings_that_cannot_be(settings):
    """Both are integers of at least 1."""
    with pytest.raises(StrategyError, match=f"{next(iter(settings))} must be an integer of at least 1"):
        OneEpoch(**settings)
