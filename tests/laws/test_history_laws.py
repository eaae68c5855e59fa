"""The law of long histories: a decision follows from what has changed, and costs as much after 16,000 trials as after 2,000.

What it costs is counted, not timed: how often a trial of the past is looked at, and how much memory is taken meanwhile,
since whoever weighs all trials at once makes at least one array of them.
"""

import tracemalloc
from itertools import islice

import numpy as np
import pytest
from casts import NAMES, SLOW

from strategies import (
    Choice,
    Float,
    FreezeThaw,
    GaussianProcess,
    Grid,
    Int,
    Job,
    Ledger,
    Planned,
    Skopt,
    Space,
    State,
    Stop,
    Strategy,
    Targets,
    Trial,
    parse_strategy,
)

SPACE = Space(x=Float(1e-3, 1, log=True), hidden=Int(1, 64), c=Choice("a", "b"), y=Float(0, 1, when={"c": "b"}))
EPOCHS = 9
CROWD = 3
FROZEN = {"asha", "pasha", "freeze-thaw"}
"""Those that leave most trials paused for ever."""
SETTINGS = {
    "grid": Strategy(Grid(points=60)),
    "gp": Strategy(GaussianProcess(most=20)),
    "skopt": Strategy(Skopt("et", initial=5, most=20)),
    "freeze-thaw": Strategy(scheduler=FreezeThaw(most=20, samples=50, candidates=20, fantasies=2)),
}
"""A resolution, and for the slow ones less to look at."""
UNFINISHED = {name for name in NAMES if FROZEN & set(parse_strategy(name).name.split("+"))}


class Watched(Trial):
    """A trial of the past that counts how often one is looked at."""

    __slots__ = ()
    looks = 0

    def __getattribute__(self, name):
        Watched.looks += 1
        return super().__getattribute__(name)


def curve_of(number, epochs):
    """Falling values, some of them equal."""
    limit = int(np.random.default_rng(number).integers(1000)) / 1000
    return tuple(limit + 1 / epoch for epoch in range(1, epochs + 1))


def filled(name, count):
    """A ledger with so many trials of the past, all of them seen."""
    rng = np.random.default_rng(0)
    trials, log = [], []
    for number in range(count):
        epochs = 1 if name in UNFINISHED and number % 3 else EPOCHS
        state = State.COMPLETE if epochs == EPOCHS else State.PAUSED
        params = {"x": float(rng.uniform(1e-3, 1)), "hidden": 1 + number % 64, "c": "a"}
        placed = number // EPOCHS, 2 * (epochs == EPOCHS)
        trials.append(Watched(number, params, state, curve_of(number, epochs), *placed))
        log.append(Job(number, number, 0, epochs, *placed, number - 1, state, epochs))
    strategy = SETTINGS.get(name) or parse_strategy(name)
    ledger = Ledger(strategy, Space(dict(SPACE.parameters)), 0, Targets(EPOCHS, tolerance=0.0), CROWD)
    ledger.enter_record(trials, log)
    return ledger


def go_on(ledger):
    """Let a crowd search on; yield after each decision, and after each verdict of a stopper."""
    stopper = ledger.strategy.stopper
    while True:
        plan = ledger.decide()
        yield
        if isinstance(plan, Planned | Stop):
            ledger.enter(plan)
        if isinstance(plan, Stop) or (isinstance(plan, Planned) and len(ledger.pending) < CROWD):
            continue
        number, job = next(iter(ledger.pending.items()))
        curve = curve_of(job.trial, job.until)
        if stopper:
            history, trial = ledger.seen_by(job), ledger.trial(job.trial)
            for epoch in range(job.from_epoch + 1, job.until):
                now = Trial(job.trial, trial.params, State.RUNNING, curve[:epoch], job.bracket, job.rung)
                stopper.verdict(now, history)
                yield
        ledger.close_job(number, State.COMPLETE if job.until == EPOCHS else State.PAUSED, curve)


def costs(ledger, decisions):
    """How often a trial of the past is looked at for a decision, and the bytes it takes: a typical one's."""
    search = go_on(ledger)
    for _ in islice(search, 5):  # what is kept from decision to decision is made by the first
        pass
    looks, sizes = [], []
    tracemalloc.start()
    try:
        for _ in range(decisions):
            Watched.looks = 0
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            next(search)
            looks.append(Watched.looks)
            sizes.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return np.median(looks), np.median(sizes)


@pytest.mark.parametrize("name", NAMES)
def test_a_decision_costs_no_more_in_a_long_history(name):
    """Eight times as many trials: hardly more looks at them, and less new memory than a number for each would take."""
    short, long = (costs(filled(name, count), 4 if name in SLOW else 24) for count in (2_000, 16_000))
    assert long[0] <= 1.5 * short[0] + 100, f"{name} looks at trials {short[0]} times, and then {long[0]} times"
    assert long[1] <= 1.5 * short[1] + 40_000, f"{name} takes {short[1]} bytes, and then {long[1]}"


@pytest.mark.parametrize("name", NAMES)
def test_who_comes_late_decides_the_same(name):
    """Beyond what models look at: a worker that begins in the middle decides as those who have been there."""
    ledger = filled(name, 1_300)
    search = go_on(ledger)
    for _ in range(2 if name in SLOW else 8):
        next(islice(search, 3, None))
        afresh = Ledger(ledger.strategy, Space(dict(SPACE.parameters)), 0, ledger.targets, CROWD)
        afresh.enter_record([ledger.trial(number) for number in range(ledger.n_trials)], ledger._jobs)
        assert repr(afresh.decide()) == repr(ledger.decide())
