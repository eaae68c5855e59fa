"""Laws of every registered searcher, scheduler and stopper, alone and together, on generated spaces and curves."""

import json
from collections import Counter
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator import Search
from spaces import spaces

from strategies import (
    STRATEGIES,
    Float,
    Patience,
    Scheduler,
    Searcher,
    Space,
    State,
    Stopper,
    Strategy,
    SuccessiveHalving,
    parse_strategy,
    table,
)

LAWS = settings(max_examples=40, deadline=None)
LINE = Space(x=Float(0, 1, points=40))
NON_ADAPTIVE = [name for name, each in STRATEGIES.items() if not each.adaptive]
RANK_BASED = [name for name in NON_ADAPTIVE if issubclass(STRATEGIES[name], Scheduler)]

TUNED = [
    SuccessiveHalving(eta=2),
    SuccessiveHalving(eta=4, min_epochs=2, trials=5),
    SuccessiveHalving(eta=2, min_epochs=50, trials=3),
    Patience(epochs=1),
    Patience(epochs=2, min_delta=0.5),
]
"""Settings that the defaults do not reach in short searches."""


@st.composite
def strategies_with(draw, name, *, only=tuple(STRATEGIES)):
    """A strategy that holds the component of that name, at its default or tuned; its other parts are any of `only`."""
    cls = STRATEGIES[name]
    pool = [STRATEGIES[other]() for other in only]
    pool += [each for each in TUNED if type(each) in [STRATEGIES[other] for other in only]]

    def part(base):
        of_kind = [each for each in pool if isinstance(each, cls if issubclass(cls, base) else base)]
        return st.sampled_from(of_kind)

    stoppers = part(Stopper) if issubclass(cls, Stopper) else st.none() | part(Stopper)
    return Strategy(draw(part(Searcher)), draw(part(Scheduler)), draw(stoppers))


@st.composite
def curves(draw):
    """Falling curves in steps of 1/8 with ties, noise and crossings; in some, trials fail here and there."""
    seed, failing = draw(st.integers(0, 10**6)), draw(st.sampled_from([0, 0, 0.03, 0.3]))

    def curve(number, epoch):
        rng = np.random.default_rng((seed, number, epoch))
        limit, speed = np.random.default_rng((seed, number)).integers(0, 16, 2)
        return inf if rng.random() < failing else float(round(limit + speed * 8 / epoch) + rng.integers(0, 3)) / 8

    return curve


def orders():
    """In which order jobs end: `pick(n)` is one of 0 … n-1."""
    return st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).integers)


horizons = st.sampled_from([1, 2, 3, 9, 10, 26, 27])


@pytest.mark.parametrize("name", STRATEGIES)
@LAWS
@given(st.data())
def test_a_search_ends_within_its_bounds(name, data):
    """Under any strategy a search ends and leaves no trial open, within its trials, epochs and budget.

    The simulator checks every decision on the way: pure, its reason JSON; a start only while one may start, its params a
    point of the space; a job only for a paused trial, with something to train, up to max_epochs at most.
    """
    space = data.draw(spaces(max_size=3))
    search = Search(
        data.draw(strategies_with(name)),
        space,
        data.draw(curves()),
        max_epochs=data.draw(horizons),
        n_trials=data.draw(st.integers(0, 30)),
        budget=data.draw(st.none() | st.integers(0, 200)),
        workers=data.draw(st.integers(1, 6)),
        pick=data.draw(orders()),
    )
    trials = search.run()
    assert len(trials) <= search.n_trials
    assert all(trial.epochs <= search.max_epochs for trial in trials)
    if search.budget is None:
        assert len(trials) == search.n_trials
        assert all(trial.state.ended for trial in trials)
    else:
        assert sum(trial.epochs for trial in trials) <= search.budget


@pytest.mark.parametrize("name", NON_ADAPTIVE)
@LAWS
@given(st.data())
def test_timing_does_not_change_a_search(name, data):
    """Without adaptive parts, any number of workers and any order of completion give the same trials and reasons."""
    alone = Search(
        data.draw(strategies_with(name, only=NON_ADAPTIVE)),
        data.draw(spaces(max_size=2)),
        data.draw(curves()),
        max_epochs=data.draw(horizons),
        n_trials=data.draw(st.integers(1, 40)),
        budget=data.draw(st.none() | st.integers(1, 150)),
    )
    crowd = replace(
        alone, workers=data.draw(st.integers(2, 8)), pick=data.draw(orders()), trials=[], running={}, log=[]
    )
    assert repr(alone.run()) == repr(crowd.run())
    assert Counter(alone.log) == Counter(crowd.log)


