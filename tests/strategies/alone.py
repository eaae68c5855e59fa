"""A search of one worker without training: values are given, every decision is carried out at once."""

from collections import Counter
from dataclasses import replace

import numpy as np

from strategies import DONE, Float, History, Space, Start, State, Stop, Trial

SPACE = Space(x=Float(0, 1))


def seen(trials, *, max_epochs=9, n_trials=None, budget=None):
    """The history of these trials."""
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(SPACE, tuple(trials), open_trials, max_epochs, n_trials, budget)


def choose(scheduler, trials, **targets):
    """What the scheduler decides when these are the trials."""
    return scheduler.decide(seen(trials, **targets), np.random.default_rng(0))


def paused(values, *, bracket=0, first=0, rung=0):
    """Trials paused after their first epoch, with these values."""
    return [Trial(first + i, {}, State.PAUSED, (value,), bracket, rung) for i, value in enumerate(values)]


def alone(scheduler, value, *, max_epochs, n_trials):
    """Search with one worker, the value of a trial after an epoch being `value(number, epoch)`.

    Returns the trials, and how many were trained up to each epoch.
    """
    trials, jobs = [], Counter()
    while (decision := choose(scheduler, trials, max_epochs=max_epochs, n_trials=n_trials)) != DONE:
        if isinstance(decision, Stop):
            trials[decision.trial] = replace(trials[decision.trial], state=State.STOPPED)
            continue
        if isinstance(decision, Start):
            trials.append(Trial(len(trials), {}, bracket=decision.bracket))
        number = len(trials) - 1 if isinstance(decision, Start) else decision.trial
        curve = tuple(value(number, epoch) for epoch in range(1, decision.until + 1))
        state = State.COMPLETE if decision.until == max_epochs else State.PAUSED
        trials[number] = replace(trials[number], state=state, curve=curve, rung=decision.rung)
        jobs[decision.until] += 1
    return trials, dict(jobs)
