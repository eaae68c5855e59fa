"""MetaMax: who could be best, its rounds, its leader."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import exp, inf, sqrt

import numpy as np
import pytest
from simulator import Search

from strategies import DONE, Float, History, Random, Resume, Space, Start, State, Stop, Strategy, StrategyError, Trial
from strategies.models.hull import upper_corners
from strategies.schedulers.metamax import MetaMax

SPACE = Space(x=Float(0, 1))
RNG = np.random.default_rng(0)


def seen(trials, *, max_epochs=10**6, n_trials=None, budget=None, sign=1):
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(SPACE, tuple(trials), open_trials, max_epochs, n_trials, budget, sign=sign)


def alone(scheduler, value, *, epochs, max_epochs=10**6, n_trials=None, after=lambda trials: None):
    """Search with one worker until `epochs` are spent or it is done, `value(number, epoch)` being the curves.

    `after` sees the trials whenever a new round is about to begin.
    """
    trials, spent = [], 0
    while spent < epochs:
        decision = scheduler.decide(seen(trials, max_epochs=max_epochs, n_trials=n_trials), RNG)
        if decision == DONE:
            break
        if isinstance(decision, Stop):
            trials[decision.trial] = replace(trials[decision.trial], state=State.STOPPED)
            continue
        if trials and decision.rung > max(trial.rung for trial in trials):
            after(trials)
        if isinstance(decision, Start):
            trials.append(Trial(len(trials), {}))
        trial = trials[-1 if isinstance(decision, Start) else decision.trial]
        new = tuple(value(trial.number, epoch) for epoch in range(trial.epochs + 1, decision.until + 1))
        state = State.COMPLETE if decision.until == max_epochs else State.PAUSED
        trials[trial.number] = replace(trial, curve=trial.curve + new, state=state, rung=decision.rung)
        spent += len(new)
    return trials


def climbs(seed):
    """Curves that fall from 1 to a limit of their own, 0 for one in twenty, at a rate of their own."""

    def value(number, epoch):
        rng = np.random.default_rng((seed, number))
        limit, rate = 0.0 if rng.random() < 0.05 else rng.uniform(0.1, 0.9), rng.uniform(0.02, 0.3)
        return limit + (1 - limit) * exp(-rate * epoch)

    return value


def test_the_worked_example():
    """Six instances after 39 steps: 0, 1, 3 and 5 could be best; 2 lies under the hull, 4 is dominated."""
    steps, values = (1, 2, 4, 8, 8, 16), (0.30, 0.50, 0.55, 0.70, 0.60, 0.72)
    weights = [exp(-n / sqrt(sum(steps))) for n in steps]
    assert [round(weight, 3) for weight in weights] == [0.852, 0.726, 0.527, 0.278, 0.278, 0.077]
    assert upper_corners(list(zip(weights, values, strict=True))) == [5, 3, 1, 0]
    trials = [
        Trial(i, {}, State.PAUSED, (1 - f,) * n, rung=20) for i, (n, f) in enumerate(zip(steps, values, strict=True))
    ]
    trials[5] = replace(trials[5], rung=21)  # it closed the last round
    stepped = []
    while len(stepped) < 4:
        decision = MetaMax("k", instances=6).decide(seen(trials), RNG)
        stepped.append(decision.trial)
        trials[decision.trial] = replace(trials[decision.trial], state=State.RUNNING, rung=decision.rung)
    assert stepped == [0, 1, 3, 5]


def wins_somewhere(i, points):
    """Whether for some c > 0 point i has strictly more value + c weight than every different point: by its interval."""
    low, high = Fraction(0), None
    for weight, value in points:
        if (weight, value) == points[i]:
            continue
        dw, dv = points[i][0] - weight, points[i][1] - value  # it must hold that dv + c dw > 0
        if dw == 0 and dv <= 0:
            return False
        if dw > 0:
            low = max(low, Fraction(-dv, dw))
        elif dw < 0:
            bound = Fraction(dv, -dw)
            high = bound if high is None else min(high, bound)
    return high is None or low < high


def test_corners_are_those_that_win_for_some_constant():
    """On random integer points, full of ties and of points on one line, the corners are those of the definition."""
    rng = np.random.default_rng(3)
    for _ in range(500):
        size = int(rng.integers(1, 12))
        points = [tuple(map(int, point)) for point in rng.integers(0, rng.integers(2, 9), (size, 2))]
        expected = [i for i in range(size) if wins_somewhere(i, points) and points.index(points[i]) == i]
        corners = upper_corners(points)
        assert sorted(corners) == expected
        assert corners == sorted(corners, key=lambda i: (-points[i][1], points[i][0]))
    assert upper_corners([]) == []


def test_corners_do_not_depend_on_the_units_of_values():
    """An increasing affine change of the values leaves the corners as they were."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        weights, values = rng.random(20), rng.random(20)
        plain = upper_corners(list(zip(weights, values, strict=True)))
        assert plain == upper_corners(list(zip(weights, 1024 * values + 7, strict=True)))


