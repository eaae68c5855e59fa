"""CMA-ES (Hansen & Ostermeier 2001; Hansen, "The CMA evolution strategy: a tutorial", 2016), by the package `cmaes`."""

from copy import copy, deepcopy
from dataclasses import dataclass
from functools import lru_cache, partial
from math import floor, inf, log
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Proposal, Searcher
from strategies.errors import StrategyError
from strategies.models.generations import Generations, is_known, loss_within
from strategies.settings import require_integer, require_number
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmaes import CMA
    from numpy.typing import NDArray

    from strategies.space import Space
    from strategies.trial import History, Trial

_ENOUGH: Final = 0.75


@dataclass(frozen=True)
class CMAES(Searcher):
    """Draws from a normal distribution over the unit cube that follows the better half of every generation.

    A generation are `population` trials in a row (default: 4 + 3 ln d of them, rounded down). Every trial is drawn from
    the latest distribution there is; a generation makes the next one as soon as three quarters of it are known, and
    trials that are not say nothing. The first has its mean in the middle and the standard deviation `sigma` (1 is the
    whole scale); where the distribution has collapsed, the search begins anew at a random point.

    Integers and choices are drawn as coordinates, too. That is no worse than margins (CMAwM) or a coordinate for every
    choice, since a point that was tried is replaced by one near it.
    """

    summary: ClassVar[str] = "Learns the shape of the valley by covariance; for numbers, hundreds of trials and more."
    adaptive: ClassVar[bool] = True

    population: int | None = None
    sigma: float = 0.2

    def __post_init__(self) -> None:
        if self.population is not None:
            require_integer(self, "population", at_least=4)
        require_number(self, "sigma", at_least=0)
        if not 0 < self.sigma <= 1:
            raise StrategyError(f"CMAES: sigma must be above 0 and at most 1, the whole scale, not {self.sigma!r}.")

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:  # noqa: ARG002 - the trials count
        """Return a draw from the distribution after the generations that are known."""
        generation, distribution = _evolution(self, history.space, history.seed).after(history.trials)
        draws = copy(distribution)  # with random numbers of its own
        draws.reseed_rng(int(rng.integers(2**32)))
        at: NDArray[np.float64] = draws.ask()
        reason = {"by": "cmaes", "generation": generation, **({} if generation else {"initial": True})}
        return Proposal(history.space.decode(at), reason)

    def size(self, space: "Space") -> int:
        """Return the number of trials in a generation."""
        return self.population or 4 + floor(3 * log(space.dimension))  # Hansen 2016, eq. 48


@lru_cache(maxsize=16)
def _evolution(searcher: CMAES, space: "Space", seed: int) -> "Generations[CMA]":
    """Return the distributions, generation by generation; kept, as most are known from the decision before."""
    start = _begun(searcher, space, np.full(space.dimension, 0.5))
    return Generations(start, searcher.size(space), partial(_learned, searcher, space, seed))


def _begun(searcher: CMAES, space: "Space", mean: "NDArray[np.float64]") -> "CMA":
    from cmaes import CMA

    bounds = np.tile([0.0, 1.0], (space.dimension, 1))
    # its own generator is seeded anew for every draw
    return CMA(mean, searcher.sigma, bounds, seed=0, population_size=searcher.size(space))


def _learned(
    searcher: CMAES, space: "Space", seed: int, distribution: "CMA", generation: "Sequence[Trial]"
) -> "CMA | None":
    """Return the distribution after a generation; the one before when all of it failed, None while it is awaited."""
    size = searcher.size(space)
    if len(generation) < size or sum(map(is_known, generation)) < _ENOUGH * size:
        return None
    judged = _judged(generation)
    if not judged:
        return distribution
    mean = distribution.mean
    trials, losses = zip(*judged, strict=True)
    told = list(zip(_points(space, trials, mean), losses, strict=True))
    told += [(mean, losses[-1])] * (size - len(told))
    learned = deepcopy(distribution)
    learned.tell(told)  # sorts by loss, and keeps the order of equals
    if learned.should_stop():
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(generation[0].number,)))
        return _begun(searcher, space, rng.random(space.dimension))
    return learned


def _judged(generation: "Sequence[Trial]") -> "list[tuple[Trial, float]]":
    """Return the trials that are known, best first, with losses that do not fall; none when no trial has a value.

    They are compared at the most epochs that half of those with a value have reached. Then come those that stopped
    earlier, the longer trained first, and those that failed; they count as much as the worst of the others.
    """
    trained = sorted(trial.epochs for trial in generation if trial.curve and trial.state is not State.FAILED)
    if not trained:
        return []
    level = trained[len(trained) // 2]

    def rank(trial: "Trial") -> tuple[bool, int, float, int]:
        loss = loss_within(trial, level)
        return loss == inf, -min(trial.epochs, level), loss, trial.number

    ranked = sorted((trial for trial in generation if is_known(trial) and not _is_out(trial)), key=rank)
    compared = [
        loss_within(trial, level) for trial in ranked if trial.epochs >= level and trial.state is not State.FAILED
    ]
    behind = [compared[-1]] * (len(ranked) - len(compared))
    return list(zip(ranked, [*compared, *behind], strict=True))


def _is_out(trial: "Trial") -> bool:
    return trial.state is State.DISCARDED


def _points(space: "Space", trials: "Sequence[Trial]", mean: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return coordinates, shape (n, d): the mean's for parameters that a trial lacks, as it says nothing of them."""
    active = [[name in trial.params for name in space.parameters] for trial in trials]
    return np.where(active, space.encode_all([trial.params for trial in trials]), mean)
