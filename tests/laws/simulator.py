"""A search without training: decisions are carried out on given curves, jobs end in any order, contracts are checked."""

import json
from dataclasses import dataclass, field, replace

import numpy as np

from strategies import Exhausted, History, Resume, Start, State, Stop, Trial, Wait, told

STEPS = 20_000


@dataclass
class Search:
    """A search in progress; `run` takes it to its end.

    `curve(number, epoch)` is the value of a trial after an epoch, infinity when it fails there. Up to `workers` jobs
    are in flight; `pick(n)` chooses which of n ends next.
    """

    strategy: object
    space: object
    curve: object
    max_epochs: int
    n_trials: int | None = None
    budget: int | None = None
    workers: int = 1
    pick: object = lambda n: 0
    trials: list = field(default_factory=list)
    running: dict = field(default_factory=dict)
    log: list = field(default_factory=list)

    def run(self):
        """Decide and train until DONE; return the trials."""
        for _ in range(STEPS):
            decision = self._decide() if len(self.running) < self.workers else None
            if isinstance(decision, Stop):
                assert self.trials[decision.trial].state is State.PAUSED
                self._put(decision.trial, state=State.STOPPED)
            elif isinstance(decision, Start | Resume) and self._affordable(decision):
                self._open(decision)
            elif self.running:
                self._train(sorted(self.running)[self.pick(len(self.running))])
            else:
                assert not isinstance(decision, Wait), "it waits although nothing is running"
                return self.trials
        raise AssertionError("the search does not end")

    @property
    def history(self):
        """What the strategy sees now."""
        open_trials = {trial.number: trial for trial in self.trials if not trial.state.ended}
        return History(self.space, tuple(self.trials), open_trials, self.max_epochs, self.n_trials, self.budget)

    def _decide(self):
        history = self.history
        before = repr(history)
        rng = lambda: np.random.default_rng((1, len(self.log), 2))  # noqa: E731 - the same numbers twice
        decision = self.strategy.scheduler.decide(history, rng())
        assert self.strategy.scheduler.decide(history, rng()) == decision, "the same history gave another decision"
        assert repr(history) == before, "a decision changed the history"
        if isinstance(decision, Start):
            assert history.may_start
            return self._proposed(decision, history)
        return decision

    def _proposed(self, start, history):
        if start.params is not None and start.params in self.space:
            return start
        number, before = len(self.trials), repr(history)
        try:
            proposal = self.strategy.searcher.propose(number, history, np.random.default_rng((1, number)))
        except Exhausted:
            self.n_trials = number
            return self._decide()
        again = self.strategy.searcher.propose(number, history, np.random.default_rng((1, number)))
        assert repr(proposal) == repr(again), "the same history and generator gave other params"
        assert repr(history) == before, "a proposal changed the history"
        _text(proposal.reason)
        if start.params:
            params = self.space.complete(start.params, proposal.params, np.random.default_rng((1, number, 3)))
            return replace(start, params=params)
        return replace(start, params=proposal.params)

    def _affordable(self, decision):
        if self.budget is None:
            return True
        old = 0 if isinstance(decision, Start) else self.trials[decision.trial].epochs
        promised = sum(until - self.trials[number].epochs for number, until in self.running.items())
        spent = sum(trial.epochs for trial in self.trials)
        return spent + promised + decision.until - old <= self.budget

    def _open(self, decision):
        if isinstance(decision, Start):
            number = len(self.trials)
            params = self.space.validate(decision.params)
            assert list(map(repr, decision.params.items())) == list(map(repr, params.items()))
            started = Trial(number, params, bracket=decision.bracket, rung=decision.rung, parent=decision.parent)
            self.trials.append(started)
        else:
            number = decision.trial
            assert self.trials[number].state is State.PAUSED
            self._put(number, state=State.RUNNING, rung=decision.rung)
        assert self.trials[number].epochs < decision.until <= self.max_epochs
        self.log.append((number, decision.until, _text(decision.reason)))
        self.running[number] = decision.until

    def _train(self, number):
        until = self.running.pop(number)
        while (trial := self.trials[number]).epochs < until:
            value = self.curve(number, trial.epochs + 1)
            trial = self._put(number, curve=(*trial.curve, value))
            if np.isinf(value):
                self._put(number, state=State.FAILED)
                return
            stop = self.strategy.stopper and self.strategy.stopper.verdict(trial, self.history)
            if stop:
                assert stop.trial == number
                _text(stop.reason)
                self._put(number, state=State.STOPPED)
                return
        self._put(number, state=State.COMPLETE if until == self.max_epochs else State.PAUSED)

    def _put(self, number, **changes):
        self.trials[number] = replace(self.trials[number], **changes)
        return self.trials[number]


def _text(reason):
    return json.dumps(told(reason, 1), allow_nan=False, sort_keys=True)