@pytest.mark.parametrize("variant", ["infinite", "metamax"])
def test_rounds_and_their_bounds(variant):
    """A round of "infinite" makes one first step, and t <= r(r+1)/2 steps are made in r of them.

    The best of "metamax" has made at least (sqrt(2t + 7) - 1) / 2 of the t steps before another start.
    """
    rounds = []

    def after(trials):
        steps = sorted(trial.epochs for trial in trials)
        best = min(trials, key=lambda trial: (trial.value, -trial.epochs))
        rounds.append((len(trials), sum(steps), best.epochs))
        if variant == "infinite":
            assert rounds[-1][0] == len(rounds)
            assert sum(steps) <= len(rounds) * (len(rounds) + 1) / 2

    trials = alone(MetaMax(variant, instances=10**4), climbs(1), epochs=1000, after=after)
    assert len(trials) > 80
    if variant == "metamax":
        ahead = [row for row, following in pairwise(rounds) if following[0] > row[0]]
        assert len(ahead) > 80
        assert all(best >= (sqrt(2 * total + 7) - 1) / 2 for _, total, best in ahead)


def test_a_new_leader_catches_up():
    """Before another instance starts, the best one has made strictly more steps than any other."""
    scheduler, trials, changes = MetaMax(instances=10**4), [], 0
    value = climbs(2)
    while sum(trial.epochs for trial in trials) < 400:
        decision = scheduler.decide(seen(trials), RNG)
        if isinstance(decision, Start):
            if len(trials) > 1:
                best = min(trials, key=lambda trial: (trial.value, -trial.epochs))
                assert all(best.epochs > other.epochs for other in trials if other is not best)
            trials.append(Trial(len(trials), {}))
        changes += "overtakes" in decision.reason
        trial = trials[-1 if isinstance(decision, Start) else decision.trial]
        curve = (*trial.curve, value(trial.number, trial.epochs + 1))
        trials[trial.number] = replace(trial, curve=curve, state=State.PAUSED, rung=decision.rung)
    assert changes > 0


def test_starts_are_few_and_the_best_is_trained():
    """With 5 % of starts that reach the optimum, some 8 % of the steps are first steps, and t is about 0.03 r^2."""
    trials = alone(MetaMax("infinite", instances=10**4), climbs(5), epochs=2000)
    assert 0.04 < len(trials) / 2000 < 0.2
    assert 0.01 < 2000 / len(trials) ** 2 < 0.1
    assert min(trial.value for trial in trials) < 0.02
    assert max(trials, key=lambda trial: trial.epochs).value < 0.02


def test_one_instance_is_one_run_after_another():
    """With room for one instance, each trains to the end before the next one starts."""
    for variant in ("metamax", "infinite", "k"):
        trials = alone(MetaMax(variant, instances=1), climbs(0), epochs=100, max_epochs=10, n_trials=5)
        assert [trial.state for trial in trials] == [State.COMPLETE] * 5


def test_no_more_than_the_instances_are_alive():
    """To make room, the worst that cannot be best is stopped; with "k" another starts only when one is complete."""
    for variant, stops in (("metamax", True), ("k", False)):
        alive = []
        trials = alone(
            MetaMax(variant, instances=4),
            climbs(3),
            epochs=300,
            max_epochs=20,
            after=lambda trials, alive=alive: alive.append(sum(not trial.state.ended for trial in trials)),
        )
        assert max(alive) == 4
        assert len(trials) > 10
        assert any(trial.state is State.STOPPED for trial in trials) == stops


def test_the_end_of_starts():
    """When all are started, who cannot be best is stopped, and the others train to the end; under a budget all do."""
    trials = alone(MetaMax(), climbs(6), epochs=10**6, max_epochs=30, n_trials=20)
    assert {trial.state for trial in trials} == {State.COMPLETE, State.STOPPED}
    assert min(trials, key=lambda trial: trial.value).state is State.COMPLETE
    assert sum(trial.epochs for trial in trials) < 300
    search = Search(Strategy(Random(), MetaMax()), SPACE, climbs(6), max_epochs=30, n_trials=6, budget=1000)
    assert [trial.state for trial in search.run()] == [State.COMPLETE] * 6


