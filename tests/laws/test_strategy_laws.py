"""Laws of every registered searcher, scheduler and stopper, alone and together, on generated spaces and curves.

Here a simulator of a few lines asks the components directly; what the engine makes of them is in test_study_laws.
"""

import json
from collections import Counter
from dataclasses import replace

import pytest
from casts import NAMES, NON_ADAPTIVE, curves, horizons, law, orders, strategies_with, trials_of
from hypothesis import strategies as st
from simulator import Search
from spaces import spaces

from strategies import STRATEGIES, Float, Space, State, Strategy, names, parse_strategy, table
from strategies.presets import PRESETS

LINE = Space(x=Float(0, 1, points=40))


@law(examples=10)
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
        n_trials=data.draw(trials_of(name, 30)),
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


@law(NON_ADAPTIVE)
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


@law(NON_ADAPTIVE)
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


@law()
def test_raised_targets_leave_ended_trials_alone(name, data):
    """With more trials and a longer horizon a finished search goes on and ends; trials that had ended stay as they were.

    Trials that were complete under the shorter horizon may be taken up again: they count as paused.
    """
    search = Search(
        data.draw(strategies_with(name)),
        LINE,
        data.draw(curves()),
        max_epochs=data.draw(horizons),
        n_trials=data.draw(trials_of(name, 20)),
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
    search.n_trials += data.draw(trials_of(name, 20))
    before = {trial.number: trial for trial in search.trials if trial.state.ended}
    trials = search.run()
    assert len(trials) == search.n_trials
    assert all(trial.state.ended for trial in trials)
    assert all(trials[number] == trial for number, trial in before.items())


@law()
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


@pytest.mark.parametrize("name", NAMES)
def test_a_name_alone_is_a_strategy(name):
    """Every name works alone, its missing parts random and full; it is listed with a sentence."""
    strategy = parse_strategy(name)
    (entry,) = [entry for entry in table() if entry.name == name]
    if name in PRESETS:
        assert set(map(type, PRESETS[name].make())) <= set(map(type, strategy.parts.values()))
        assert entry.kind == "strategy"
    else:
        assert type(strategy.parts[entry.kind]) is STRATEGIES[name]
    assert entry.summary.endswith(".")
    assert entry.summary[0].isupper()
    assert name in names()
