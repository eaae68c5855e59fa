"""Differential evolution (Storn & Price, J. of Global Optimization 11, 1997), without barriers between generations."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Loss, Proposal, Searcher
from strategies.errors import StrategyError
from strategies.models.generations import Generations, is_known, loss_within
from strategies.parameters import Choice
from strategies.settings import require_integer, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from strategies.space import Space
    from strategies.trial import History, Trial

Population = tuple["Trial", ...]
"""Who holds each place."""

_BASES: Final = ("best", "rand")


@dataclass(frozen=True)
class DifferentialEvolution(Searcher):
    """Children of a population of trials; each competes with the one whose place it was made for.

    Trial k is made for place k mod `population`. Its mutant is base + F (b - c): the base is the best of the population
    or a random member (best/1 and rand/1 of the paper), b and c are random others; F is drawn anew from 2/3 to 4/3 of
    `factor`. A coordinate comes from the mutant with chance `crossover`, one of them always, else from the holder of
    the place (binomial crossover). A child that is no worse takes the place, compared at the epochs both have; one that
    failed does not, and until it has a value the holder stays.
    """

    summary: ClassVar[str] = (
        "Evolves a small population by differences of its members; for hundreds of trials and more."
    )
    adaptive: ClassVar[bool] = True
    numpy_only: ClassVar[bool] = True

    population: int = 10
    factor: float = 0.5
    crossover: float = 0.5
    base: str = "best"

    def __post_init__(self) -> None:
        require_integer(self, "population", at_least=4)
        for name, most in (("factor", 2), ("crossover", 1)):
            require_number(self, name, at_least=0)
            if getattr(self, name) > most:
                raise StrategyError(
                    f"DifferentialEvolution: {name} must be at most {most}, not {getattr(self, name)!r}."
                )
        if self.base not in _BASES:
            raise StrategyError(f"DifferentialEvolution: base must be 'best' or 'rand', not {self.base!r}.")

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:
        """Return a random point for the first generation, then a child for place `number` mod `population`."""
        space = history.space
        _, members = _evolution(self).after(history.trials)
        if len(members) < self.population:
            return Proposal(space.sample(rng), {"by": "de", "initial": True})
        generation, place = divmod(number, self.population)
        holder = members[place]
        best = min(members, key=lambda trial: (trial.value, trial.number))
        others = [trial for trial in members if trial is not holder]
        donors = [others[i] for i in rng.choice(len(others), 3, replace=False)]
        if self.base == "best":
            donors[0] = best
        at, *points = (_point(space, trial, rng) for trial in (holder, *donors))
        child = self._crossed(at, self._mutant(space, points, rng), rng)
        parents = {"rival": holder.number, "donors": [trial.number for trial in donors]}
        reason = {"by": "de", "generation": generation, **parents, "incumbent": Loss(best.value)}
        return Proposal(space.decode(child), reason)

    def _mutant(
        self, space: "Space", points: "Sequence[NDArray[np.float64]]", rng: np.random.Generator
    ) -> "NDArray[np.float64]":
        """Return base + F (b - c), shape (dimension,); where it leaves [0, 1], a random coordinate.

        A choice has no differences: where b and c agree it is the base's, else with chance F a random one.
        """
        base, b, c = points
        factor = self.factor * rng.uniform(2 / 3, 4 / 3)
        anew, jump = rng.random((2, len(base)))
        moved = base + factor * (b - c)
        moved = np.where((moved < 0) | (moved > 1), anew, moved)
        chosen = np.where((b != c) & (jump < factor), anew, base)
        return np.where([isinstance(each, Choice) for each in space.parameters.values()], chosen, moved)

    def _crossed(
        self, at: "NDArray[np.float64]", mutant: "NDArray[np.float64]", rng: np.random.Generator
    ) -> "NDArray[np.float64]":
        taken = rng.random(len(at)) < self.crossover
        taken[rng.integers(len(at))] = True
        return np.where(taken, mutant, at)


@lru_cache(maxsize=16)
def _evolution(searcher: DifferentialEvolution) -> Generations[Population]:
    """Return who holds the places, generation by generation; kept, as most of it is known from the decision before."""
    return Generations((), searcher.population, _selected)


def _selected(members: Population, generation: "Sequence[Trial]") -> Population:
    """Return who holds the places after a generation, child k of which was made for place k."""
    if not members:
        return tuple(generation)
    fitter = (child if _wins(child, holder) else holder for child, holder in zip(generation, members, strict=False))
    return (*fitter, *members[len(generation) :])


def _wins(child: "Trial", holder: "Trial") -> bool:
    if not (is_known(child) and is_known(holder)):
        return is_known(child)
    epochs = min((trial.epochs for trial in (child, holder) if trial.curve), default=1)
    return loss_within(child, epochs) <= loss_within(holder, epochs)


def _point(space: "Space", trial: "Trial", rng: np.random.Generator) -> "NDArray[np.float64]":
    """Return a trial's coordinates, those of parameters that it does not have drawn at random."""
    active = [name in trial.params for name in space.parameters]
    return np.where(active, space.encode(trial.params), rng.random(space.dimension))
