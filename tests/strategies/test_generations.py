"""Learning a generation at a time: the memo never changes what follows from the trials."""

from dataclasses import replace

import numpy as np
import pytest

from strategies import State, Trial
from strategies.models.generations import Generations, is_known, loss_within


def noted(state, generation):
    """Every trial seen, in order; a generation that is not known has to be waited for."""
    if not all(map(is_known, generation)):
        return None
    return (*state, *((trial.number, trial.curve) for trial in generation))


def test_what_is_kept_changes_nothing():
    """Trials that come, end late and change far back: the state is always the one computed afresh."""
    rng = np.random.default_rng(0)
    kept, trials = Generations((), 3, noted), []
    for number in range(400):
        trials.append(Trial(number, {}))
        for i in rng.integers(max(0, number - 9), number + 1, 2):
            trials[i] = replace(trials[i], state=State.COMPLETE, curve=(float(rng.integers(100)),))
        if number % 50 == 7:
            old = int(rng.integers(number))
            trials[old] = replace(trials[old], state=State.COMPLETE, curve=(float(number),))
        assert kept.after(trials) == Generations((), 3, noted).after(trials)


def test_two_histories_by_turns():
    """Two studies that share a memo do not see each other's trials."""
    one = [Trial(i, {}, State.COMPLETE, (1.0,)) for i in range(20)]
    other = [Trial(i, {}, State.COMPLETE, (2.0,)) for i in range(10)]
    kept = Generations((), 4, noted)
    for trials in (one, other, one[:7], one, other):
        generations, state = kept.after(trials)
        assert state == tuple((trial.number, trial.curve) for trial in trials)
        assert generations == -(-len(trials) // 4)


def test_only_what_changed_is_learned_again():
    """With one more trial at the end a step or two are taken; few states of a long history are kept."""
    steps = []
    kept = Generations(0, 2, lambda state, generation: steps.append(generation) or state + len(generation))
    trials = [Trial(i, {}, State.COMPLETE, (0.0,)) for i in range(4000)]
    assert kept.after(trials) == (2000, 4000)
    assert len(steps) == 2000
    kept.after([*trials, Trial(4000, {})])
    assert len(steps) == 2001
    kept.after([*trials[:3990], replace(trials[3990], curve=(1.0,)), *trials[3991:]])
    assert len(steps) == 2006
    assert len(kept._known[1]) < 100


@pytest.mark.parametrize(
    ("trial", "known", "loss"),
    [
        (Trial(0, {}), False, np.inf),
        (Trial(0, {}, State.RUNNING, (3.0, 1.0, 0.5)), True, 1.0),
        (Trial(0, {}, State.FAILED), True, np.inf),
        (Trial(0, {}, State.FAILED, (3.0, 1.0)), True, np.inf),
        (Trial(0, {}, State.STOPPED, (3.0,)), True, 3.0),
    ],
)
def test_what_a_trial_tells_within_two_epochs(trial, known, loss):
    """A trial is known once it has a value or has ended; its loss is the best so far, infinity if it failed."""
    assert is_known(trial) == known
    assert loss_within(trial, 2) == loss
