"""Laws of what the engine makes of every strategy: same seed, same search; nothing tried twice; failures never win."""

import json
import os
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from math import inf, nan, prod
from pathlib import Path

import numpy as np
from casts import NAMES, SLOW, TUNED, curves, horizons, law, orders, strategies_with, trials_of
from hypothesis import strategies as st
from spaces import spaces
from studies import Study

from strategies import (
    STRATEGIES,
    Choice,
    Float,
    Grid,
    Int,
    RecordedSpace,
    Space,
    State,
    StrategyError,
    Targets,
    parse_strategy,
)
from strategies.registry import kind_of
from strategies.replay import Recording, replay
from strategies.trial import point

MIXED = Space(
    rate=Float(1e-4, 1, log=True, points=3),
    hidden=Int(4, 64, log=True),
    kind=Choice("a", "b", None),
    momentum=Float(0, 1, points=2, when={"kind": ["a", "b"]}),
)
FINITE = [
    Space(x=Int(0, 3), c=Choice("a", "b")),
    Space(c=Choice("a", "b", "c"), n=Int(1, 4, log=True, when={"c": "a"}), d=Choice(None, 2, when={"c": ["a", "b"]})),
    Space(hidden=Int(8, 16), c=Choice(1.5, "a")),
    Space(c=Choice("only")),
]


@st.composite
def studies(draw, name, *, most=20, lag=None, curve=None, space=None):
    """A study of the component of that name, with one worker."""
    return Study(
        draw(strategies_with(name)),
        draw(spaces(max_size=3)) if space is None else space,
        draw(curves()) if curve is None else curve,
        Targets(draw(horizons), draw(trials_of(name, most)), draw(st.none() | st.none() | st.integers(0, 150))),
        lag,
        draw(st.integers(0, 99)),
    )


def others(study, **changes):
    """The same study, not yet begun, but for the changes."""
    return replace(study, **changes)


@law()
def test_a_search_taken_over_at_any_moment_is_the_same_search(name, data):
    """Whenever another process goes on from the record, and whatever was asked of the strategy in between, nothing changes.

    Neither numbers, params, epochs nor reasons; so decisions are pure, and no memo changes an answer.
    """
    alone = data.draw(studies(name, lag=data.draw(st.integers(1, 4))))
    stranger = others(alone, curve=data.draw(curves()), seed=data.draw(st.integers(0, 99)))
    chance = np.random.default_rng(data.draw(st.integers(0, 99)))

    def interrupted(study):
        if chance.random() < 0.3:
            study.read_again()
        if chance.random() < 0.3:
            stranger.step()

    assert others(alone, before=interrupted).run() == alone.run()


def logs():
    """What every strategy decides in a search of a space of all kinds: the log of each as text, by name."""
    found = {}
    for name in NAMES:
        strategy = parse_strategy(name)
        if name in SLOW and name in STRATEGIES:
            tuned = next(each for each in TUNED if type(each) is STRATEGIES[name])
            strategy = replace(strategy, **{kind_of(type(tuned)): tuned})
        found[name] = repr(Study(strategy, MIXED, lambda i, e: (i * 7 % 11) / 8 + 1 / e, Targets(9, 8), 2).run())
    return found


def said_by_another_process(program):
    """What a process prints that runs this, with other hashes."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"}
    return subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)


def test_another_process_decides_alike():
    """Whatever hashes are there: the order of sets and the addresses of objects count for nothing."""
    said = said_by_another_process("import json, test_study_laws; print(json.dumps(test_study_laws.logs()))")
    assert json.loads(said) == logs()


LEAN = [name for name in NAMES if name in STRATEGIES and STRATEGIES[name].adaptive and STRATEGIES[name].numpy_only]
SEARCHING = """
import sys
from strategies import Choice, Float, Int, Space, Targets, parse_strategy
from studies import Study

space = Space(rate=Float(1e-4, 1, log=True), hidden=Int(4, 64), kind=Choice("a", "b"))
for name in {names}:
    assert Study(parse_strategy(name), space, lambda i, e: (i * 7 % 11) / 8 + 1 / e, Targets(9, 40), 2).run()
    print(name, *(module for module in sys.modules if module.startswith("scipy.")))
"""


def test_who_needs_numpy_only_loads_no_scipy():
    """Workers limit SciPy's threads before they begin, unless their strategy says that it never loads SciPy: then it does not."""
    assert "asha" in LEAN
    assert said_by_another_process(SEARCHING.format(names=LEAN)).split() == LEAN


