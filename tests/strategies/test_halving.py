"""Successive halving: its rungs, its brackets, its promotions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from alone import SPACE, alone, choose, paused

from strategies import (
    DONE,
    WAIT,
    History,
    Loss,
    Resume,
    Start,
    State,
    Stop,
    StrategyError,
    SuccessiveHalving,
    Trial,
)
from strategies.schedulers.brackets import Bracket, decide, rungs


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [
        ((81, 3, 1), (1, 3, 9, 27, 81)),
        ((243, 3, 1), (1, 3, 9, 27, 81, 243)),
        ((3**10, 3, 1), tuple(3**i for i in range(11))),
        ((9**5, 9, 1), tuple(9**i for i in range(6))),
        ((10**3, 10, 1), (1, 10, 100, 1000)),
        ((10**9, 10, 1), tuple(10**i for i in range(10))),
        ((300, 4, 1), (1, 5, 19, 75, 300)),
        ((100, 3, 1), (1, 4, 11, 33, 100)),
        ((81, 3, 9), (9, 27, 81)),
        ((81, 3, 10), (27, 81)),
        ((2, 3, 1), (2,)),
        ((5, 3, 6), (5,)),
    ],
)
def test_worked_rungs(horizon, expected):
    """Powers of eta below max_epochs, exact where floating-point logarithms are not, rounded where not whole."""
    assert rungs(*horizon) == expected


def test_rungs_of_every_horizon():
    """Rungs rise strictly from min_epochs or more to max_epochs, each about eta times the one before."""
    for max_epochs in range(1, 300):
        for eta in (2, 3, 4, 7):
            for min_epochs in (1, 2, 5):
                found = rungs(max_epochs, eta, min_epochs)
                assert found[-1] == max_epochs
                assert len(found) == 1 or found[0] >= min_epochs
                assert len(found) == max(1, sum(min_epochs * eta**k <= max_epochs for k in range(10)))
                exact = [max_epochs / eta**k for k in reversed(range(len(found)))]
                assert all(abs(a - b) <= 0.5 for a, b in zip(found, exact, strict=True))
                assert list(found) == sorted(set(found))


def test_the_table_of_the_paper():
    """R = 81, eta = 3 (Li et al., table 1, s = 4): 81@1 27@3 9@9 3@27 1@81; 405 epochs from scratch, 297 resumed."""
    trials, jobs = alone(SuccessiveHalving(), lambda number, epoch: number / epoch, max_epochs=81, n_trials=81)
    assert jobs == {1: 81, 3: 27, 9: 9, 27: 3, 81: 1}
    assert sum(until * n for until, n in jobs.items()) == 405
    assert sum(trial.epochs for trial in trials) == 297
    assert trials[0].state is State.COMPLETE
    assert Counter(trial.state for trial in trials) == {State.COMPLETE: 1, State.STOPPED: 80}


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        (Bracket(34, (3, 9, 27, 81), 3), {3: 34, 9: 11, 27: 3, 81: 1}),
        (Bracket(15, (9, 27, 81), 3), {9: 15, 27: 5, 81: 1}),
        (Bracket(8, (27, 81), 3), {27: 8, 81: 2}),
        (Bracket(5, (81,), 3), {81: 5}),
        (Bracket(27, (3, 9, 27, 81), 3), {3: 27, 9: 9, 27: 3, 81: 1}),
        (Bracket(6, (27, 81), 3), {27: 6, 81: 2}),
    ],
)
def test_brackets_of_any_shape(shape, counts):
    """The other brackets of R = 81, eta = 3: by algorithm 1 of Li et al., and by their table 1."""

    class One:
        def decide(self, history, rng):
            return decide(history, lambda _: shape)

    assert alone(One(), lambda number, epoch: number / epoch, max_epochs=81, n_trials=shape.size)[1] == counts


def test_the_best_of_curves_that_do_not_cross_wins():
    """With curves nu_i + g(t) the one trial that is trained to the end is the best of its bracket."""
    limits = np.random.default_rng(5).permutation(27)
    trials, _ = alone(SuccessiveHalving(), lambda n, epoch: limits[n] + epoch**-0.5, max_epochs=27, n_trials=27)
    assert [trial.number for trial in trials if trial.state is State.COMPLETE] == [int(np.argmin(limits))]


def test_brackets_follow_one_another():
    """Trials of a bracket are consecutive, and brackets are numbered from 0; the last may hold fewer."""
    trials, _ = alone(SuccessiveHalving(trials=4), lambda number, epoch: number, max_epochs=9, n_trials=10)
    assert [trial.bracket for trial in trials] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [trial.number for trial in trials if trial.state is State.COMPLETE] == [0, 4, 8]


def test_a_raised_target_opens_a_new_bracket():
    """A bracket that was cut short by the target and has promoted takes no further trials; one that has not does."""
    settled = [
        Trial(0, {}, State.COMPLETE, (1.0,) * 9, rung=2),
        Trial(1, {}, State.STOPPED, (2.0,)),
    ]
    assert choose(SuccessiveHalving(), settled, n_trials=20).bracket == 1
    waiting = [Trial(0, {}, State.PAUSED, (1.0,)), Trial(1, {}, State.PAUSED, (2.0,))]
    decision = choose(SuccessiveHalving(), waiting, n_trials=20)
    assert decision == Start(1, 0, reason={"rung": 0, "epochs": 1, "place": 3, "of": 9, "shape": "9@1 3@3 1@9"})


def test_reasons_explain_a_rung():
    """Promotions from the best down, then stops; rank, cut-off and rivals are told the same whatever happens meanwhile.

    Rivals are the three nearest in the ranking, here 1, 4, 2, 0, 5, 3: the nearest first, the better of two as near.
    """
    trials = paused([0.7, 0.3, 0.5, 0.9, 0.3, 0.8])
    halving, shape = SuccessiveHalving(trials=6), {"shape": "6@1 2@3 1@9"}
    told = {"rung": 0, "epochs": 1, "of": 6, "promoted": 2, "cut_off": 0.3} | shape
    assert choose(halving, trials) == Resume(1, 3, 1, told | {"rank": 1, "rivals": [4, 2, 0]})
    assert isinstance(choose(halving, trials).reason["cut_off"], Loss)
    trials[1] = replace(trials[1], state=State.FAILED, rung=1)  # it fails before the rung is settled
    assert choose(halving, trials) == Resume(4, 3, 1, told | {"rank": 2, "rivals": [1, 2, 0]})
    trials[4] = replace(trials[4], state=State.RUNNING, rung=1)
    rivals = {2: [4, 0, 1], 0: [2, 5, 4], 5: [0, 3, 2], 3: [5, 0, 2]}
    for rank, (number, near) in enumerate(rivals.items(), start=3):
        assert choose(halving, trials) == Stop(number, told | {"rank": rank, "rivals": near})
        trials[number] = replace(trials[number], state=State.STOPPED)
    assert choose(halving, trials) == Start(1, 1, reason={"rung": 0, "epochs": 1, "place": 1, "of": 6} | shape)


def test_failed_trials_keep_their_place():
    """Failed trials and those stopped on the way count in the rung, but are neither promoted nor stopped again."""
    trials = paused([0.5, 0.1, 0.2, 0.6, 0.7, 0.8])
    trials[1] = replace(trials[1], state=State.FAILED)
    trials[2] = replace(trials[2], state=State.STOPPED)
    decision = choose(SuccessiveHalving(trials=6), trials)
    assert (decision.trial, decision.reason["of"], decision.reason["promoted"]) == (0, 6, 2)
    doomed = [replace(trial, state=State.FAILED) for trial in trials]
    assert choose(SuccessiveHalving(trials=6), doomed, n_trials=6) == DONE
    assert choose(SuccessiveHalving(trials=6), doomed).bracket == 1


def test_an_infinite_cut_off_is_null():
    """Infinity, which JSON does not know, is told as None."""
    decision = choose(SuccessiveHalving(trials=3), paused([float("inf")] * 3))
    assert isinstance(decision, Resume)
    assert decision.reason["cut_off"] is None


def test_a_rung_waits_for_all_of_it():
    """Nobody is promoted while one trial of the rung is running; younger brackets and new trials go on meanwhile."""
    old = paused([0.2, 0.1, 0.3])
    old[2] = replace(old[2], state=State.RUNNING)
    halving = SuccessiveHalving(trials=3)
    assert choose(halving, old, n_trials=3) == WAIT
    assert choose(halving, old, n_trials=9).bracket == 1
    young = paused([0.2, 0.1, 0.3], bracket=1, first=3)
    assert choose(halving, old + young, n_trials=9).trial == 4


def test_under_a_budget_brackets_take_turns():
    """With a budget of epochs, younger brackets wait until an older one has ended."""
    old, young = paused([0.2, 0.1, 0.3]), paused([0.2, 0.1, 0.3], bracket=1, first=3)
    old[2] = replace(old[2], state=State.RUNNING)
    halving = SuccessiveHalving(trials=3)
    assert choose(halving, old, budget=99) == WAIT
    assert choose(halving, old + young, budget=99) == WAIT
    growing = [replace(trial, state=State.RUNNING) for trial in old[:2]]
    assert choose(halving, growing, budget=99).bracket == 0


def test_an_interrupted_trial_is_resumed_first():
    """A paused trial short of its rung's epochs is trained up to them before its rung is judged."""
    trials = paused([0.2, 0.1, 0.3])
    trials[1] = replace(trials[1], rung=1)  # promoted to 3 epochs, and cut short after the first
    decision = choose(SuccessiveHalving(trials=3), trials)
    assert decision == Resume(1, 3, 1, {"rung": 1, "epochs": 3, "interrupted_at": 1})


