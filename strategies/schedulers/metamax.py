"""Multi-start search that steps whoever could be best (György & Kocsis, JAIR 41:407-444, 2011)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import exp, isfinite, sqrt
from typing import TYPE_CHECKING, ClassVar, Final, Literal, get_args

from strategies.base import DONE, WAIT, Decision, Reason, Resume, Scheduler, Start, Stop
from strategies.errors import StrategyError
from strategies.following import Kept, Ranking, Sum
from strategies.models.hull import upper_corners
from strategies.settings import require_integer
from strategies.trial import State

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History, Trial

Variant = Literal["metamax", "infinite", "k"]


@dataclass(frozen=True, slots=True)
class _Instance:
    """A live trial between two rounds: the steps it has made, and its loss."""

    trial: "Trial"
    steps: int
    loss: float


@dataclass(frozen=True)
class MetaMax(Scheduler):
    """Trials are instances, `step` epochs are a step; in a round each instance that could be best makes one.

    Could be best means: its potential -loss + c h(n), n the steps it has made, is for some c > 0 strictly the greatest.
    h(n) = exp(-n / sqrt(t)), t the steps of all so far. The loss is the best mean of `smooth` epochs in a row; that of
    an instance without a step is the worst that any trial began with, or `worst` (in the objective's own units) if that
    is worse. Of instances equal in steps and loss the one with the lower number stands for all.

    In a round of "infinite", a new instance is added first. So it is with "metamax", where the best must also have
    made more steps than any other: until it has, it steps alone. Both keep at most `instances` alive: the worst of
    those that cannot be best is stopped to make room. With "k" one is added only while fewer than `instances` live.

    A round's jobs run side by side, and the next round waits for them all. Who has reached max_epochs or failed leaves.
    n_trials bounds the instances that are ever started. When all are, the rounds go on: under a budget until it is
    spent or all are trained; without one, who can no longer be best is stopped, and the others train on.
    """

    summary: ClassVar[str] = "Starts trials on and on, and trains those further that could still become the best."
    resumes: ClassVar[bool] = True

    variant: Variant = "metamax"
    step: int = 1
    instances: int = 50
    smooth: int = 1
    worst: float | None = None

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            kinds = ", ".join(map(repr, get_args(Variant)))
            raise StrategyError(f"MetaMax: variant must be one of {kinds}, not {self.variant!r}.")
        for field in ("step", "instances", "smooth"):
            require_integer(self, field, at_least=1)
        if self.worst is not None and (type(self.worst) not in (int, float) or not isfinite(self.worst)):
            raise StrategyError(f"MetaMax: worst must be a finite number, not {self.worst!r}.")

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return what is left of the round, else the beginning of the next one, else WAIT or DONE."""
        for trial in history.open.values():
            if self._is_interrupted(trial, history.max_epochs):
                until = self._until(-(-trial.epochs // self.step) - 1, history)
                return Resume(trial.number, until, trial.rung, {"rung": trial.rung, "interrupted_at": trial.epochs})
        rounds = _ROUNDS.of(history)
        number = _newest(rounds)
        if any(trial.state is State.RUNNING and trial.rung < number for trial in history.open.values()):
            return WAIT  # shown with a lag: the steps that decided on this round are not yet to be seen
        stepped = [history.trials[rounds.entries[place][1]] for place in rounds.span(number)]
        before = {trial.number: self._before(trial, number, history.max_epochs) for trial in stepped}
        total = _STEPS.of(history, self.step).total
        total -= sum(_steps(self.step, trial) - before[trial.number] for trial in stepped)
        live = [
            self._instance(trial, before.get(place, _steps(self.step, trial)), history)
            for place in sorted({*history.open, *before})
            for trial in [history.trials[place]]
            if trial.state is not State.DISCARDED
        ]
        if live and _best(live).trial.rung < number:  # the best closes a round: it is stepped last
            for each in self._selected(live, total):
                if each.trial.rung < number:
                    return self._step(each, number, live, history)
        if any(trial.state is State.RUNNING for trial in history.open.values()):
            return WAIT
        return self._next_round(number + 1, history)

    def _next_round(self, number: int, history: "History") -> Decision:
        live = [self._instance(trial, _steps(self.step, trial), history) for trial in history.open.values()]
        selected = self._selected(live, _STEPS.of(history, self.step).total)
        passed_over = [each for each in live if each not in selected]
        crowded = len(live) >= self.instances
        makes_room = crowded and self.variant != "k"
        if passed_over and (makes_room if history.may_start else history.budget is None):
            least = max(passed_over, key=_rank)
            return Stop(least.trial.number, self._reason(least, number, live))
        if self.variant == "metamax" and len(live) > 1:
            leader = _best(live)
            longest = max((each for each in live if each is not leader), key=lambda each: each.steps)
            if leader.steps <= longest.steps:
                return self._step(leader, number, live, history, {"overtakes": longest.trial.number})
        if history.may_start and not crowded:
            until = self._until(0, history)
            reason = {"rung": number, "epochs": until, "place": len(live) + 1, "of": self.instances}
            return Start(until, rung=number, reason=reason)
        return self._step(selected[0], number, live, history) if selected else DONE

    def _selected(self, live: Sequence[_Instance], total: int) -> list[_Instance]:
        """Return who could be best after `total` steps of all: from the fewest steps of its own to the best."""
        scale = sqrt(max(total, 1))
        corners = upper_corners([(exp(-each.steps / scale), -each.loss) for each in live])
        return [live[i] for i in reversed(corners)]

    def _before(self, trial: "Trial", number: int, max_epochs: int) -> int:
        """Return the steps that the trial had made when round `number`, the newest one, began.

        Jobs end at whole steps, unless their trials do: so one that was in the round made its last step there.
        """
        steps = _steps(self.step, trial)
        if trial.state is State.RUNNING or trial.rung < number:
            return steps
        if trial.state is State.FAILED or (trial.state is State.COMPLETE and trial.epochs < max_epochs):
            return sum(map(isfinite, trial.curve)) // self.step
        return max(0, steps - 1)

    def _instance(self, trial: "Trial", steps: int, history: "History") -> _Instance:
        curve, width = trial.curve[: steps * self.step], self.smooth
        if steps == 0:
            return _Instance(trial, 0, self._worst(history))
        if width == 1:
            return _Instance(trial, steps, min(curve))
        means = (sum(curve[max(0, end - width) : end]) / min(end, width) for end in range(1, len(curve) + 1))
        return _Instance(trial, steps, min(means))

    def _worst(self, history: "History") -> float:
        """Return the loss of an instance without a step: no better than that of any other."""
        newest = _newest(_ROUNDS.of(history))
        begun = ((value, history.trials[place]) for value, place in reversed(_FIRSTS.of(history).entries))
        known = (value for value, trial in begun if self._before(trial, newest, history.max_epochs) > 0)
        given = [] if self.worst is None else [history.sign * self.worst]
        return max([*given, *islice(known, 1)], default=0.0)

    def _step(
        self, each: _Instance, number: int, live: Sequence[_Instance], history: "History", why: Reason | None = None
    ) -> Resume:
        until = self._until(each.steps, history)
        reason = {**self._reason(each, number, live), "epochs": until, **(why or {})}
        return Resume(each.trial.number, until, number, reason)

    def _until(self, steps: int, history: "History") -> int:
        return min((steps + 1) * self.step, history.max_epochs)

    def _is_interrupted(self, trial: "Trial", max_epochs: int) -> bool:
        whole = trial.epochs > 0 and trial.epochs % self.step == 0
        return trial.state is State.PAUSED and not whole and trial.epochs < max_epochs

    def _reason(self, each: _Instance, number: int, live: Sequence[_Instance]) -> Reason:
        ranking = sorted(live, key=_rank)
        place = ranking.index(each)
        rivals = [ranking[i].trial.number for i in (place - 1, place + 1) if 0 <= i < len(ranking)]
        return {"rung": number, "steps": each.steps, "rank": place + 1, "of": len(live), "rivals": rivals}


def _rank(each: _Instance) -> tuple[float, int, int]:
    """The order from the best on: of equal losses the one with more steps, then the lower number."""
    return each.loss, -each.steps, each.trial.number


def _best(live: Iterable[_Instance]) -> _Instance:
    return min(live, key=_rank)


def _steps(step: int, trial: "Trial") -> int:
    """Return the steps that the trial has made: of one that is running the whole ones."""
    return trial.epochs // step if trial.state is State.RUNNING else -(-trial.epochs // step)


def _round(trial: "Trial") -> tuple[int, int]:
    """Return in which round the trial made its last step, and its number."""
    return trial.rung, trial.number


def _newest(rounds: Ranking) -> int:
    return int(rounds.entries[-1][0]) if rounds.entries else -1


def _first(trial: "Trial") -> tuple[float, int] | None:
    return (trial.curve[0], trial.number) if trial.curve else None


_STEPS: Final = Kept(lambda step: Sum(partial(_steps, step)))
_ROUNDS: Final = Kept(lambda: Ranking(_round))
_FIRSTS: Final = Kept(lambda: Ranking(_first))
