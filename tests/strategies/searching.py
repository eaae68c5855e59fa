"""A search in full on a function of the params, without training, as the engine decides it."""

import numpy as np

from strategies import Ledger, State, Strategy, Targets


def search(searcher, space, loss, n_trials, *, seed=0, lag=1):
    """The trials of a search; a job ends as soon as it is decided, and shows `lag` decisions later."""
    ledger = Ledger(Strategy(searcher), space, seed, Targets(max_epochs=1, n_trials=n_trials), lag)
    for _ in range(n_trials):
        plan = ledger.decide()
        ledger.enter(plan)
        value = loss(plan.params)
        failed = not np.isfinite(value)
        ledger.close_job(plan.job.number, State.FAILED if failed else State.COMPLETE, () if failed else (value,))
    return ledger.view().trials


def mean_best(searches):
    """The mean of the searches' best values."""
    return np.mean([min(trial.value for trial in trials) for trials in searches])


def hartmann(params):
    """Hartmann's function of six numbers in [0, 1] (Dixon & Szegö, 1978), above its minimum of -3.32237."""
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    steepness = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    pits = np.array(
        [
            [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
            [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
            [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
            [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
        ]
    )
    away = steepness * (np.array(list(params.values())) - pits) ** 2
    return 3.32237 - float(weights @ np.exp(-away.sum(axis=1)))
