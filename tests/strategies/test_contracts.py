"""Schedulers that break their contract: whoever keeps the record says so, and by which decision."""

import pytest
from adaptive import FOR_TESTS, Says, SaysBlindly, SaysLately

from strategies import (
    STRATEGIES,
    WAIT,
    Float,
    Ledger,
    Resume,
    Space,
    Start,
    State,
    Stop,
    Strategy,
    StrategyError,
    Tally,
    Targets,
    Trial,
)

SPACE = Space(x=Float(0, 1))
TARGETS = Targets(max_epochs=8, n_trials=2)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name, each in FOR_TESTS.items():
        monkeypatch.setitem(STRATEGIES, name, each)


def record(kind, decisions):
    """The record of a search by a scheduler that says `decisions`: a tally for one that does not look back."""
    strategy = Strategy(scheduler=kind(tuple(decisions)))
    if kind is SaysBlindly:
        return Tally(strategy, SPACE, 3, TARGETS)
    return Ledger(strategy, SPACE, 3, TARGETS, lag=5)


@pytest.mark.parametrize("kind", [Says, SaysLately, SaysBlindly])
@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ([WAIT], "waits although no job is running"),
        ([Start(8), Start(8), Start(8)], "starts a trial beyond the 2 asked for"),
        ([Start(4), Resume(0, 8)], "decided on trial 0, which is"),
        ([Start(4), Stop(0)], "decided on trial 0, which is"),
        ([Resume(3, 8)], "decided on trial 3, which is not open"),
        ([Stop(3)], "decided on trial 3, which is not open"),
        ([Start(0)], "trains trial 0 from epoch 0 to epoch 0"),
        ([Start(9)], "trains trial 0 from epoch 0 to epoch 9, in a study whose trials train for 8 at most"),
    ],
)
def test_a_breach_is_named(kind, decisions, message):
    """To wait for nothing, to start too many, to decide on a trial that runs or on none: StrategyError says which."""
    broken = record(kind, decisions)
    for _ in decisions[1:]:
        broken.enter(broken.decide())
    with pytest.raises(StrategyError, match=message) as caught:
        broken.decide()
    assert str(caught.value).startswith("random+says")


@pytest.mark.parametrize("decision", [Resume(0, 4), Resume(0, 3)])
@pytest.mark.parametrize("kind", [Says, SaysBlindly])
def test_a_job_has_something_to_train(kind, decision):
    """A job that trains nothing is a breach: it would come again for ever."""
    broken = record(kind, [Start(4), decision])
    plan = broken.decide()
    broken.enter(plan)
    trial = Trial(0, plan.params, State.PAUSED, (0.5,) * 4)
    if kind is SaysBlindly:
        broken.close(trial)
    else:
        broken.close_job(0, trial.state, trial.curve)
    with pytest.raises(StrategyError, match=f"from epoch 4 to epoch {decision.until}"):
        broken.decide()
