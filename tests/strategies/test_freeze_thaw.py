"""Freeze-thaw as a scheduler: what it starts, thaws, leaves frozen and gives up, and how it says so."""

import json
from dataclasses import replace
from math import exp, inf

import numpy as np
import pytest
from simulator import Search
from timing import seconds

from strategies import (
    DONE,
    WAIT,
    Choice,
    Float,
    Full,
    History,
    Int,
    Random,
    RecordedSpace,
    Resume,
    Space,
    Start,
    State,
    Stop,
    Strategy,
    StrategyError,
    Trial,
)
from strategies.base import Loss
from strategies.models.freeze_thaw_evidence import considered
from strategies.schedulers.freeze_thaw import FreezeThaw, candidates

LINE = Space(x=Float(0, 1))
MIXED = Space(x=Float(0, 1), c=Choice("a", "b"), k=Int(1, 9, when={"c": "a"}))
ACQUISITIONS = ("entropy_search", "ei_max", "mfpi_random")


def falling(x, epochs, *, target=0.3, rate=0.4):
    """A curve that falls to the distance of x from the target."""
    return tuple(abs(x - target) + exp(-rate * epoch) for epoch in range(1, epochs + 1))


def trial(number, x, epochs, state=State.PAUSED):
    """A trial at x that has been trained for some epochs."""
    return Trial(number, {"x": x}, state, falling(x, epochs))


def seen(trials, *, space=LINE, max_epochs=20, n_trials=None, budget=None, queue=()):
    """The history of these trials."""
    open_trials = {each.number: each for each in trials if not each.state.ended}
    return History(space, tuple(trials), open_trials, max_epochs, n_trials, budget, queue=queue)


def decide(scheduler, history, seed=0):
    """The decision with that seed."""
    return scheduler.decide(history, np.random.default_rng(seed))


def search(scheduler, *, seed=0, failing=0.0, space=LINE, searcher=None, **bounds):
    """A finished search over noisy falling curves of which some fail."""
    made = Search(Strategy(searcher or Random(), scheduler), space, None, **bounds)

    def curve(number, epoch):
        rng = np.random.default_rng((seed, number, epoch))
        if rng.random() < failing:
            return inf
        x = space.encode(made.trials[number].params)[0]
        return falling(x, epoch)[-1] + 0.01 * float(rng.standard_normal())

    made.curve = curve
    made.run()
    return made


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_ends(acquisition, workers):
    """A search with failures, conditions and several workers ends: all trials started, none left open, all reasons JSON."""
    made = search(
        FreezeThaw(acquisition=acquisition),
        space=MIXED, failing=0.05, max_epochs=6, n_trials=8, workers=workers, pick=lambda n: n - 1,
    )  # fmt: skip
    assert len(made.trials) == 8
    assert all(each.state.ended for each in made.trials)


@pytest.mark.parametrize("failing", [0.6, 1.0])
def test_a_search_of_failures_ends(failing):
    """Where nearly all or all trials fail, the others are trained without a model."""
    made = search(FreezeThaw(), failing=failing, max_epochs=4, n_trials=6)
    assert len(made.trials) == 6
    assert all(each.state.ended for each in made.trials)


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_budget_is_used_up(acquisition):
    """With a budget no trial is given up: training goes on until nothing more can be paid for."""
    made = search(FreezeThaw(acquisition=acquisition), max_epochs=8, n_trials=5, budget=24)
    assert sum(each.epochs for each in made.trials) == 24
    assert State.STOPPED not in [each.state for each in made.trials]


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_it_finds_better_than_full_training(acquisition):
    """For the epochs of five full trials more points are seen, and the best value is better."""
    bounds = {"max_epochs": 20, "n_trials": 100, "budget": 100}
    made, full = search(FreezeThaw(acquisition=acquisition, step=4), **bounds), search(Full(), **bounds)
    assert len(made.trials) > len(full.trials) == 5
    assert min(each.value for each in made.trials) < min(each.value for each in full.trials)


