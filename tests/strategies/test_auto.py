"""`auto`: every rule is reachable, and the first that applies decides."""

from math import inf

import pytest

from strategies import AUTO, Circumstances, choose, names, parse_strategy
from strategies.auto import FEW, MANY, QUICK, RULES


def circumstances(**seen):
    """Circumstances in which only the last rule applies, but for those given."""
    return Circumstances(**{"max_epochs": 1, "resumable": False, "n_trials": 60} | seen)


CHOSEN = [
    ({"size": 9}, "grid", "the space has 9 points"),
    ({"size": 60}, "grid", "the space has 60 points"),
    ({"size": 61}, "bayes", "60 trials are"),
    ({"size": 9, "n_trials": 8}, "sobol", "8 trials are too few"),
    ({"size": MANY, "n_trials": 10**6}, "tpe", "so many"),
    ({"size": 9, "n_trials": None}, "grid", "9 points"),
    ({"n_trials": FEW - 1}, "sobol", "9 trials are too few"),
    ({"n_trials": FEW - 1, "resumable": True, "max_epochs": 81}, "sobol", "9 trials"),
    ({"n_trials": None, "budget": 50, "max_epochs": 9}, "sobol", "5 trials"),
    ({"n_trials": None, "epoch_seconds": 2.0, "timeout": 60.0, "max_epochs": 10}, "sobol", "3 trials"),
    ({"n_trials": None, "epoch_seconds": 2.0, "timeout": 60.0, "max_epochs": 10, "workers": 4}, "bayes+median", "10"),
    ({"resumable": True, "max_epochs": 81}, "tpe+asha", "81 epochs can be paused"),
    ({"resumable": True, "max_epochs": 3}, "tpe+asha", "3 epochs can be paused"),
    ({"resumable": True, "max_epochs": 2}, "bayes", "60 trials are"),
    ({"max_epochs": 9}, "bayes+median", "9 epochs cannot be paused"),
    ({"max_epochs": 9, "n_trials": MANY}, "tpe", "so many"),
    ({"n_trials": MANY - 1}, "bayes", "299 trials are"),
    ({"n_trials": MANY}, "tpe", "so many"),
    ({"n_trials": None}, "bayes", "a moderate number of trials are"),
    ({"epoch_seconds": QUICK / 2}, "tpe", "so quick"),
    ({"epoch_seconds": QUICK}, "bayes", "60 trials are"),
    ({}, "bayes", "60 trials are what Bayesian search makes the most of"),
]


@pytest.mark.parametrize(("seen", "strategy", "why"), CHOSEN)
def test_a_rule_is_chosen_in_its_circumstances(seen, strategy, why):
    """Worked examples, on both sides of every bound: the strategy, and a sentence with the numbers that decided."""
    chosen, told = choose(circumstances(**seen))
    assert chosen == parse_strategy(strategy)
    assert told.startswith(f"{strategy}, as ")
    assert why in told
    assert "{" not in told


def test_every_rule_is_reachable():
    """None of the rules is always overruled by one before it."""
    reached = {next(i for i, rule in enumerate(RULES) if rule.applies(circumstances(**seen))) for seen, _, _ in CHOSEN}
    assert reached == set(range(len(RULES)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.strategy)
def test_a_rule_can_be_read_on_its_own(rule):
    """Each names a strategy that exists, when and why, without a number of some search."""
    assert parse_strategy(rule.strategy)
    assert rule.when
    assert "{" not in rule.reason
    assert "nan" not in rule.reason


def test_something_is_chosen_whatever_the_circumstances():
    """The rules leave no gap."""
    for size in (1, 5, MANY, inf):
        for n_trials in (None, 1, FEW, MANY):
            for resumable in (False, True):
                for max_epochs in (1, 2, 3, 81):
                    seen = Circumstances(max_epochs=max_epochs, resumable=resumable, size=size, n_trials=n_trials)
                    strategy, _ = choose(seen)
                    assert resumable or not strategy.scheduler.resumes


def test_its_name_is_no_strategy_s():
    """`auto` asks for a choice; no strategy takes its name."""
    assert AUTO not in names()
