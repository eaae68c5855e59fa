"""The tally: all that a strategy needs to know that does not look back."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from adaptive import Echo

from strategies import (
    STRATEGIES,
    Done,
    Float,
    Ledger,
    Planned,
    Scheduler,
    Searcher,
    Space,
    State,
    Stop,
    Strategy,
    StrategyError,
    SuccessiveHalving,
    Tally,
    Targets,
    looks_back,
    parse_strategy,
)

SPACE = Space(x=Float(0, 1, points=8))
TARGETS = Targets(max_epochs=4, n_trials=12)
COMBINATIONS = [
    f"{searcher}+{scheduler}"
    for searcher, scheduler in product(STRATEGIES, STRATEGIES)
    if issubclass(STRATEGIES[searcher], Searcher) and issubclass(STRATEGIES[scheduler], Scheduler)
]
BLIND = [name for name in COMBINATIONS if not looks_back(parse_strategy(name), SPACE, TARGETS)]


def close(job, ledger, tally, rng):
    """End a job: as far as it goes, or interrupted, stopped, failed on the way."""
    reached = int(rng.integers(job.from_epoch, job.until + 1))
    outcome = rng.choice([State.PAUSED, State.STOPPED, State.FAILED]) if reached < job.until else State.COMPLETE
    ledger.close_job(job.number, State(outcome), (0.5,) * reached)
    tally.close(ledger.trial(job.trial))


def stand(tally, ledger):
    """Tell a tally what it can read off a record."""
    trials = [ledger.trial(number) for number in range(ledger.n_trials)]
    paused = [replace(trial, rung=0) for trial in trials if trial.state is State.PAUSED]
    tally.stand(n_trials=len(trials), n_jobs=ledger.n_jobs, n_pending=len(ledger.pending), paused=paused)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", BLIND)
def test_a_tally_decides_like_the_ledger(name, seed):
    """Whenever a strategy does not look back, counts and the paused trials give the decisions of the whole record.

    Whether the tally has entered what happened, or has just been told where the study stands.
    """
    strategy, rng = parse_strategy(name), np.random.default_rng(seed)
    ledger = Ledger(strategy, SPACE, 3, TARGETS, lag=None)
    tally = Tally(strategy, SPACE, 3, TARGETS)
    while True:
        plan = ledger.decide()
        assert tally.decide() == plan
        if isinstance(plan, Planned | Stop) and (rng.random() < 0.5 or not ledger.pending):
            ledger.enter(plan)
            tally.enter(plan)
        elif ledger.pending:
            close(rng.choice(list(ledger.pending.values())), ledger, tally, rng)
        else:
            assert isinstance(plan, Done)
            break
        if rng.random() < 0.3:
            tally = Tally(strategy, SPACE, 3, TARGETS)
            stand(tally, ledger)
    assert ledger.n_trials == tally.n_trials > 0


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_budget_asks_for_the_whole_record(name):
    """What a budget still holds depends on what ended trials have spent: no tally knows that."""
    assert looks_back(parse_strategy(name), SPACE, replace(TARGETS, budget=10))


def test_who_looks_back_has_no_tally():
    """A strategy any part of which depends on results, or whose scheduler ranks trials, is no strategy for a tally."""
    assert not looks_back(Strategy(), SPACE, TARGETS)
    assert looks_back(Strategy(scheduler=SuccessiveHalving()), SPACE, TARGETS)
    assert looks_back(Strategy(Echo()), SPACE, TARGETS)


def test_a_scheduler_that_looks_back_after_all_is_told_so():
    """Reading a past trial through a tally is an error, not a wrong answer."""
    tally = Tally(Strategy(), SPACE, 3, TARGETS)
    tally.stand(n_trials=3, n_jobs=3, n_pending=0, paused=())
    assert len(tally.view().trials) == 3
    for read in (lambda trials: trials[0], lambda trials: trials[:2], list):
        with pytest.raises(StrategyError, match="looks at past trials although"):
            read(tally.view().trials)
