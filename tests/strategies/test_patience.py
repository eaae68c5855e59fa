"""Patience: when a plateau ends a trial."""

import pytest

from strategies import Float, History, Patience, Space, StrategyError, Trial

HISTORY = History(Space(x=Float(0, 1)), (), {}, 100)


def stopped_at(stopper, curve):
    """The epoch after which the stopper ends the trial, if it does."""
    for epoch in range(1, len(curve) + 1):
        if verdict := stopper.verdict(Trial(7, {}, curve=curve[:epoch]), HISTORY):
            assert verdict.trial == 7
            assert verdict.reason["epoch"] == epoch
            return epoch
    return None


@pytest.mark.parametrize(
    ("stopper", "curve", "epoch"),
    [
        (Patience(3), (5.0, 4.0, 4.0, 4.5, 4.0, 1.0), 5),
        (Patience(3), (5.0, 4.0, 4.0, 4.5, 3.9, 3.9, 3.9), None),
        (Patience(1), (1.0, 2.0), 2),
        (Patience(2, min_delta=0.5), (3.0, 2.5, 2.4, 1.9, 1.8, 1.7), 6),
        (Patience(2, min_delta=0.5), (3.0, 2.0, 1.0, 0.0), None),
    ],
)
def test_worked_curves(stopper, curve, epoch):
    """A trial ends at the first epoch whose last `epochs` epochs bettered the best before by no more than min_delta."""
    assert stopped_at(stopper, curve) == epoch


def test_the_reason_tells_the_best():
    """The reason holds the epoch, the best value and where it was."""
    verdict = Patience(2).verdict(Trial(0, {}, curve=(3.0, 1.0, 2.0, 1.5)), HISTORY)
    assert verdict.reason == {"epoch": 4, "best": 1.0, "best_epoch": 2, "patience": 2}


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"epochs": 2.0}, {"min_delta": -1}, {"min_delta": float("nan")}])
def test_settings_that_cannot_be(settings):
    """At least one epoch, and a finite tolerance of at least 0."""
    with pytest.raises(StrategyError, match=next(iter(settings))):
        Patience(**settings)
