"""Population-based training (Jaderberg et al., "Population based training of neural networks", arXiv 1711.09846)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from strategies.base import DONE, WAIT, Decision, Loss, Resume, Scheduler, Start, Stop
from strategies.errors import StrategyError
from strategies.following import Kept, Ranking
from strategies.parameters import Choice, Float, Int
from strategies.settings import require_integer, require_number
from strategies.spelling import suggestion
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.space import Space
    from strategies.trial import History, Params, Trial


@dataclass(frozen=True)
class PopulationBasedTraining(Scheduler):
    """Populations of `size` trials train for generations of `interval` epochs each, one population after another.

    After a generation the worst share `replaced` of its members (of two or more, at least one), and whoever has failed
    or was stopped, make place for heirs (exploit): new trials that begin with the weights of one of as many best, drawn
    at random. An heir has its parent's params, but for those in `explored` (default: the Floats, as weights rarely fit
    another architecture; all where there is no Float). Each of these is drawn anew with probability `resample`, else it
    moves (explore): on a log scale it is multiplied by 1 + perturb or 1 - perturb, on a linear one it moves by that
    share of its range; an Int moves by at least 1, a Choice stays.

    All members wait for the generation's end: neither the number of workers nor their speed changes the search.

    max_epochs are those of a lineage: an heir has what its forebears left of them, and is stopped when they are used
    up; its own curve begins with its own first epoch. n_trials counts every trial started, heirs included: when they
    run out, those that are left train on without exploitation; until then another population follows one that ended.
    """

    summary: ClassVar[str] = (
        "Trains a population; the weak go on with copies of the strong, their settings changed a bit."
    )
    resumes: ClassVar[bool] = True

    size: int = 10
    interval: int = 3
    replaced: float = 0.2
    perturb: float = 0.2
    resample: float = 0.25
    explored: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        require_integer(self, "size", at_least=1)
        require_integer(self, "interval", at_least=1)
        for field, most in (("replaced", 0.5), ("perturb", 0.99), ("resample", 1.0)):
            require_number(self, field, at_least=0)
            if (given := getattr(self, field)) > most:
                raise StrategyError(f"PopulationBasedTraining: {field} must be at most {most}, not {given}.")
        names: object = self.explored
        if names is None:
            return
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise StrategyError(f"PopulationBasedTraining: explored must be a list of names, not {names!r}.")
        object.__setattr__(self, "explored", tuple(names))

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there is but one generation, and so nobody to replace."""
        if max_epochs <= self.interval:
            raise StrategyError(
                f"Population-based training with interval = {self.interval} needs max_epochs above {self.interval}, "
                f"not {max_epochs}: raise max_epochs, or lower the interval, as in PopulationBasedTraining(interval=1)."
            )

    def check_space(self, space: "Space") -> None:
        """Raise StrategyError when `explored` names a parameter that the space has not."""
        for name in self.explored or ():
            if name not in space.parameters:
                raise StrategyError(
                    f"PopulationBasedTraining: explored names an unknown parameter {name!r}."
                    f"{suggestion(name, space.parameters)} The space has {', '.join(space.parameters)}."
                )

    def decide(self, history: "History", rng: np.random.Generator) -> Decision:
        """Return the next decision of the oldest population that is open; else the start of another, or DONE."""
        if history.open:
            oldest = next(iter(history.open.values())).bracket
            return self._proceed(_members(oldest, history), history, rng)
        if not history.may_start:
            return DONE
        placed = _BRACKETS.of(history).entries
        newest = placed[-1][0] if placed else -1
        unfilled = _members(newest, history)
        return self._found(newest, unfilled, history) if self._grows(unfilled) else self._found(newest + 1, [], history)

    def _proceed(self, population: Sequence["Trial"], history: "History", rng: np.random.Generator) -> Decision:
        """Return the next decision of a population that is open."""
        alive = [trial for trial in population if not trial.state.ended]
        for trial in alive:
            until = self._until(trial, trial.rung, history.max_epochs)
            if trial.state is State.PAUSED and trial.epochs < until:
                reason = {"rung": trial.rung, "epochs": until, "interrupted_at": trial.epochs}
                return Resume(trial.number, until, trial.rung, reason)
        if history.may_start and self._grows(population):
            return self._found(population[0].bracket, population, history)
        generation = min(trial.rung for trial in alive)
        if any(trial.state is State.RUNNING for trial in alive if trial.rung == generation):
            return WAIT
        return self._succeed(population, generation, history, rng)

    def _succeed(
        self, population: Sequence["Trial"], generation: int, history: "History", rng: np.random.Generator
    ) -> Decision:
        """Return what comes next at the end of a generation: heirs, then the stops that make place, then the resumes.

        In this order an heir takes its parent's weights as they were at the generation's end.
        """
        members = [trial for trial in population if trial.rung >= generation and self._born(trial) <= generation]
        heirs = [trial for trial in population if self._born(trial) == generation + 1]
        here = sorted((t for t in members if t.rung == generation), key=lambda t: (_final(t), t.number))
        able = [trial for trial in here if trial.state is State.PAUSED]
        ranks = {trial.number: rank for rank, trial in enumerate(here, 1)}
        epochs = min((generation + 1) * self.interval, history.max_epochs)
        reason = {"rung": generation, "epochs": epochs, "of": len(members)}
        if epochs == history.max_epochs:
            return Stop(able[0].number, {**reason, "rank": ranks[able[0].number]})
        quota = max(1, int(self.replaced * len(members))) if len(members) > 1 and self.replaced > 0 else 0
        dead = len(here) - len(able)
        unsettled = len(here) == len(members)  # none has been resumed yet
        if unsettled and history.may_start and len(heirs) < max(quota, dead):
            return self._inherit(able[: max(1, quota)], generation, history, rng)
        if unsettled and len(heirs) > dead:
            return Stop(able[-1].number, {**reason, "rank": ranks[able[-1].number]})
        first = min(able, key=lambda trial: trial.number)
        until = self._until(first, generation + 1, history.max_epochs)
        return Resume(first.number, until, generation + 1, {**reason, "rank": ranks[first.number]})

    def _found(self, number: int, population: Sequence["Trial"], history: "History") -> Start:
        """Return the start of a founder of population `number`."""
        until = min(self.interval, history.max_epochs)
        reason = {"rung": 0, "epochs": until, "place": len(population) + 1, "of": self.size}
        return Start(until, number, reason=reason)

    def _inherit(
        self, strong: Sequence["Trial"], generation: int, history: "History", rng: np.random.Generator
    ) -> Start:
        """Return the start of an heir of one of the strong."""
        parent = strong[int(rng.integers(len(strong)))]
        left = history.max_epochs - (generation + 1) * self.interval
        until = min(self.interval, left)
        params = self._explore(parent.params, history.space, rng)
        reason = {"rung": generation + 1, "epochs": until, "parent": parent.number, "incumbent": Loss(_final(parent))}
        return Start(until, parent.bracket, generation + 1, parent.number, params, reason)

    def _grows(self, population: Sequence["Trial"]) -> bool:
        """Tell whether founders may join: the population is not full, and has seen no generation's end."""
        return 0 < len(population) < self.size and all(trial.rung == 0 for trial in population)

    def _born(self, trial: "Trial") -> int:
        """Return the generation in which the trial's own curve began: before its last, it trained whole ones."""
        if trial.parent is None:
            return 0
        trained = sum(map(isfinite, trial.curve))
        if trial.state in (State.RUNNING, State.FAILED, State.COMPLETE):  # its last generation may have no epoch yet
            return trial.rung - trained // self.interval
        return trial.rung - max(0, -(-trained // self.interval) - 1)

    def _until(self, trial: "Trial", generation: int, max_epochs: int) -> int:
        """Return the trial's own epochs at the end of a generation."""
        before = self._born(trial) * self.interval
        return min((generation + 1) * self.interval, max_epochs) - before

    def _explore(self, params: "Params", space: "Space", rng: np.random.Generator) -> "Params":
        """Return params near the given ones. As many numbers are drawn whatever they are."""
        explored = self._explored(space)
        coordinates = space.encode(params)
        for i, (name, parameter) in enumerate(space.parameters.items()):
            anew, chance, turn = rng.random(3)
            value: Any = params.get(name)
            if name not in params or (name in explored and chance < self.resample):
                coordinates[i] = anew
            elif name in explored and not isinstance(parameter, Choice):
                coordinates[i] = moved(parameter, value, self.perturb * float(np.sign(turn - 0.5)))
        return space.decode(coordinates)

    def _explored(self, space: "Space") -> Sequence[str]:
        if self.explored is not None:
            return self.explored
        return [name for name, each in space.parameters.items() if isinstance(each, Float)] or list(space.parameters)


def moved(parameter: "Float | Int", value: float, by: float) -> float:
    """Return the coordinate of a number moved `by` on its scale: times 1 + by, or by that share of the range."""
    at = parameter.encode(value * (1 + by)) if parameter.log else min(max(parameter.encode(value) + by, 0.0), 1.0)
    if isinstance(parameter, Int) and parameter.decode(at) == value and by:
        return parameter.encode(min(max(value + (1 if by > 0 else -1), parameter.low), parameter.high))
    return at


def _members(population: int, history: "History") -> "list[Trial]":
    """Return the trials of a population, but for those that were discarded: they leave no gap to be filled by heirs."""
    placed = _BRACKETS.of(history)
    members = (history.trials[placed.entries[place][1]] for place in placed.span(population))
    return [trial for trial in members if trial.state is not State.DISCARDED]


def _final(trial: "Trial") -> float:
    """Return the value that the trial had at the end of its last generation; infinity if it is no more."""
    return trial.curve[-1] if trial.state is State.PAUSED and trial.curve else inf


def _placed(trial: "Trial") -> tuple[int, int]:
    return trial.bracket, trial.number


_BRACKETS: Final = Kept(lambda: Ranking(_placed))