def test_the_last_of_a_budget_is_for_the_best():
    """When the budget just suffices to train the trial thought to end best to its end, that is done, and nothing else."""
    trials = [trial(0, 0.32, 15), trial(1, 0.9, 10), trial(2, 0.6, 10)]
    for seed in range(3):
        last = decide(FreezeThaw(), seen(trials, budget=40), seed)
        assert (last.trial, last.until, last.reason["last_stretch"]) == (0, 16, True)
    assert "last_stretch" not in decide(FreezeThaw(), seen(trials, budget=41)).reason


def test_settled_entropy_leaves_improvement():
    """Where no observation could tell more about which is best, the one that is expected to improve most is made."""
    trials = [trial(0, 0.9, 15), trial(1, 0.31, 15), trial(2, 0.8, 15)]
    decision = decide(FreezeThaw(), seen(trials, n_trials=3, budget=1000))
    assert (decision.trial, decision.reason["acquisition"]) == (1, "ei_max")


def test_the_first_trials_are_the_searchers():
    """The first `initial` trials, the user's guesses, and trials while there is no model, take the searcher's params."""
    started = [trial(0, 0.1, 2), trial(1, 0.5, 2)]
    assert decide(FreezeThaw(), seen(started)).params is None
    assert decide(FreezeThaw(initial=2), seen([started[0], replace(started[1], state=State.FAILED)])).params is None
    started.append(trial(2, 0.9, 2))
    guessed = decide(FreezeThaw(), seen(started, queue=[{"x": 0.9}, {"x": 0.3}]))
    assert guessed == Start(2, reason={"by": "freeze-thaw", "initial": True})
    assert decide(FreezeThaw(), seen(started, queue=[{"x": 0.9}])).reason["basket"] > 1


@pytest.mark.parametrize("acquisition", ["ei_max", "mfpi_random"])
def test_what_leads_nowhere_stays_frozen(acquisition):
    """Of trials far apart the hopeless ones are not thawed, and new ones start near what looks best."""
    trials = [trial(0, 0.31, 6), trial(1, 0.9, 6), trial(2, 0.8, 6), trial(3, 0.6, 6), trial(4, 0.05, 6)]
    decisions = [decide(FreezeThaw(acquisition=acquisition), seen(trials), seed) for seed in range(20)]
    thawed = {each.trial for each in decisions if isinstance(each, Resume)}
    started = [each.params["x"] for each in decisions if isinstance(each, Start)]
    assert thawed <= {0, 4}
    assert np.median([*started, *(0.3 for _ in thawed)]) == pytest.approx(0.3, abs=0.2)


def test_a_running_trial_is_left_alone():
    """While the best trial runs another one is trained, and a new one is not started beside it."""
    trials = [trial(0, 0.3, 5), trial(1, 0.32, 5), trial(2, 0.9, 5)]
    running = [replace(trials[0], state=State.RUNNING), *trials[1:]]
    for seed in range(5):
        decision = decide(FreezeThaw(), seen(running, n_trials=3, budget=100), seed)
        assert isinstance(decision, Resume)
        assert decision.trial != 0
    alone = [replace(each, state=State.RUNNING) for each in trials]
    assert decide(FreezeThaw(), seen(alone, n_trials=3)) == WAIT


def test_pending_trials_count_as_expected():
    """A trial that has started but shows nothing yet makes points beside it less informative."""
    trials = [trial(0, 0.1, 4), trial(1, 0.5, 4), trial(2, 0.9, 4)]
    pending = [*trials, Trial(3, {"x": 0.3}, State.RUNNING)]
    distances = {True: [], False: []}
    for seed in range(12):
        for history in (seen(trials, budget=10_000), seen(pending, budget=10_000)):
            decision = decide(FreezeThaw(initial=1, acquisition="entropy_search", basket_old=1), history, seed)
            x = decision.params["x"] if isinstance(decision, Start) else trials[decision.trial].params["x"]
            distances[len(history.trials) == 4].append(abs(x - 0.3))
    assert np.mean(distances[True]) > np.mean(distances[False])


