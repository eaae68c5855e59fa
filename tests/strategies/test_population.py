"""Population-based training: generations, heirs, and how their params are explored."""

from collections import Counter
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from simulator import Search

from strategies import (
    DONE,
    WAIT,
    Choice,
    Float,
    History,
    Int,
    Random,
    Resume,
    Space,
    Start,
    State,
    Stop,
    Strategy,
    StrategyError,
    Trial,
)
from strategies.schedulers.population import PopulationBasedTraining as Population
from strategies.schedulers.population import moved

SPACE = Space(
    rate=Float(1e-4, 1, log=True),
    drop=Float(0, 0.5),
    layers=Int(1, 3),
    kind=Choice("a", "b"),
    momentum=Float(0, 1, when={"kind": "b"}),
)


def seen(trials, *, space=SPACE, max_epochs=9, n_trials=None):
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(space, tuple(trials), open_trials, max_epochs, n_trials)


def generation(values, *, rung=0, epochs=3):
    """A population at the end of a generation; None is a trial that failed."""
    params = SPACE.decode(np.full(5, 0.7))
    return [
        Trial(i, params, State.FAILED if value is None else State.PAUSED, (value or 1.0,) * epochs, rung=rung)
        for i, value in enumerate(values)
    ]


def played(scheduler, trials, *, rounds, max_epochs=9, n_trials=None):
    """Carry out decisions without training; return them."""
    decisions = []
    for k in range(rounds):
        decision = scheduler.decide(
            seen(trials, max_epochs=max_epochs, n_trials=n_trials), np.random.default_rng((7, k))
        )
        decisions.append(decision)
        if isinstance(decision, Start):
            started = Trial(len(trials), decision.params, bracket=decision.bracket, rung=decision.rung)
            trials.append(replace(started, parent=decision.parent))
        elif isinstance(decision, Resume):
            trials[decision.trial] = replace(trials[decision.trial], state=State.RUNNING, rung=decision.rung)
        elif isinstance(decision, Stop):
            trials[decision.trial] = replace(trials[decision.trial], state=State.STOPPED)
        else:
            break
    return decisions


def test_heirs_then_stops_then_the_next_generation():
    """Of ten, two heirs of the best two begin, the worst two are stopped, the others go on; then all are waited for.

    So no parent trains on before its heirs have begun with its checkpoint as it then is.
    """
    values = [0.5, 0.1, 0.9, 0.4, 0.3, 0.2, 0.8, 0.6, 0.7, 0.45]
    decisions = played(Population(interval=3), generation(values), rounds=20)
    heirs, stops, resumes = decisions[:2], decisions[2:4], decisions[4:12]
    assert all(isinstance(heir, Start) and heir.parent in {1, 5} and heir.rung == 1 for heir in heirs)
    assert all(heir.until == 3 for heir in heirs)
    assert [stop.trial for stop in stops] == [2, 6]
    assert [resume.trial for resume in resumes] == [0, 1, 3, 4, 5, 7, 8, 9]
    assert all(resume.until == 6 and resume.rung == 1 for resume in resumes)
    assert decisions[12:] == [WAIT]


def test_an_heir_trains_for_what_is_left():
    """An heir born after 6 of 8 epochs trains for 2 of its own, and is then stopped: its lineage is complete."""
    trials = generation([0.1, 0.2], rung=1, epochs=6)
    heir, stop, resume, wait = played(Population(size=2, interval=3), trials, rounds=4, max_epochs=8)
    assert (heir.parent, heir.until, heir.rung) == (0, 2, 2)
    assert (stop.trial, resume.trial, resume.until, wait) == (1, 0, 8, WAIT)
    trials[0] = replace(trials[0], state=State.COMPLETE, curve=(0.1,) * 8)
    trials[2] = replace(trials[2], state=State.PAUSED, curve=(0.05,) * 2)
    assert played(Population(size=2, interval=3), trials, rounds=2, max_epochs=8, n_trials=3) == [
        Stop(2, {"rung": 2, "epochs": 8, "of": 2, "rank": 1}),
        DONE,
    ]