@pytest.mark.parametrize("name", NON_ADAPTIVE)
@LAWS
@given(st.data())
def test_a_budget_only_interrupts(name, data):
    """Without adaptive parts, a search cut by a budget and then given more is the search that had more at once."""
    whole = Search(
        data.draw(strategies_with(name, only=NON_ADAPTIVE)),
        LINE,
        data.draw(curves()),
        max_epochs=data.draw(horizons),
        n_trials=data.draw(st.integers(1, 30)),
        budget=10_000,
    )
    cut = replace(
        whole,
        budget=data.draw(st.integers(0, 100)),
        workers=data.draw(st.integers(1, 4)),
        pick=data.draw(orders()),
        trials=[],
        running={},
        log=[],
    )
    cut.run()
    cut.budget = whole.budget
    assert repr(cut.run()) == repr(whole.run())


@pytest.mark.parametrize("name", STRATEGIES)
@LAWS
@given(st.data())
def test_raised_targets_leave_ended_trials_alone(name, data):
    """With more trials and a longer horizon a finished search goes on and ends; trials that had ended stay as they were.

    Trials that were complete under the shorter horizon may be taken up again: they count as paused.
    """
    search = Search(
        data.draw(strategies_with(name)),
        LINE,
        data.draw(curves()),
        max_epochs=data.draw(horizons),
        n_trials=data.draw(st.integers(0, 20)),
        workers=data.draw(st.integers(1, 4)),
        pick=data.draw(orders()),
    )
    search.run()
    longer = data.draw(horizons)
    if longer > search.max_epochs and data.draw(st.booleans()):
        search.trials = [
            replace(trial, state=State.PAUSED) if trial.state is State.COMPLETE else trial for trial in search.trials
        ]
    search.max_epochs = max(longer, search.max_epochs)
    search.n_trials += data.draw(st.integers(0, 20))
    before = {trial.number: trial for trial in search.trials if trial.state.ended}
    trials = search.run()
    assert len(trials) == search.n_trials
    assert all(trial.state.ended for trial in trials)
    assert all(trials[number] == trial for number, trial in before.items())


@pytest.mark.parametrize("name", RANK_BASED)
@LAWS
@given(st.data())
def test_only_ranks_count(name, data):
    """An increasing affine change of all values leaves every decision of a rank-based scheduler as it was."""
    scheduler = data.draw(st.sampled_from([STRATEGIES[name](), *(t for t in TUNED if type(t) is STRATEGIES[name])]))
    curve = data.draw(curves())
    factor, shift = data.draw(st.sampled_from([0.5, 3.0, 1024.0])), data.draw(st.integers(-1000, 1000))
    plain = Search(Strategy(scheduler=scheduler), LINE, curve, max_epochs=data.draw(horizons), n_trials=30)
    changed = replace(
        plain, curve=lambda number, epoch: factor * curve(number, epoch) + shift, trials=[], running={}, log=[]
    )
    plain.run()
    changed.run()
    assert [entry[:2] for entry in plain.log] == [entry[:2] for entry in changed.log]
    assert [trial.state for trial in plain.trials] == [trial.state for trial in changed.trials]


@pytest.mark.parametrize("name", STRATEGIES)
@given(st.data())
def test_a_strategy_survives_json_and_its_name(name, data):
    """JSON gives an equal strategy with all its settings; the name gives the same parts, and is its own canonical form."""
    strategy = data.draw(strategies_with(name))
    twin = Strategy.from_dict(json.loads(json.dumps(strategy.to_dict())))
    assert twin == strategy
    assert twin.name == strategy.name
    named = parse_strategy(strategy.name)
    assert named.name == strategy.name
    assert {kind: type(part) for kind, part in named.parts.items()} == {
        kind: type(part) for kind, part in strategy.parts.items()
    }


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_name_alone_is_a_strategy(name):
    """Every registered name works alone, its missing parts random and full; it is listed with a sentence."""
    strategy = parse_strategy(name)
    assert STRATEGIES[name] in map(type, strategy.parts.values())
    (entry,) = [entry for entry in table() if entry.name == name]
    assert type(strategy.parts[entry.kind]) is STRATEGIES[name]
    assert entry.summary.endswith(".")
    assert entry.summary[0].isupper()