def test_what_cannot_win_any_more_is_given_up():
    """When all trials have started, those that will not beat the best value are stopped, the least probable first."""
    trials = [trial(0, 0.3, 20, State.COMPLETE), trial(1, 0.9, 8), trial(2, 0.31, 2), trial(3, 0.6, 8)]
    first = decide(FreezeThaw(), seen(trials, n_trials=4))
    assert isinstance(first, Stop)
    assert first.trial in (1, 3)
    assert first.reason["probability"] < first.reason["threshold"] == 0.05
    assert isinstance(decide(FreezeThaw(), seen(trials, n_trials=4, budget=100)), Resume)
    assert isinstance(decide(FreezeThaw(give_up=0), seen(trials, n_trials=4)), Resume)
    ended = [replace(each, state=State.STOPPED) for each in trials]
    assert decide(FreezeThaw(), seen(ended, n_trials=4)) == DONE


def test_a_job_ends_at_a_multiple_of_its_step():
    """A job takes `step` epochs, a tenth of all by default; one cut short goes on to where it was to end."""
    assert decide(FreezeThaw(), seen([], max_epochs=100)).until == 10
    assert decide(FreezeThaw(), seen([], max_epochs=9)).until == 1
    assert decide(FreezeThaw(step=50), seen([], max_epochs=20)).until == 20
    for epochs, until in ((5, 8), (4, 8), (18, 20)):
        trials = [trial(0, 0.3, epochs), trial(1, 0.5, 20, State.COMPLETE), trial(2, 0.7, 20, State.COMPLETE)]
        decision = decide(FreezeThaw(step=4), seen(trials, n_trials=3, budget=1000))
        assert (decision.trial, decision.until, decision.rung) == (0, until, 1)


def test_a_shorter_horizon_ends_trials():
    """A paused trial that is as old as a trial may get is ended."""
    trials = [trial(0, 0.3, 5), trial(1, 0.9, 2)]
    assert decide(FreezeThaw(), seen(trials, max_epochs=4)) == Stop(0, {"by": "freeze-thaw", "epochs": 5})


def test_reasons_speak_in_the_objectives_units():
    """A reason tells prediction, best value, score, probability and basket; what is a loss is marked as one."""
    trials = [trial(0, 0.31, 9), trial(1, 0.8, 9), trial(2, 0.5, 9)]
    reason = decide(FreezeThaw(acquisition="ei_max"), seen(trials, n_trials=3, budget=100)).reason
    assert isinstance(reason["predicted"], Loss)
    assert isinstance(reason["incumbent"], Loss)
    assert reason["incumbent"] == pytest.approx(min(each.value for each in trials))
    assert reason["predicted"] == pytest.approx(0.01, abs=0.1)
    assert (reason["by"], reason["acquisition"], reason["observations"]) == ("freeze-thaw", "ei_max", 3)
    assert (reason["basket"], reason["epochs"]) == (3, 10)
    assert 0.5 < reason["probability"] <= 1
    assert reason["sd"] > 0
    json.dumps(reason, allow_nan=False)


def test_units_do_not_matter():
    """Values on another scale lead to the same decisions."""
    trials = [trial(n, x, 3) for n, x in enumerate((0.1, 0.4, 0.9))]
    large = [replace(each, curve=tuple(1024.0 * value - 4096.0 for value in each.curve)) for each in trials]
    for seed in range(3):
        plain, other = (decide(FreezeThaw(), seen(each), seed) for each in (trials, large))
        assert (type(plain), getattr(plain, "params", None)) == (type(other), getattr(other, "params", None))
        assert other.reason["predicted"] == pytest.approx(1024 * plain.reason["predicted"] - 4096, rel=1e-3)


