"""Hyperband: its brackets with a finite and an infinite horizon, and what they find."""

from collections import Counter
from itertools import groupby
from math import ceil, log2

import numpy as np
import pytest
from alone import alone, choose, paused
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import State, Stop, StrategyError
from strategies.schedulers.brackets import decide
from strategies.schedulers.hyperband import Hyperband
from strategies.schedulers.infinite_hyperband import InfiniteHyperband, halvings, sizes

ALGORITHM_1 = ["81@1 27@3 9@9 3@27 1@81", "34@3 11@9 3@27 1@81", "15@9 5@27 1@81", "8@27 2@81", "5@81"]
TABLE_1 = ["81@1 27@3 9@9 3@27 1@81", "27@3 9@9 3@27 1@81", "9@9 3@27 1@81", "6@27 2@81", "5@81"]


def brackets_of(trials):
    """By bracket, in order: how many trials were trained at least up to each of the epochs that some ended with."""
    found = []
    for _, members in groupby(trials, lambda trial: trial.bracket):
        epochs = [trial.epochs for trial in members]
        found.append(" ".join(f"{sum(each >= until for each in epochs)}@{until}" for until in sorted(set(epochs))))
    return found


@pytest.mark.parametrize(
    ("variant", "expected", "trials", "scratch", "resumed"),
    [
        ("algorithm1", ALGORITHM_1, 143, [405, 363, 351, 378, 405], [297, 276, 279, 324, 405]),
        ("table1", TABLE_1, 128, [405, 324, 243, 324, 405], [297, 243, 189, 270, 405]),
    ],
)
def test_the_tables_of_the_paper(variant, expected, trials, scratch, resumed):
    """R = 81, eta = 3: the brackets of algorithm 1 and of table 1 of Li et al., and what they cost; and so they run."""
    hyperband = Hyperband(variant=variant)
    table = hyperband.table(81)
    assert [str(bracket) for bracket in table] == expected
    assert [bracket.epochs_from_scratch for bracket in table] == scratch
    assert [bracket.epochs_resumed for bracket in table] == resumed
    assert sum(bracket.size for bracket in table) == trials
    run, _ = alone(hyperband, lambda number, epoch: -number / epoch, max_epochs=81, n_trials=trials)
    assert brackets_of(run) == expected
    assert sum(trial.epochs for trial in run) == sum(resumed)
    assert all(trial.state.ended for trial in run)


@pytest.mark.parametrize(("eta", "power", "brackets"), [(3, 5, 6), (3, 10, 11), (9, 5, 6), (10, 3, 4), (10, 9, 10)])
def test_powers_are_exact(eta, power, brackets):
    """s_max is exact where a floating-point logarithm is not; the first bracket has eta^s_max trials of one epoch."""
    table = Hyperband(eta=eta).table(eta**power)
    assert len(table) == brackets
    assert (table[0].size, table[0].rungs[0]) == (eta**power, 1)


def test_every_bracket_trains_some_trial_in_full():
    """Whatever the horizon, every bracket has one rung less than the one before, and a trial that trains in full."""
    for max_epochs in (2, 3, 10, 26, 27, 100, 300, 1000):
        for settings_ in ({}, {"eta": 2}, {"eta": 4}, {"min_epochs": 5}, {"variant": "table1"}):
            table = Hyperband(**settings_).table(max_epochs)
            assert [len(bracket.rungs) for bracket in table] == list(range(len(table), 0, -1))
            assert all(bracket.rungs[-1] == max_epochs and bracket.sizes[-1] >= 1 for bracket in table)
            budget = len(table) * max_epochs  # B of the paper, exceeded by rounding up to whole trials alone
            assert all(bracket.epochs_from_scratch <= budget + sum(bracket.rungs) for bracket in table)