@law()
def test_under_the_lag_timing_changes_nothing(name, data):
    """Up to P workers, ending their jobs in any order, make one job log if the strategy adapts; else the same trials."""
    lag = data.draw(st.integers(1, 5))
    alone = data.draw(studies(name, lag=lag))
    crowd = others(alone, workers=data.draw(st.integers(1, lag)), pick=data.draw(orders()))
    found, expected = crowd.run(), alone.run()
    assert crowd.trials == alone.trials
    if alone.strategy.adaptive:
        assert found == expected


@law()
def test_no_failure_and_no_value_breaks_a_search(name, data):
    """Trials fail here and there, often, or all of them, by infinity or NaN; values are huge, tiny, or all the same.

    The search ends, starts as many trials as it may, and leaves none open. (The engine refuses a job for a failed trial,
    the study here a failed parent.) No warning shows either.
    """
    seed, failing = data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from([0, 0.2, 0.7, 1]))
    values = data.draw(st.sampled_from([[1e308, -1e308, 0.0], [5e-324, 0.0, -5e-324], [3.0], [1e16, 1e16 + 2, -1.0]]))

    def curve(number, epoch):
        rng = np.random.default_rng((seed, number, epoch))
        return float(rng.choice([inf, -inf, nan])) if rng.random() < failing else float(rng.choice(values))

    study = data.draw(studies(name, lag=data.draw(st.integers(1, 3)), curve=curve))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        study.run()
    assert all(np.isfinite(trial.curve).all() for trial in study.trials)
    if study.targets.budget is None:
        assert all(trial.state.ended for trial in study.trials)
        assert len(study.trials) == study.targets.n_trials or "grid" in study.strategy.name
    if failing == 1:
        assert {trial.state for trial in study.trials} <= {State.FAILED}


@law()
def test_no_point_is_tried_twice_while_another_is_left(name, data):
    """In a finite space, a table of recorded points among them, with jobs still running.

    But a trial that begins with another's weights may have its params, and where the scheduler fixes the size of a model
    that size alone is used up. A grid takes no more than it has itself.
    """
    space = data.draw(st.sampled_from(FINITE) | tables())
    study = data.draw(studies(name, lag=data.draw(st.integers(1, 4)), space=space, most=26))
    study.workers, study.pick = study.lag, data.draw(orders())
    try:
        study.run()
    except StrategyError as error:
        assert isinstance(space, RecordedSpace)
        assert_explained(study.strategy, error)
    tried = set()
    for trial in study.trials:
        if trial.parent is None:
            used_up = len(tried) == space.size or "budgeted" in study.strategy.name
            assert point(trial.params) not in tried or used_up
        tried.add(point(trial.params))


def choices_of(domain):
    """How many values a parameter has."""
    if isinstance(domain, Choice):
        return len(domain.values)
    if isinstance(domain, Float):
        return inf if domain.low < domain.high else 1
    return domain.high - domain.low + 1


def class_size(space, guess):
    """How many points the smallest class with a guess has at least: one of its parameters is the same in all of it."""
    sizes = [choices_of(space.parameters[name]) for name in guess]
    return inf if inf in sizes else prod(sizes) // max(sizes)


@law()
def test_first_guesses_are_tried_first_and_once(name, data):
    """In the order in which they were given, whatever the searcher; a guess given twice is tried once."""
    study = data.draw(studies(name, lag=data.draw(st.integers(1, 4)), most=12))
    rng = np.random.default_rng(study.seed)
    guesses = [study.space.sample(rng) for _ in range(data.draw(st.integers(1, 3)))]
    study = others(study, targets=replace(study.targets, queue=(*guesses, *guesses[:1])))
    study.run()
    unique = list({point(guess): guess for guess in guesses}.values())
    found = [trial.params for trial in study.trials if trial.params in unique]
    if (
        "budgeted" in study.strategy.name
    ):  # a guess waits for the turn of its class, which may be used up before the end
        assert all(found.count(guess) <= 1 or class_size(study.space, guess) < len(study.trials) for guess in unique)
    else:
        assert [trial.params for trial in study.trials][: len(unique)] == unique[: len(study.trials)]


@st.composite
def tables(draw, *, most=12):
    """A few rows of a generated space."""
    space, rng = draw(spaces(max_size=3)), np.random.default_rng(draw(st.integers(0, 99)))
    rows = {point(row): row for row in (space.sample(rng) for _ in range(draw(st.integers(1, most))))}
    return RecordedSpace(space, list(rows.values()))