class Counted(Sequence):
    """A sequence that counts how many of its items are read."""

    def __init__(self, items):
        self.items, self.read = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        found = self.items[index]
        self.read += len(found) if isinstance(index, slice) else 1
        return found


def test_a_decision_does_not_read_the_whole_history():
    """Among 100,000 trials a decision reads a few times as many as the open brackets and the newest hold."""
    ended = [Trial(n, {}, State.STOPPED, (1.0,), n // 9) for n in range(99_990)]
    recent = paused([0.1] * 9, bracket=11_110, first=99_990)
    for trials in (ended, ended + recent):
        counted = Counted(trials)
        open_trials = {trial.number: trial for trial in trials[99_990:]}
        history = History(SPACE, counted, open_trials, 9)
        assert isinstance(SuccessiveHalving().decide(history, np.random.default_rng(0)), Start | Resume)
        assert counted.read < 100


def test_the_value_at_the_rung_counts():
    """A rung is judged by the values at its epochs: neither by better ones before, nor by worse ones since."""
    values = {0: [0, 9, 9] + [0] * 6, 1: [5] * 3 + [9] * 6, 2: [6] * 9}
    halving = SuccessiveHalving(min_epochs=3, trials=3)
    trials, _ = alone(halving, lambda n, epoch: values[n][epoch - 1], max_epochs=9, n_trials=3)
    assert [trial.epochs for trial in trials] == [3, 9, 3]


def test_a_changed_horizon_changes_the_rungs():
    """A trial that has reached a rung of the new horizon stands there; one beyond its end stands in the last."""
    trials = [replace(trial, curve=(1.0, 1.0, float(trial.number))) for trial in paused([1.0] * 3)]
    longer = choose(SuccessiveHalving(trials=3), trials, max_epochs=27)  # 3 epochs were rung 0 of 26
    assert (longer.trial, longer.until, longer.rung, longer.reason["of"]) == (0, 9, 2, 3)
    far = [replace(trial, rung=3) for trial in trials]
    assert choose(SuccessiveHalving(trials=3), far, max_epochs=9).until == 9


def test_a_small_bracket_still_promotes_one():
    """With fewer than eta trials in a rung the best goes on: max(1, n // eta)."""
    _, jobs = alone(SuccessiveHalving(eta=4), lambda number, epoch: number, max_epochs=64, n_trials=2)
    assert list(accumulate(jobs.values())) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "settings", [{"eta": 1}, {"eta": 2.5}, {"eta": True}, {"min_epochs": 0}, {"trials": 0}, {"trials": "9"}]
)
def test_settings_that_cannot_be(settings):
    """All are integers: eta of at least 2, the others of at least 1."""
    with pytest.raises(StrategyError, match=f"{next(iter(settings))} must be an integer"):
        SuccessiveHalving(**settings)


def test_a_horizon_with_nothing_to_halve():
    """Fewer than two rungs are refused, with the least max_epochs that gives two."""
    with pytest.raises(StrategyError, match="needs max_epochs of at least 12, not 11"):
        SuccessiveHalving(eta=3, min_epochs=4).check(11)
    SuccessiveHalving(eta=3, min_epochs=4).check(12)