def test_a_cap_on_the_brackets():
    """At most so many brackets: the most aggressive ones are left out, and the others share the smaller budget."""
    assert [str(bracket) for bracket in Hyperband(brackets=3).table(81)] == ["9@9 3@27 1@81", "5@27 1@81", "3@81"]
    assert Hyperband(brackets=9).table(81) == Hyperband().table(81)
    assert Hyperband(min_epochs=9).table(81) == Hyperband(brackets=3).table(81)


def test_brackets_repeat_and_the_target_cuts_the_last():
    """After the last bracket the first one follows again; the number of trials cuts the bracket that is open then."""
    trials, _ = alone(Hyperband(), lambda number, epoch: number, max_epochs=9, n_trials=20 + 9 + 2)
    assert Counter(trial.bracket for trial in trials) == {0: 9, 1: 5, 2: 3, 3: 9, 4: 5}
    assert brackets_of(trials) == ["9@1 3@3 1@9", "5@3 1@9", "3@9", "9@1 3@3 1@9", "5@3 1@9"]
    cut, _ = alone(Hyperband(), lambda number, epoch: number, max_epochs=9, n_trials=11)
    assert brackets_of(cut) == ["9@1 3@3 1@9", "2@3 1@9"]


def test_the_best_trial_trains_in_full_in_every_bracket():
    """With curves nu_i + g(t) that do not cross, the best of each bracket is the one that is trained to the end."""
    limits = np.random.default_rng(5).permutation(22)
    trials, _ = alone(Hyperband(), lambda n, epoch: limits[n] + epoch**-0.5, max_epochs=9, n_trials=17)
    for _, members in groupby(trials, lambda trial: trial.bracket):
        ranked = sorted(members, key=lambda trial: limits[trial.number])
        assert ranked[0].state is State.COMPLETE


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        ({"eta": 1}, "eta must be an integer of at least 2"),
        ({"min_epochs": 0}, "min_epochs must be an integer"),
        ({"variant": "table2"}, "variant must be one of algorithm1, table1, not 'table2'"),
        ({"variant": None}, "variant must be one of"),
        ({"brackets": 1}, "brackets must be an integer of at least 2"),
    ],
)
def test_settings_that_cannot_be(settings_, says):
    """A faulty setting is named, with what it may be."""
    with pytest.raises(StrategyError, match=says):
        Hyperband(**settings_)


def test_a_horizon_with_nothing_to_halve():
    """A horizon of one rung is refused, with the least that gives two."""
    with pytest.raises(StrategyError, match="needs max_epochs of at least 12, not 11"):
        Hyperband(eta=4, min_epochs=3).check(11)
    Hyperband(eta=4, min_epochs=3).check(12)
    with pytest.raises(StrategyError, match="at least 2"):
        InfiniteHyperband().check(1)


# --- infinite horizon ---------------------------------------------------------------------------------------------


def test_the_first_rounds():
    """Figure 9 of Li et al.: how many trials the brackets of rounds 1 … 8 have, and the rungs of round 6."""
    rounds = [list(sizes(k)) for k in range(1, 9)]
    assert rounds == [[2], [2], [2, 4], [2, 4], [2, 4, 8], [2, 4, 8, 16], [2, 4, 8, 16], [2, 4, 8, 16, 32]]
    shapes = [str(halvings(64, size)) for size in rounds[5]]
    assert shapes == ["2@32", "4@8 2@16", "8@2 4@5 2@10", "16@1 8@2 4@4 2@8"]


def test_rounds_follow_and_end():
    """Round by round, bracket by bracket; the last two of a bracket are stopped at its end, no trial is left open."""
    n_trials = 2 + 2 + 6 + 6 + 14 + 30
    trials, _ = alone(InfiniteHyperband(), lambda number, epoch: number, max_epochs=1000, n_trials=n_trials)
    assert brackets_of(trials)[:6] == ["2@1", "2@2", "2@4", "4@1 2@2", "2@8", "4@2 2@4"]
    assert brackets_of(trials)[-4:] == ["2@32", "4@8 2@16", "8@2 4@5 2@10", "16@1 8@2 4@4 2@8"]
    assert {trial.state for trial in trials} == {State.STOPPED}


