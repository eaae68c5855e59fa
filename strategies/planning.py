"""From a decision to a job: numbers, params, and the checks that hold a strategy to its contract."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np

from strategies.base import Done, Proposal, Reason, Resume, Start, Stop, Wait
from strategies.errors import Exhausted, SpaceError, StrategyError
from strategies.strategy import Strategy
from strategies.trial import History, Params, State, Trial


@dataclass(frozen=True, slots=True)
class Targets:
    """What bounds a study, and what a user wants tried first.

    `budget` are epochs in all. With a `tolerance` the study ends by itself when going on can be expected to improve the
    best value by less. `queue` holds first guesses: points tried before any of the searcher's.
    """

    max_epochs: int
    n_trials: int | None = None
    budget: int | None = None
    tolerance: float | None = None
    queue: tuple[Params, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Train `trial` from epoch `from_epoch` to epoch `until`: decision `number` of the study.

    `seen` is the last job whose result the decision could see under the lag (-1: none; None: results as they arrived).
    `outcome` is None until the job has ended; then the state it left its trial in, `end_epoch` epochs old.
    """

    number: int
    trial: int
    from_epoch: int
    until: int
    bracket: int = 0
    rung: int = 0
    seen: int | None = None
    outcome: State | None = None
    end_epoch: int | None = None

    @property
    def epochs(self) -> int:
        """The epochs it took, or will take at most."""
        return (self.until if self.end_epoch is None else self.end_epoch) - self.from_epoch


@dataclass(frozen=True, slots=True)
class Planned:
    """A decided job, not yet written down. `params` only when it starts a new trial."""

    job: Job
    params: Params | None = None
    parent: int | None = None
    reason: Reason = field(default_factory=dict)


_DRAWS: Final = 20
"""Draws that are made for another point before one is looked for."""


def trial_rng(seed: int, number: int) -> np.random.Generator:
    """Return the generator a searcher gets for trial `number` of a study seeded `seed`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number))))


@lru_cache(maxsize=1)
def _never_drawn() -> np.random.Generator:
    """Return the generator of schedulers that draw nothing."""
    return job_rng(0, 0)


def job_rng(seed: int, number: int) -> np.random.Generator:
    """Return the generator a scheduler gets for the decision on job `number` of a study seeded `seed`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number, 2))))


@lru_cache(maxsize=1024)  # asked for when a trial is written down, and again when it is claimed
def trial_seed(seed: int, number: int) -> int:
    """Return the seed of trial `number` itself, handed to the objective: 63 bits, independent of `trial_rng`."""
    return int(np.random.SeedSequence((seed, number, 1)).generate_state(1, np.uint64)[0] >> np.uint64(1))


Plan = Planned | Stop | Wait | Done
"""A decision, ready to be written down."""


def plan_next(strategy: Strategy, history: History, *, job: int, seen: int | None) -> Plan:
    """Return what `strategy` decides on `history`, as job number `job` if it is one.

    A searcher that is used up ends the search. Raises StrategyError when the strategy breaks its contract.
    """
    rng = job_rng(history.seed, job) if strategy.scheduler.draws else _never_drawn()
    decision = strategy.scheduler.decide(history, rng)
    if isinstance(decision, Start):
        if not history.may_start:
            raise StrategyError(f"{strategy.name} starts a trial beyond the {history.n_trials} asked for")
        number = len(history.trials)
        try:
            proposal = propose(strategy, decision, history)
        except Exhausted:
            return plan_next(strategy, replace(history, n_trials=number), job=job, seen=seen)
        reason = {**decision.reason, "search": proposal.reason} if proposal.reason else decision.reason
        started = Job(job, number, 0, decision.until, decision.bracket, decision.rung, seen)
        return Planned(_trainable(strategy, started, history), proposal.params, decision.parent, reason)
    if isinstance(decision, Resume):
        trial = _paused(strategy, decision.trial, history)
        resumed = Job(job, trial.number, trial.epochs, decision.until, trial.bracket, decision.rung, seen)
        return Planned(_trainable(strategy, resumed, history), reason=decision.reason)
    if isinstance(decision, Stop):
        _paused(strategy, decision.trial, history)
    return decision


def propose(strategy: Strategy, start: Start, history: History) -> Proposal:
    """Return the point of the trial that `start` starts, and why it is that one.

    That is the scheduler's if it fixes all of it; else the first of the user's guesses that has not been tried and that
    the scheduler's part allows; else the searcher's, completed by the scheduler's part, and if that has been tried
    already another one, unless the space is used up. Raises Exhausted, and StrategyError for a point not of the space.
    """
    given, space = start.params or {}, history.space
    if given and given in space:
        return Proposal(given)
    for guess in history.queue:
        if given.items() <= guess.items() and not history.holds(guess):
            return Proposal(guess, {"by": "user"})
    number = len(history.trials)
    rng = trial_rng(history.seed, number)
    proposal = strategy.searcher.propose(number, history, rng)
    try:
        params = space.complete(given, proposal.params, rng) if given else space.validate(proposal.params)
    except SpaceError as error:
        raise StrategyError(f"{strategy.name} proposes a point that cannot be tried: {error}") from None
    proposal = replace(proposal, params=params)
    return proposal if not history.holds(params) else _another(strategy, proposal, history, rng, given)


def _another(
    strategy: Strategy, proposal: Proposal, history: History, rng: np.random.Generator, given: Params
) -> Proposal:
    """Return a proposal of a point with the `given` values that no trial has; the same one if there is none.

    It is near the one proposed if the searcher learns.
    """

    def is_out(params: Params) -> bool:
        return not given.items() <= params.items() or history.holds(params)

    params: Params | None = None
    if not strategy.searcher.adaptive:
        drawn = (history.space.sample(rng) for _ in range(_DRAWS))
        params = next((each for each in drawn if not is_out(each)), None)
    params = params or history.space.another(proposal.params, is_out, rng)
    return Proposal(params, {**proposal.reason, "another": True}) if params else proposal


def check_wait(strategy: Strategy, plan: Plan, *, anything_pending: bool) -> Plan:
    """Return `plan`; raise StrategyError when it waits for nothing, and so would wait for ever."""
    if isinstance(plan, Wait) and not anything_pending:
        raise StrategyError(f"{strategy.name} waits although no job is running")
    return plan


def _trainable(strategy: Strategy, job: Job, history: History) -> Job:
    if not job.from_epoch < job.until <= history.max_epochs:
        raise StrategyError(
            f"{strategy.name} trains trial {job.trial} from epoch {job.from_epoch} to epoch {job.until}, "
            f"in a study whose trials train for {history.max_epochs} at most"
        )
    return job


def _paused(strategy: Strategy, number: int, history: History) -> Trial:
    trial = history.open.get(number)
    if trial is None or trial.state is not State.PAUSED:
        state = trial.state if trial else "not open"
        raise StrategyError(f"{strategy.name} decided on trial {number}, which is {state}")
    return trial