def test_whoever_failed_is_replaced():
    """With more failures than the replaced share, each failed trial has an heir, and nobody alive makes place."""
    decisions = played(Population(size=5, interval=3), generation([None, 0.2, None, 0.4, None]), rounds=20)
    kinds = Counter(type(decision).__name__ for decision in decisions)
    assert kinds == {"Start": 3, "Resume": 2, "Wait": 1}
    assert {decision.parent for decision in decisions[:3]} == {1}


def test_without_trials_left_nobody_is_replaced():
    """When n_trials is reached all members train on; with one trial left only the worst makes place."""
    assert [type(d) for d in played(Population(size=3), generation([1, 2, 3]), rounds=9, n_trials=3)[:-1]] == [
        Resume
    ] * 3
    values = list(range(1, 11))
    decisions = played(Population(interval=3), generation(values), rounds=20, n_trials=11)
    assert [type(decision) for decision in decisions[:3]] == [Start, Stop, Resume]
    assert decisions[1].trial == 9


def fall(seed):
    """Curves that fall, each to a limit of its own."""
    return lambda number, epoch: float(np.random.default_rng((seed, number)).random() + 1 / epoch)


@pytest.mark.parametrize(("size", "interval", "replaced"), [(1, 1, 0.2), (4, 4, 0.5), (5, 2, 0.0)])
def test_a_generation_waits_for_all(size, interval, replaced):
    """Any size and interval, failing trials included: the order of completion does not change the search."""

    def curve(number, epoch):
        return inf if (number + epoch) % 7 == 0 else fall(2)(number, epoch)

    scheduler = Population(size, interval, replaced)
    one = Search(Strategy(Random(), scheduler), SPACE, curve, max_epochs=10, n_trials=15)
    crowd = replace(one, workers=5, pick=np.random.default_rng(1).integers, trials=[], running={}, log=[])
    assert repr(one.run()) == repr(crowd.run())
    assert sorted(one.log) == sorted(crowd.log)
    assert len(one.trials) == 15


def test_populations_follow_one_another():
    """Until n_trials are started a finished population is followed by another; the last one may be smaller."""
    scheduler = Population(size=4, interval=5, replaced=0)
    trials = Search(Strategy(Random(), scheduler), SPACE, fall(1), max_epochs=10, n_trials=10).run()
    assert [trial.bracket for trial in trials] == [0] * 4 + [1] * 4 + [2] * 2
    assert all(trial.state is State.COMPLETE for trial in trials)


def test_an_interrupted_trial_comes_first():
    """A trial paused within a generation is resumed to its end, an heir by its own epochs."""
    founder = Trial(0, {}, State.PAUSED, (1.0,) * 4, rung=1)
    heir = Trial(1, {}, State.PAUSED, (1.0,) * 4, rung=2, parent=0)
    reason = {"rung": 1, "epochs": 6, "interrupted_at": 4}
    assert Population().decide(seen([founder]), np.random.default_rng(0)) == Resume(0, 6, 1, reason)
    reason = {"rung": 2, "epochs": 6, "interrupted_at": 4}
    gone = Trial(0, {}, State.STOPPED, (1.0,) * 6, rung=1)
    assert Population().decide(seen([gone, heir]), np.random.default_rng(0)) == Resume(1, 6, 2, reason)


def explored(scheduler, space, params, draws=200):
    return [scheduler._explore(params, space, np.random.default_rng(k)) for k in range(draws)]


def test_what_an_heir_varies():
    """By default Floats alone: on a log scale times 1.2 or 0.8, on a linear one by a fifth of the range, within it."""
    params = SPACE.decode(np.array([0.5, 0.9, 0.5, 0.1, 0.5]))
    heirs = explored(Population(resample=0), SPACE, params)
    factors = {round(heir["rate"] / params["rate"], 6) for heir in heirs}
    assert factors == {0.8, 1.2}
    assert {round(heir["drop"], 6) for heir in heirs} == {0.35, 0.5}
    assert all({**heir, "rate": 0, "drop": 0} == {**params, "rate": 0, "drop": 0} for heir in heirs)


def test_resampling_draws_anew():
    """With probability `resample` a parameter is drawn anew: always, and it is anywhere in its range."""
    params = SPACE.decode(np.array([0.5, 0.9, 0.5, 0.1, 0.5]))
    rates = [heir["rate"] for heir in explored(Population(resample=1), SPACE, params)]
    coordinates = [SPACE.parameters["rate"].encode(rate) for rate in rates]
    assert min(coordinates) < 0.05
    assert max(coordinates) > 0.95
    kept = [heir["kind"] for heir in explored(Population(resample=1), SPACE, params)]
    assert set(kept) == {"a"}