def test_the_end_of_a_bracket_is_explained():
    """At the last rung nobody is promoted: there is no cut-off."""
    stop = choose(InfiniteHyperband(), paused([0.5, 0.25]), max_epochs=50)
    told = {"rung": 0, "epochs": 1, "rank": 1, "of": 2, "promoted": 0, "cut_off": None, "rivals": [0], "shape": "2@1"}
    assert stop == Stop(1, told)


def test_rounds_go_no_further_than_the_horizon():
    """The round whose longest rung reaches max_epochs is cut there and repeated: 2@27, where it would be 2@32."""
    trials, _ = alone(InfiniteHyperband(), lambda number, epoch: number, max_epochs=27, n_trials=30 + 60)
    last = ["2@27", "4@8 2@16", "8@2 4@5 2@10", "16@1 8@2 4@4 2@8"]
    assert brackets_of(trials)[-8:] == last + last
    assert all(trial.state is (State.COMPLETE if trial.epochs == 27 else State.STOPPED) for trial in trials)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=10), st.sampled_from([0.25, 0.5, 1.0]), st.randoms())
def test_theorem_1(gaps, epsilon, random):
    """With a budget above z_SH successive halving returns a trial within epsilon / 2 of the best (Li et al., theorem 1).

    Curves are nu_i + t^(-1/2); so gamma(t) = t^(-1/2), and gamma^-1(a) is the least t with t^(-1/2) <= a.
    """
    limits = [0.0, *(gap / 8 for gap in sorted(gaps))]  # nu_1 <= nu_2 <= …
    size = len(limits)
    needed = [max(epsilon / 4, (limit - limits[0]) / 2) for limit in limits]
    z = 2 * ceil(log2(size)) * max(i * (1 + ceil(a**-2)) for i, a in enumerate(needed[1:], start=2))
    random.shuffle(limits)
    shape = halvings(z + 1, size)

    class Halvings:
        def decide(self, history, rng):
            return decide(history, lambda _: shape)

    trials, _ = alone(Halvings(), lambda n, t: limits[n] + t**-0.5, max_epochs=10**6, n_trials=size)
    longest = [trial for trial in trials if trial.rung == len(shape.rungs) - 1]
    winner = min(longest, key=lambda trial: (trial.curve[-1], trial.number))
    assert limits[winner.number] - min(limits) <= epsilon / 2


def test_counting_ones():
    """Hyperband beats random search on counting ones (Falkner et al., 2018), where both have as many epochs.

    A trial is 8 bits and 8 probabilities; its loss is minus their sum, each probability estimated by as many draws as the
    trial has epochs: 9 … 729. What counts is the true loss of the trial that looks best in full.
    """
    regrets = {"hyperband": 0.0, "random": 0.0}
    table = Hyperband(min_epochs=9).table(729)
    n_trials, in_full = sum(each.size for each in table), sum(each.epochs_resumed for each in table) // 729
    for seed in range(5):
        rng = np.random.default_rng(seed)
        bits, chances = rng.integers(0, 2, (n_trials, 8)).sum(axis=1), rng.random((n_trials, 8))
        ones = (rng.random((n_trials, 8, 729)) < chances[:, :, None]).cumsum(axis=2).sum(axis=1)
        curves = (-bits[:, None] - ones / np.arange(1, 730)).tolist()
        trials, _ = alone(
            Hyperband(min_epochs=9), lambda n, e, c=curves: c[n][e - 1], max_epochs=729, n_trials=n_trials
        )
        full = [trial.number for trial in trials if trial.state is State.COMPLETE]
        truth = -bits - chances.sum(axis=1)
        regrets["hyperband"] += 16 + truth[min(full, key=lambda n, c=curves: c[n][-1])]
        regrets["random"] += 16 + truth[min(range(in_full), key=lambda n, c=curves: c[n][-1])]
    assert regrets["hyperband"] < regrets["random"]
