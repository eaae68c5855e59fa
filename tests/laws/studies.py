"""A study without training: the engine decides, jobs end in any order on given curves, the record can be read again."""

import json
from dataclasses import dataclass, field, replace
from math import isfinite

from strategies import WAIT, Done, Job, Ledger, Planned, State, Stop, Targets, Trial, told

STEPS = 20_000


@dataclass
class Study:
    """`run` takes it to its end and returns the log of what was decided and why, every loss as a loss.

    `curve(number, epoch)` is the loss of a trial after an epoch, infinity or NaN when it fails there. Up to `workers`
    jobs are in flight; `pick(n)` chooses which of n ends next; `before(study)` is called before every step.
    """

    strategy: object
    space: object
    curve: object
    targets: Targets
    lag: int | None = None
    seed: int = 7
    sign: int = 1
    workers: int = 1
    pick: object = lambda n: 0
    before: object = lambda study: None
    widened: bool = False
    jobs: list[Job] = field(default_factory=list, init=False)
    params: dict = field(default_factory=dict, init=False)
    parents: dict = field(default_factory=dict, init=False)
    ends: dict = field(default_factory=dict, init=False)
    stopped: list[int] = field(default_factory=list, init=False)
    log: list = field(default_factory=list, init=False)
    running: list[Job] = field(default_factory=list, init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self):
        self.ledger = self._empty()

    def run(self):
        """Decide and train until the search is done."""
        for _ in range(STEPS):
            self.before(self)
            if not self.step():
                return self.log
        raise AssertionError("the search does not end")

    def step(self):
        """Take one decision, or let one job end; tell whether there was anything to do."""
        plan = self.ledger.decide() if len(self.running) < self.workers else WAIT
        if isinstance(plan, Planned):
            self._open(plan)
        elif isinstance(plan, Stop):
            self.ledger.enter(plan)
            self.stopped.append(plan.trial)
            self.log.append((plan.trial, "stop", _text(plan.reason)))
        elif self.running:
            self._train(self.running.pop(self.pick(len(self.running))))
        else:
            assert isinstance(plan, Done), "it waits although nothing is running"
            return False
        return True

    def read_again(self):
        """Go on with a ledger made from the record, as a process does that takes over."""
        fresh = self._empty()
        for job in self.jobs:
            if job.trial == fresh.n_trials:
                fresh.start(job.trial, dict(self.params[job.trial]), job.bracket, self.parents[job.trial])
            fresh.open_job(replace(job))
            if job.number in self.ends:
                outcome, curve = self.ends[job.number]
                fresh.close_job(job.number, outcome, tuple(map(float, map(repr, curve))))
        for number in self.stopped:
            fresh.move_trial(number, State.STOPPED)
        self.ledger = fresh

    @property
    def trials(self):
        """What has become of the trials."""
        return [self.ledger.trial(number) for number in range(self.ledger.n_trials)]

    def _empty(self):
        targets, sign, widened = self.targets, self.sign, self.widened
        return Ledger(self.strategy, self.space, self.seed, targets, self.lag, sign=sign, widened=widened)

    def _open(self, plan):
        self.ledger.enter(plan)
        job = plan.job
        self.jobs.append(job)
        self.running.append(job)
        if plan.params is not None:
            assert plan.parent is None or self.ledger.trial(plan.parent).state is State.PAUSED
            assert repr(plan.params) == repr(self.space.validate(plan.params))
            self.params[job.trial], self.parents[job.trial] = plan.params, plan.parent
        self.log.append((job, repr(plan.params), _text(plan.reason)))

    def _train(self, job):
        self.ends[job.number] = self._trained(job)
        self.ledger.close_job(job.number, *self.ends[job.number])

    def _trained(self, job):
        curve = self.ledger.trial(job.trial).curve
        stopper = self.strategy.stopper
        history = self.ledger.seen_by(job) if stopper else None
        for epoch in range(job.from_epoch + 1, job.until + 1):
            value = self.curve(job.trial, epoch)
            if not isfinite(value):
                return State.FAILED, curve
            curve = (*curve, value)
            trial = Trial(job.trial, self.params[job.trial], State.RUNNING, curve, job.bracket, job.rung)
            if stopper and epoch < job.until and (stop := stopper.verdict(trial, history)):
                assert stop.trial == job.trial
                _text(stop.reason)
                return State.STOPPED, curve
        return State.COMPLETE if job.until == self.targets.max_epochs else State.PAUSED, curve


def _text(reason):
    return json.dumps(told(reason, 1), allow_nan=False, sort_keys=True)