def test_candidates_are_new_points_of_the_space():
    """Candidates are points that no trial has: in a finite space or a table only what is left of it, then nothing."""
    rng = np.random.default_rng(0)
    few = Space(c=Choice("a", "b", "c"))
    tried = [Trial(0, {"c": "b"}, State.PAUSED, (1.0,))]
    assert sorted(each["c"] for each in candidates(seen(tried, space=few), 10, rng)) == ["a", "c"]
    table = RecordedSpace(LINE, [{"x": i / 4000} for i in range(3000)])
    found = candidates(seen([Trial(0, table.rows[7], State.PAUSED, (1.0,))], space=table), 50, rng)
    assert 20 < len(found) <= 50
    assert all(each in table.rows and each != table.rows[7] for each in found)
    near = candidates(seen([trial(0, 0.5, 3)]), 60, rng)
    assert len(near) == 60
    assert np.mean([abs(each["x"] - 0.5) < 0.2 for each in near]) > 0.5


def test_a_used_up_space_is_the_planners():
    """When every point has been tried the trials there are go on, and only then another one starts: the searcher's."""
    few = Space(c=Choice("a", "b"))
    made = search(FreezeThaw(initial=1), space=few, max_epochs=3, n_trials=5)
    assert len(made.trials) == 5
    assert all(each.state.ended for each in made.trials)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"acquisition": "ucb"},
            "FreezeThaw: acquisition must be one of 'entropy_search', 'ei_max', 'mfpi_random', not 'ucb'",
        ),
        ({"kernel": "rbf"}, "FreezeThaw: kernel must be one of 'exponential', 'centred', 'falling', not 'rbf'"),
        ({"warp": 2}, "FreezeThaw: warp must be one of False, True, not 2"),
        ({"step": 0}, "FreezeThaw: step must be an integer of at least 1, not 0"),
        ({"initial": 0}, "FreezeThaw: initial must be an integer of at least 1, not 0"),
        ({"samples": 1.5}, "FreezeThaw: samples must be an integer of at least 1, not 1.5"),
        ({"give_up": 1}, "FreezeThaw: give_up is a probability below 1, not 1"),
    ],
)
def test_settings_are_checked(settings, message):
    """A setting that cannot be is refused, with what it may be."""
    with pytest.raises(StrategyError, match=message):
        FreezeThaw(**settings)


@pytest.mark.alone
def test_a_decision_in_a_longer_history():
    """Without a fit, one among 100 curves takes less than five times what it takes among 25."""

    def quickest(size):
        rng = np.random.default_rng(0)
        history = seen([trial(n, float(rng.random()), int(rng.integers(1, 15))) for n in range(size)])
        decide(FreezeThaw(), history)
        return min(seconds(lambda: decide(FreezeThaw(), history, seed)) for seed in range(5))  # noqa: B023 - at once

    assert quickest(100) < 5 * quickest(25)


def test_of_many_trials_some_are_looked_at():
    """Of more than `most` about so many: the best, the best that can go on, the latest, and whoever is running."""
    rng = np.random.default_rng(0)
    states = [State.PAUSED, State.STOPPED, State.COMPLETE, State.FAILED, State.DISCARDED]
    told = [Trial(i, {}, states[int(rng.integers(5))], tuple(rng.random(3))) for i in range(200)]
    trials = [*told[:50], Trial(50, {}, State.RUNNING, (9.0,)), *told[51:]]
    history = seen(trials)
    numbers = [trial.number for trial in considered(history, 30)]
    ranked = sorted(trials, key=lambda trial: (trial.value, trial.number))
    paused = [trial for trial in ranked if trial.state is State.PAUSED]
    expected = {50, *(trial.number for trial in (*ranked[:10], *paused[:10])), *range(190, 200)}
    assert numbers == sorted(expected)
    assert considered(history, 200) == trials
    assert considered(seen(trials[:20]), 30) == trials[:20]


def test_a_search_ends_though_some_are_not_looked_at():
    """Whoever is paused is looked at in the end: every trial is stopped or trained to its last epoch."""
    strategy = Strategy(scheduler=FreezeThaw(most=10, samples=50, candidates=10, fantasies=1, give_up=0.5))
    curve = lambda number, epoch: number % 7 + 1 / epoch  # noqa: E731
    trials = Search(strategy, LINE, curve, max_epochs=4, n_trials=30, workers=3).run()
    assert len(trials) == 30
    assert all(trial.state.ended for trial in trials)