def griewank(seed, length):
    """The curves of hill climbers on the 2-D Griewank function, each from a start of its own."""
    curves = {}

    def value(number, epoch):
        if number not in curves:
            rng = np.random.default_rng((seed, number))
            at, best, curve = rng.uniform(-100, 100, 2), inf, []
            for _ in range(length):
                new = at + rng.normal(0, 2, 2)
                found = 1 + new @ new / 4000 - np.cos(new[0]) * np.cos(new[1] / sqrt(2))
                at, best = (new, float(found)) if found < best else (at, best)
                curve.append(best)
            curves[number] = curve
        return curves[number][epoch - 1]

    return value


def test_griewank_beats_restarts_of_fixed_length():
    """On Griewank's function hill climbers under MetaMax reach a lower minimum than restarts every 5 or 20 steps."""
    found, restarted = [], {5: [], 20: []}
    for seed in range(5):
        value = griewank(seed, 500)
        found.append(min(trial.value for trial in alone(MetaMax(), value, epochs=400)))
        for length, best in restarted.items():
            best.append(min(value(number, length) for number in range(400 // length)))
    assert np.mean(found) < 0.8 * min(np.mean(best) for best in restarted.values())


@pytest.mark.parametrize("variant", ["metamax", "infinite", "k"])
@pytest.mark.parametrize(("step", "instances", "smooth"), [(1, 3, 3), (3, 5, 1)])
def test_a_round_does_not_depend_on_who_is_first(variant, step, instances, smooth):
    """Steps of several epochs, few instances and failing trials: any order of completion gives the same search."""

    def curve(number, epoch):
        return inf if (number * 7 + epoch) % 31 == 0 else climbs(8)(number, epoch)

    scheduler = MetaMax(variant, step, instances, smooth)
    one = Search(Strategy(Random(), scheduler), SPACE, curve, max_epochs=10, n_trials=15)
    crowd = replace(one, workers=5, pick=np.random.default_rng(1).integers, trials=[], running={}, log=[])
    assert repr(one.run()) == repr(crowd.run())
    assert sorted(one.log) == sorted(crowd.log)
    assert all(trial.epochs % step == 0 or trial.epochs == 10 for trial in one.trials if trial.state is State.STOPPED)


def test_an_interrupted_trial_comes_first():
    """A trial paused between two steps is resumed to the end of its step, in its round."""
    trials = [Trial(0, {}, State.PAUSED, (1.0,) * 3, rung=1), Trial(1, {}, State.PAUSED, (1.0,) * 2, rung=1)]
    decision = MetaMax(step=3).decide(seen(trials), RNG)
    assert decision == Resume(1, 3, 1, {"rung": 1, "interrupted_at": 2})


def test_smoothing_judges_by_means():
    """One lucky epoch makes nobody best when means of three epochs count."""
    lucky = Trial(0, {}, State.PAUSED, (1.0, 1.0, 0.1, 1.0), rung=3)
    steady = Trial(1, {}, State.PAUSED, (0.9, 0.5, 0.5, 0.5), rung=3)
    for smooth, best in ((1, 0), (3, 1)):
        decision = MetaMax("k", instances=2, smooth=smooth).decide(seen([lucky, steady]), RNG)
        assert decision.trial == best


def test_the_worst_value_is_in_the_users_units():
    """A user who maximises says that accuracy 0.1 is as bad as chance; what is worse than any value seen counts."""
    good = Trial(0, {}, State.PAUSED, (-0.5, -0.6), rung=1)
    fair = Trial(1, {}, State.PAUSED, (-0.52,), rung=0)
    new = Trial(2, {}, State.RUNNING, rung=2)
    told = MetaMax("infinite", worst=0.1).decide(seen([good, fair, new], sign=-1), RNG)
    assert told.trial == 1
    untold = MetaMax("infinite").decide(seen([good, fair, new], sign=-1), RNG)
    assert untold.trial == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"variant": "inf"}, "variant must be one of 'metamax', 'infinite', 'k', not 'inf'"),
        ({"step": 0}, "step must be an integer of at least 1, not 0"),
        ({"instances": 0}, "instances must be an integer of at least 1, not 0"),
        ({"worst": inf}, "worst must be a finite number, not inf"),
    ],
)
def test_wrong_settings_are_named(wrong, said):
    """A setting out of bounds raises a StrategyError that says which, and what it may be."""
    with pytest.raises(StrategyError, match=said):
        MetaMax(**wrong)
