"""Full training: one job a trial."""

import numpy as np

from strategies import DONE, Float, Full, History, Resume, Space, Start, State, Trial

RNG = np.random.default_rng(0)


def seen(*trials, n_trials=3, max_epochs=9):
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(Space(x=Float(0, 1)), trials, open_trials, max_epochs, n_trials)


def test_trials_start_until_there_are_enough():
    """Every decision is a start up to max_epochs; then the search is done, though trials still run."""
    assert Full().decide(seen(), RNG) == Start(9)
    running = [Trial(number, {}) for number in range(3)]
    assert Full().decide(seen(*running), RNG) == DONE


def test_an_interrupted_trial_comes_first():
    """A paused trial short of max_epochs is resumed before another starts; one that has them is left alone."""
    trials = Trial(0, {}), Trial(1, {}, State.PAUSED, (1.0,) * 9), Trial(2, {}, State.PAUSED, (1.0,) * 4)
    decision = Full().decide(seen(*trials, n_trials=9), RNG)
    assert decision == Resume(2, 9, reason={"interrupted_at": 4})
    assert Full().decide(seen(*trials[:2], n_trials=9), RNG) == Start(9)
