"""Threshold: a bar that the user sets."""

from dataclasses import replace

import pytest

from strategies import Float, History, Space, StrategyError, Trial
from strategies.stoppers.threshold import Threshold

HISTORY = History(Space(x=Float(0, 1)), (), {}, 100)


def stopped_at(stopper, curve, history=HISTORY):
    """The epoch after which the stopper ends the trial, if it does."""
    for epoch in range(1, len(curve) + 1):
        if verdict := stopper.verdict(Trial(7, {}, curve=curve[:epoch]), history):
            assert verdict.trial == 7
            assert verdict.reason["epoch"] == epoch
            return epoch
    return None


@pytest.mark.parametrize(
    ("stopper", "curve", "epoch"),
    [
        (Threshold(0.5), (0.6, 0.1), 1),
        (Threshold(0.5), (0.5, 0.9), None),
        (Threshold(0.5, epoch=3), (0.9, 0.8, 0.6, 0.1), 3),
        (Threshold(0.5, epoch=3), (0.9, 0.4, 0.6, 0.7), None),
        (Threshold(0.5, epoch=3), (0.9, 0.8), None),
        (Threshold(-1, epoch=1), (0.0,), 1),
        (Threshold(), (1e300, 1e300), None),
    ],
)
def test_worked_curves(stopper, curve, epoch):
    """A trial ends at the given epoch if none of its values up to then equals or betters the bar."""
    assert stopped_at(stopper, curve) == epoch


def test_the_bar_is_in_the_users_units():
    """Where the user maximises an accuracy, values inside are its negative, and the bar is the accuracy."""
    maximised = replace(HISTORY, sign=-1)
    assert stopped_at(Threshold(0.9, epoch=2), (-0.5, -0.8), maximised) == 2
    assert stopped_at(Threshold(0.9, epoch=2), (-0.5, -0.95), maximised) is None


def test_the_reason_tells_the_bar():
    """The reason holds the epoch, the best value, the bar and the epoch by which it was to be reached."""
    verdict = Threshold(0.9).verdict(Trial(0, {}, curve=(-0.5,)), replace(HISTORY, sign=-1))
    assert verdict.reason == {"epoch": 1, "best": -0.5, "cut_off": -0.9, "by": 1}


@pytest.mark.parametrize(
    "settings", [{"epoch": 0}, {"epoch": 1.0}, {"value": float("nan")}, {"value": float("inf")}, {"value": "0.5"}]
)
def test_settings_that_cannot_be(settings):
    """A finite number, and an epoch from the first on."""
    with pytest.raises(StrategyError, match=next(iter(settings))):
        Threshold(**settings)