def test_integers_and_choices_stay_in_the_space():
    """An Int moves by at least one within its bounds, a Choice only by drawing; what becomes active is drawn as well."""
    names = ("layers", "kind")
    params = {"rate": 0.01, "drop": 0.1, "layers": 2, "kind": "a"}
    heirs = explored(Population(explored=names, resample=0), SPACE, params)
    assert {heir["layers"] for heir in heirs} == {1, 3}
    assert {heir["kind"] for heir in heirs} == {"a"}
    heirs = explored(Population(explored=names, resample=1), SPACE, params)
    momenta = {heir["momentum"] for heir in heirs if heir["kind"] == "b"}
    assert len(momenta) > 50
    assert all(SPACE.validate(heir) == heir for heir in heirs)


@pytest.mark.parametrize("parameter", [Int(1, 300, log=True), Int(-5, 5), Int(2, 2), Int(1, 2)])
def test_an_integer_always_moves(parameter):
    """Up or down, every integer moves that way by one or more, unless it is at the end of its range."""
    for value in range(parameter.low, parameter.high + 1):
        up, down = (parameter.decode(moved(parameter, value, by)) for by in (0.2, -0.2))
        assert up > value or value == parameter.high
        assert down < value or value == parameter.low


def lineages(scheduler, *, max_epochs, n_trials):
    """Train the toy of Jaderberg et al., figure 2, with one worker: each trial makes smaller but one of two coordinates.

    Which one is its parameter; heirs begin where their parents are. Returns the best 1.2 - |coordinates|^2 there was.
    """
    space = Space(which=Choice(0, 1))
    trials, at, best = [], [], -inf
    for k in range(10_000):
        history = seen(trials, space=space, max_epochs=max_epochs, n_trials=n_trials)
        decision = scheduler.decide(history, np.random.default_rng((3, k)))
        if decision == DONE:
            return best
        if isinstance(decision, Stop):
            trials[decision.trial] = replace(trials[decision.trial], state=State.STOPPED)
            continue
        if isinstance(decision, Start):
            number, parent = len(trials), decision.parent
            at.append(np.array([0.9, 0.9]) if parent is None else at[parent].copy())
            trials.append(
                Trial(number, decision.params or {"which": number % 2}, bracket=decision.bracket, parent=parent)
            )
        else:
            number = decision.trial
        trial = trials[number]
        for _ in range(decision.until - trial.epochs):
            at[number][trial.params["which"]] *= 0.8
            trial = replace(trial, curve=(*trial.curve, float(at[number] @ at[number])))
        state = State.COMPLETE if decision.until == max_epochs else State.PAUSED
        trials[number] = replace(trial, state=state, rung=decision.rung)
        best = max(best, 1.2 - trial.curve[-1])
    raise AssertionError("it does not end")


def test_a_lineage_does_what_no_single_trial_can():
    """On the toy of the paper fixed settings reach 0.39, whatever the time; with heirs the optimum 1.2 is reached."""
    fixed = lineages(Population(size=4, interval=2, replaced=0), max_epochs=40, n_trials=40)
    assert fixed == pytest.approx(1.2 - 0.81, abs=1e-3)
    trained = lineages(Population(size=4, interval=2, resample=1), max_epochs=40, n_trials=40)
    assert trained > 1.15


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Population(replaced=0.6), "replaced must be at most 0.5, not 0.6"),
        (lambda: Population(size=0), "size must be an integer of at least 1"),
        (lambda: Population(explored="rate"), "explored must be a list of names, not 'rate'"),
        (lambda: Population(interval=5).check(5), "needs max_epochs above 5, not 5"),
        (lambda: Population(explored=["rat"]).check_space(SPACE), "unknown parameter 'rat'. Did you mean 'rate'"),
    ],
)
def test_what_is_wrong_is_named(make, said):
    """A setting out of bounds, too short a horizon, an unknown name: the message says which, and what may be."""
    with pytest.raises(StrategyError, match=said):
        make()


def test_it_survives_json():
    """Names given as a list are kept as a tuple, and equal."""
    assert Population(explored=["rate"]) == Population(explored=("rate",))
