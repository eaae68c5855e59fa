"""A replay is the search itself: the same decisions on the same curves, epoch for epoch, and never an invented one."""

from math import inf

import numpy as np
import pytest

from strategies import (
    STRATEGIES,
    Choice,
    Float,
    Int,
    Ledger,
    Patience,
    Planned,
    Random,
    Space,
    State,
    Stop,
    Strategy,
    StrategyError,
    SuccessiveHalving,
    Targets,
    Trial,
    parse_strategy,
)
from strategies.recorded import RecordedSpace
from strategies.replay import Recording, replay

SPACE = Space(rate=Float(1e-4, 1, log=True), width=Int(1, 3), kind=Choice("a", "b"))
EPOCHS = 9
SLOW = {name for name, each in STRATEGIES.items() if getattr(each, "slow", False)} | {"curves"}
QUICK = [name for name in STRATEGIES if name not in SLOW | {"grid", "pbt"}]
"""Grids bring points of their own, and populations weights: see below."""


def recorded(n=40, epochs=EPOCHS, seed=0, *, failing=True):
    """Configurations with curves that fall to different values at different speeds; some fail on the way."""
    rng = np.random.default_rng(seed)
    rows = [SPACE.sample(rng) for _ in range(n)]
    curves = []
    for i, row in enumerate(rows):
        end = abs(np.log10(row["rate"]) + 2) + row["width"] / 3
        curve = [float(end + 3 / epoch + 0.1 * rng.normal()) for epoch in range(1, epochs + 1)]
        curves.append(tuple([*curve[: 1 + i % 4], inf] if failing and i % 7 == 3 else curve))
    return Recording(SPACE, rows, curves)


class Trained:
    """The same search, trained step by step: in each step every running trial trains one epoch."""

    def __init__(self, strategy, recording, *, seed=0, n_trials=None, budget=None, workers=1):
        self.recording, self.workers, self.strategy = recording, workers, strategy
        self.space = RecordedSpace(recording.space, recording.rows)
        targets = Targets(recording.max_epochs, n_trials or len(recording.rows), budget)
        self.ledger = Ledger(strategy, self.space, seed, targets, workers)
        self.losses, self.rows = [], []
        running = self.decided([])
        while running:
            ended = [job for job in running if self.ends(job)]
            for job in sorted(ended, key=lambda job: job["number"]):
                running.remove(job)
                curve = [loss for loss in job["curve"] if loss < inf]
                self.ledger.close_job(job["number"], job["outcome"], tuple(curve))
                running = self.decided(running)

    def decided(self, running):
        """Decide for every free worker; return what is running then, by number."""
        while len(running) < self.workers:
            plan = self.ledger.decide()
            if isinstance(plan, Planned | Stop):
                self.ledger.enter(plan)
            if isinstance(plan, Planned):
                trial = self.ledger.trial(plan.job.trial)
                mine = {"number": plan.job.number, "job": plan.job, "params": trial.params, "curve": list(trial.curve)}
                running = [*running, mine]
            elif not isinstance(plan, Stop):
                break
        return running

    def ends(self, mine):
        """Train one epoch; tell whether the job has ended, and note how."""
        job, curve = mine["job"], mine["curve"]
        row = self.space.row(mine["params"])
        curve.append(self.recording.curves[row][len(curve)])
        self.losses.append(curve[-1])
        self.rows.append(row)
        if curve[-1] == inf:
            mine["outcome"] = State.FAILED
        elif len(curve) == job.until:
            mine["outcome"] = State.COMPLETE if job.until == self.recording.max_epochs else State.PAUSED
        elif self.is_stopped(job, mine["params"], tuple(curve)):
            mine["outcome"] = State.STOPPED
        return "outcome" in mine

    def is_stopped(self, job, params, curve):
        stopper = self.strategy.stopper
        trial = Trial(job.trial, params, State.RUNNING, curve, job.bracket, job.rung)
        return stopper is not None and stopper.verdict(trial, self.ledger.seen_by(job)) is not None


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", [*QUICK, "random+full+patience", "tpe+asha+median"])
def test_a_replay_is_the_search_trained(name, workers):
    """Whatever the strategy and the number of workers: the loss after each epoch, the trials and the winner are those of training."""
    strategy, recording = parse_strategy(name), recorded()
    settings = {"seed": 5, "n_trials": 24, "workers": workers}
    found, trained = replay(strategy, recording, **settings), Trained(strategy, recording, **settings)
    assert found.best.tolist() == np.minimum.accumulate(trained.losses).tolist()
    assert found.trials == trained.ledger.n_trials
    assert found.winner == trained.rows[int(np.argmin(trained.losses))]


@pytest.mark.parametrize("name", ["random", "halving", "asha"])
def test_a_budget_bounds_a_replay(name):
    """No more epochs are trained than the budget has, but for those that failed: they ended before they counted."""
    strategy, recording = parse_strategy(name), recorded(failing=False)
    found = replay(strategy, recording, budget=50)
    assert 50 - EPOCHS < found.epochs <= 50
    assert found.best.tolist() == np.minimum.accumulate(Trained(strategy, recording, budget=50).losses).tolist()


