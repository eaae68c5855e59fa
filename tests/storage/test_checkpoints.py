"""Checkpoints: there as long as a trial can go on, gone when it cannot, and never trusted when damaged."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from crew import Hand, new_study, train
from evidence import change, rows

from storage.codec import encode
from storage.errors import CheckpointError
from storage.exchange.recording import KEPT_BEST
from storage.exchange.work import Checkpoint, Measurement, Progress, Report
from storage.questions.queries import read_state
from strategies import (
    DONE,
    STRATEGIES,
    WAIT,
    Float,
    Grid,
    Random,
    Scheduler,
    Space,
    Start,
    State,
    Strategy,
    SuccessiveHalving,
)

HALVING = Strategy(Grid(), SuccessiveHalving(eta=2))


def kept(url):
    """The epochs of the checkpoints there are, by trial."""
    return dict(rows(url, "SELECT trial, epoch FROM checkpoints ORDER BY trial"))


def ended(claim, outcome, *values):
    """The report of a trial with a curve of one's choice, and a checkpoint."""
    new = [Measurement(epoch, value, None, 1.0) for epoch, value in enumerate(values, 1)]
    state = Checkpoint(len(values), encode({"trial": claim.job.trial}))
    return Report(Progress(claim, values, 1.0, new, state), outcome)


def test_paused_and_running_trials_keep_theirs(url):
    """As long as a trial may be trained on its last checkpoint is there, and only the last."""
    hand = Hand(url, new_study(url, HALVING, max_epochs=8))
    claims = hand.exchange(jobs=3)
    hand.worklist.record([train(claims[0], 1, checkpointed=True)])
    hand.exchange([hand.report(claims[1])], jobs=0)
    assert kept(url) == {0: 1, 1: 1}
    hand.exchange([hand.report(claims[0]), hand.report(claims[2])], jobs=0)
    assert kept(url) == {0: 1, 1: 1, 2: 1}
    hand.work()
    assert rows(url, "SELECT count(*) FROM jobs WHERE from_epoch > 0")[0][0] > 2


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_ended_trials_the_best_are_kept(direction, url):
    """Whatever the order in which trials end, the best KEPT_BEST complete or stopped ones keep their checkpoints.

    Failed and discarded ones keep none, however good.
    """
    n = 4 * KEPT_BEST
    hand = Hand(url, new_study(url, n_trials=n, direction=direction))
    claims = list(hand.exchange(jobs=n).values())
    outcomes = [State.COMPLETE, State.STOPPED, State.FAILED, State.DISCARDED]
    values = np.random.default_rng(0).permutation(n) // 2  # with ties, which go to the lower number
    for place in np.random.default_rng(1).permutation(n):
        claim = claims[place]
        hand.exchange([ended(claim, outcomes[place % 4], float(values[place]), float(values[place]))], jobs=0)
    sign = -1 if direction == "maximize" else 1
    usable = sorted((sign * values[i], i) for i in range(n) if i % 4 < 2)
    assert set(kept(url)) == {number for _, number in usable[:KEPT_BEST]}


def test_a_stopped_trial_makes_room(url):
    """The scheduler's stops free checkpoints like any other end."""
    hand = Hand(url, new_study(url, HALVING, n_trials=9, max_epochs=2, direction="maximize"))
    hand.work()
    states = dict(rows(url, "SELECT state, count(*) FROM trials GROUP BY state"))
    assert states["stopped"] >= 4
    best = rows(url, "SELECT number FROM trials WHERE state IN ('complete', 'stopped') ORDER BY value DESC, number")
    assert set(kept(url)) == {number for (number,) in best[:KEPT_BEST]}