REFUSALS = {
    "grid": "was not recorded",
    "pbt": "weights of trial .* cannot be replayed|needs max_epochs",
    "budgeted": "no size|no configuration with .* was recorded",
    "budgeted-bandit": "no classes|no configuration with .* was recorded",
}
"""Why a strategy may not search a table: it has points, weights or classes of its own."""


def assert_explained(strategy, error):
    """A refusal is one that a part of the strategy has reason for."""
    allowed = [why for part, why in REFUSALS.items() if part in strategy.name.split("+")]
    assert re.search("|".join([*allowed, "needs max_epochs"]), str(error)), str(error)


@law()
def test_a_recording_is_replayed_or_refused(name, data):
    """A replay of any recording ends, or a StrategyError says why that strategy cannot search it."""
    space, curve, epochs = data.draw(tables()), data.draw(curves()), data.draw(horizons)
    rows = [tuple(curve(i, epoch) for epoch in range(1, epochs + 1)) for i in range(len(space.rows))]
    cut = [row[: row.index(inf) + 1] if inf in row else row for row in rows]
    recording = Recording(space, space.rows, cut)
    strategy = data.draw(strategies_with(name))
    n_trials = data.draw(trials_of(name, 20)) or None
    if name in SLOW:
        n_trials = min(n_trials or 9, 9)
    try:
        found = replay(strategy, recording, n_trials=n_trials, workers=data.draw(st.integers(1, 4)))
    except StrategyError as error:
        assert_explained(strategy, error)
        return
    most = min(n_trials or inf, len(cut))
    assert found.trials == most or (isinstance(strategy.searcher, Grid) and found.trials < most)  # it has its own end
    assert found.epochs <= sum(map(len, cut))
    seen = min(found.best, default=inf)
    assert (found.winner is None) == (seen == inf)
    assert found.winner is None or seen in cut[found.winner]


RANKED = {
    *("grid", "random", "sobol", "halton", "de", "cmaes", "full", "halving", "hyperband", "infinite-hyperband", "asha"),
    *("budgeted", "pbt", "one-epoch", "patience", "threshold"),
}
"""What compares values, and never asks by how much they differ.

Not so the models and the means: TPE weighs by improvement, PASHA allows for noise, MetaMax looks at hulls and budgeted
bandits at spreads, and the median is one of averages. They standardise; in floats that is exact for powers of two.
"""


@law()
def test_maximising_the_negated_objective_is_the_same_search(name, data):
    """Settings in the user's units negated as well: what is decided, and the losses in the reasons, are the same."""
    study = data.draw(studies(name, lag=data.draw(st.integers(1, 3))))
    mirrored = others(study, strategy=in_units(study.strategy, -1), sign=-1)
    assert mirrored.run() == study.run()


@law()
def test_a_change_of_unit_changes_no_decision(name, data):
    """Nor does one of zero where only ranks count. Settings in the user's units are changed likewise."""
    study = data.draw(studies(name, lag=data.draw(st.integers(1, 3))))
    ranked = all(part in RANKED for part in study.strategy.name.split("+"))
    factor = data.draw(st.sampled_from([3.0, 0.75, 1024.0] if ranked else [0.5, 1024.0, 2.0**-20]))
    shift = data.draw(st.integers(-1000, 1000)) if ranked else 0
    curve, strategy = study.curve, in_units(study.strategy, factor, shift)
    changed = others(study, strategy=strategy, curve=lambda number, epoch: factor * curve(number, epoch) + shift)
    assert [entry[:2] for entry in changed.run()] == [entry[:2] for entry in study.run()]
    assert [trial.state for trial in changed.trials] == [trial.state for trial in study.trials]


def in_units(strategy, factor, shift=0):
    """The strategy with every setting that is in units of the objective times `factor`, plus `shift`."""
    scheduler, stopper = strategy.scheduler, strategy.stopper
    if getattr(scheduler, "worst", None) is not None:
        scheduler = replace(scheduler, worst=factor * scheduler.worst + shift)
    if getattr(stopper, "value", None) is not None:
        stopper = replace(stopper, value=factor * stopper.value + shift)
    if getattr(stopper, "bounds", None) is not None:
        stopper = replace(stopper, bounds=tuple(factor * bound + shift for bound in stopper.bounds))
    if getattr(stopper, "min_delta", None) is not None:
        stopper = replace(stopper, min_delta=abs(factor) * stopper.min_delta)
    return replace(strategy, scheduler=scheduler, stopper=stopper)