def test_a_replay_tries_every_configuration_once():
    """Without a number of trials there are as many as configurations; random search then tries each exactly once."""
    recording = recorded(failing=False)
    found = replay(Strategy(), recording, seed=3)
    assert (found.trials, found.epochs) == (40, 40 * EPOCHS)
    assert found.best[-1] == recording.best
    assert recording.curves[found.winner] == min(recording.curves, key=min)
    assert replay(Strategy(), recording, seed=3, n_trials=10**6).trials == 40


def test_a_worked_replay():
    """Three curves in full by hand: what is best after each epoch, and when a loss was first reached."""
    space = Space(x=Int(0, 2))
    recording = Recording(space, [{"x": 0}, {"x": 1}, {"x": 2}], [(5.0, 4.0), (3.0, inf), (4.5, 1.0)])
    found = replay(Strategy(), recording, workers=3)
    order = [trial["x"] for trial in _order(space, recording)]
    by_time = [recording.curves[x][0] for x in order] + [recording.curves[x][1] for x in order]
    assert found.best.tolist() == np.minimum.accumulate(by_time).tolist()
    assert (recording.max_epochs, recording.best, found.winner) == (2, 1.0, 2)
    assert found.epochs_to(1.0) == 4 + order.index(2)
    assert found.epochs_to(0.5) == inf


def _order(space, recording):
    """The params of the trials in order, as a ledger decides them."""
    ledger = Ledger(Strategy(), RecordedSpace(space, recording.rows), 0, Targets(2, 3), 3)
    while ledger.n_trials < 3:
        ledger.enter(ledger.decide())
    return [ledger.trial(number).params for number in range(3)]


def test_a_search_in_which_everything_fails_has_no_winner():
    """Epochs are spent, nothing is found."""
    recording = Recording(Space(x=Int(0, 2)), [{"x": 0}, {"x": 1}, {"x": 2}], [(inf,), (inf,), (1.0, 1.0)])
    found = [replay(Strategy(), recording, seed=seed, n_trials=1) for seed in range(12)]
    assert {search.winner for search in found} == {None, 2}
    assert all((search.winner is None) == (search.best.tolist() == [inf]) for search in found)


@pytest.mark.parametrize("name", QUICK)
def test_whoever_asks_beyond_the_record_is_told_so(name):
    """On curves cut short after two epochs a replay is refused, with the configuration and how far it was recorded."""
    whole = recorded(failing=False)
    cut = [curve if i == 0 else curve[:2] for i, curve in enumerate(whole.curves)]
    with pytest.raises(StrategyError, match=r"asks for epoch 3 of \{.*\}, which was recorded up to epoch 2: record it"):
        replay(parse_strategy(name), Recording(SPACE, whole.rows, cut))


def test_halving_needs_no_more_of_a_curve_than_it_trains():
    """Curves as a search by halving has left them can be searched by the same halving again."""
    strategy, whole = Strategy(Random(), SuccessiveHalving()), recorded(failing=False)
    trained = Trained(strategy, whole, seed=2)
    epochs = [trained.rows.count(row) for row in range(40)]
    cut = Recording(SPACE, whole.rows, [curve[:n] for curve, n in zip(whole.curves, epochs, strict=True)])
    assert max(epochs) == EPOCHS > min(epochs)
    assert replay(strategy, cut, seed=2).best.tolist() == replay(strategy, whole, seed=2).best.tolist()


def test_inherited_weights_are_refused():
    """A trial that begins with another's weights was not recorded: population-based training is told so."""
    with pytest.raises(
        StrategyError, match=r"begins trial \d+ with the weights of trial \d+: such a curve was not recorded"
    ):
        replay(parse_strategy("pbt"), recorded(failing=False))


def test_a_grid_is_refused():
    """A grid has points of its own: where it has them all, it is told at the first that was not recorded."""
    with pytest.raises(StrategyError, match="resolution for the float 'rate'"):
        replay(parse_strategy("grid"), recorded())
    recording = Recording(Space(x=Int(0, 9)), [{"x": 0}, {"x": 5}], [(1.0,), (2.0,)])
    with pytest.raises(StrategyError, match=r"grid\+full proposes a point that cannot be tried: .* was not recorded"):
        replay(parse_strategy("grid"), recording)


def test_a_stopper_spares_epochs():
    """What a stopper cuts is not spent, and the same trials are tried."""
    recording = recorded(failing=False)
    full = replay(Strategy(), recording)
    spared = replay(Strategy(stopper=Patience(epochs=1)), recording)
    assert spared.trials == full.trials
    assert spared.epochs < full.epochs


@pytest.mark.parametrize(
    ("rows", "curves"), [([{"x": 0}], []), ([], []), ([{"x": 0}], [()])], ids=["no curve", "nothing", "no epoch"]
)
def test_a_recording_has_a_curve_for_each_configuration(rows, curves):
    """Fewer curves than rows, and none with a value, are refused."""
    with pytest.raises(StrategyError, match="needs a learning curve for each"):
        Recording(Space(x=Int(0, 2)), rows, curves)


def test_values_that_no_configuration_has_are_refused():
    """A scheduler that asks for a value of its own is told that no configuration on record has it."""
    space = Space(width=Int(4, 64))
    recording = Recording(space, [{"width": 5}, {"width": 6}], [(1.0,) * EPOCHS] * 2)
    with pytest.raises(StrategyError, match=r"no configuration with \{'width': \d+\} was recorded"):
        replay(parse_strategy("budgeted"), recording)