@pytest.mark.parametrize(
    "damage", ["data = substr(data, 1, length(data) - 1)", "data = substr(data, 1, 20)", "sha256 = 'none'"]
)
def test_a_damaged_checkpoint_is_not_loaded(damage, url):
    """Bytes that are not those that were written raise CheckpointError, whoever reads them, and nobody claims the job."""
    study = new_study(url, n_trials=1)
    hand = Hand(url, study)
    claim = hand.one()
    hand.worklist.release([train(claim, 2, checkpointed=True)])
    change(url, f"UPDATE checkpoints SET {damage}")
    with pytest.raises(CheckpointError, match="trial 0 does not match its SHA-256"):
        hand.exchange()
    with pytest.raises(CheckpointError, match="trial 0 does not match its SHA-256"):
        read_state(hand.database, study, 0)
    assert rows(url, "SELECT state, worker FROM jobs") == [("ready", None)]


@dataclass(frozen=True)
class Heir(Scheduler):
    """Trial 0 is trained to the middle; then a child goes on from there with params of its own."""

    summary = "Lets a child inherit."
    resumes = True

    def decide(self, history, rng):
        if not history.trials:
            return Start(2)
        if any(trial.state is State.RUNNING for trial in history.open.values()):
            return WAIT
        if len(history.trials) == 1:
            return Start(history.max_epochs, parent=0, params={"x": 0.25})
        return DONE


def test_a_child_inherits_its_parents_state(url, monkeypatch):
    """A start with a parent begins at epoch 0 of its own curve, with the parent's state and the params it was given.

    It begins there again when its worker dies before the first checkpoint; the parent keeps what it has.
    """
    monkeypatch.setitem(STRATEGIES, "heir", Heir)
    study = new_study(url, Strategy(Random(), Heir()), n_trials=2)
    hand, other = Hand(url, study), Hand(url, study)
    parent = hand.one()
    (child,) = hand.exchange([hand.report(parent)]).values()
    inherited = train(replace(parent, state=None), 2, checkpointed=True).curve
    assert (child.job.trial, child.params, child.epochs, child.curve, child.measured) == (1, {"x": 0.25}, 0, (), 0)
    assert child.seed != parent.seed
    assert child.state["curve"].tolist() == list(inherited)
    assert kept(url) == {0: 2, 1: 0}
    again = other.exchange(dead=[hand.id])[1]
    assert again.state["curve"].tolist() == list(inherited)
    assert rows(url, "SELECT number, parent, epochs FROM trials ORDER BY number") == [(0, None, 2), (1, 0, 0)]


@pytest.mark.parametrize("dies", [False, True])
def test_an_heir_without_an_estate_says_so(dies, url, monkeypatch):
    """Where the parent's state is not kept the claim says so, to a successor too: it is no trial from scratch.

    Nobody else is disinherited: not the parent, nor an heir that has its state.
    """
    monkeypatch.setitem(STRATEGIES, "heir", Heir)
    study = new_study(url, Strategy(Random(), Heir()), n_trials=2)
    hand, other = Hand(url, study), Hand(url, study)
    parent = hand.one()
    if dies:
        heir = hand.exchange([hand.report(parent)])[1]
        assert (heir.parent, heir.disinherited) == (0, None)
    else:
        hand.exchange([hand.report(parent)], jobs=0)
    change(url, "DELETE FROM checkpoints")
    claim = other.exchange(dead=[hand.id] if dies else [])[1]
    assert "begin with the weights of trial 0, of which no checkpoint is kept" in claim.disinherited
    assert (parent.parent, parent.disinherited) == (None, None)


def test_a_state_can_be_read_afterwards(url):
    """The checkpoint of a trial that is among the best is there for whoever wants to use it; of another it is not."""
    study = new_study(url, space=Space(x=Float(0, 0.6)), n_trials=KEPT_BEST + 1)
    hand = Hand(url, study)
    hand.work()
    worst = rows(url, "SELECT number FROM trials ORDER BY value DESC, number DESC")[0][0]
    for number in range(KEPT_BEST + 1):
        found = read_state(hand.database, study, number)
        if number == worst:
            assert found is None
        else:
            assert found[0] == 4
            assert len(found[1]["curve"]) == 4
