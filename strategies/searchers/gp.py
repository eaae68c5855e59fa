"""Bayesian search: a light Gaussian process, and the point from which it expects the greatest improvement.

Snoek, Larochelle & Adams, "Practical Bayesian optimization of machine learning algorithms", 2012, with the logarithm of
augmented expected improvement (Huang et al., 2006; Ament et al., 2023), outputs made normal (as HEBO does: Cowen-Rivers
et al., 2022), longer length scales for more parameters (Hvarfner et al., 2024).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from strategies.base import Loss, Proposal, Searcher
from strategies.models.acquisition import Acquisition, probability_of_improvement
from strategies.models.evidence import Evidence, evidence
from strategies.models.features import Features
from strategies.models.gaussian_process import fit
from strategies.models.outputs import Outputs, standardised
from strategies.models.summits import summits
from strategies.models.untaken import untaken
from strategies.searchers.sobol import Sobol
from strategies.settings import require_integer

if TYPE_CHECKING:
    from strategies.space import Space
    from strategies.trial import History

Array = NDArray[np.float64]

_LISTED: Final = 2000  # points of a space that are all looked at
_FEWEST: Final = 2  # values that a model can be fitted to
_INCUMBENTS: Final = 5
_ATTEMPTS: Final = 50


@dataclass(frozen=True)
class GaussianProcess(Searcher):
    """The point where a Gaussian process, fitted to what is known, expects the greatest improvement.

    The first `initial` points are those of Sobol's sequence. The model looks at no more than `most` trials: the best,
    the latest, and some of the others. Running ones are taken to turn out as predicted; failed ones count as the worst.
    """

    summary: ClassVar[str] = "Where a Gaussian process expects the greatest improvement; for 10 to 300 trials."
    adaptive: ClassVar[bool] = True
    slow: ClassVar[bool] = True

    initial: int = 8
    most: int = 300

    def __post_init__(self) -> None:
        require_integer(self, "initial", at_least=1)
        require_integer(self, "most", at_least=10)

    def check(self, space: "Space") -> None:
        """Raise StrategyError for a space that has no first points."""
        Sobol().check(space)

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:
        """Return a point that no trial has, if there is one."""
        space = history.space
        if number < self.initial:
            return Proposal(Sobol().propose(number, history, rng).params, {"by": "gp", "initial": True})
        share = self.most // 3
        seen = evidence(history, space.dimension + 1, most=self.most, best=lambda _: share, latest=share)
        losses = _comparable(seen, history)
        listed = untaken(history, _LISTED)
        if np.isfinite(losses).sum() < _FEWEST or (listed is not None and not len(listed)):
            return Proposal(space.sample(rng), {"by": "gp", "initial": True})
        features, outputs = Features(space), standardised(losses)
        posterior = fit(features(seen.points), outputs.values, features.groups)
        means = posterior.predict(features(np.vstack([seen.points, seen.pending])))[0]
        acquisition = Acquisition(posterior.believing(features(seen.pending)), float(means.min()))
        if listed is None:
            incumbents = seen.points[np.argsort(means[: len(losses)], kind="stable")[:_INCUMBENTS]]
            listed = summits(acquisition, features, incumbents, rng)
        scores = acquisition(features(listed))
        for best in np.argsort(-scores, kind="stable")[:_ATTEMPTS]:
            params = space.decode(listed[best])
            if not history.holds(params):
                break
        told = _told(acquisition, outputs, features(listed[best][None]))
        told |= {"score": float(scores[best]), "observations": len(losses), "level": seen.level}
        return Proposal(params, told)


def _told(acquisition: Acquisition, outputs: Outputs, features: Array) -> dict[str, object]:
    """Return what is expected of the point with these features (1, f), in units of the objective."""
    mean, deviation = acquisition.posterior.predict(features)
    low, predicted, high, incumbent = outputs.losses(
        np.array([*(mean - deviation), *mean, *(mean + deviation), acquisition.best])
    ).tolist()
    return {
        "by": "gp",
        "acquisition": "log_ei",
        "predicted": Loss(predicted),
        "sd": (high - low) / 2,
        "incumbent": Loss(incumbent),
        "probability": float(probability_of_improvement(mean, deviation, acquisition.best)[0]),
    }


def _comparable(seen: Evidence, history: "History") -> Array:
    """Return losses at the level, shape (n,), also for trials that were stopped or paused short of it.

    Such a trial counts as the best of those that reached the level and stood no better when they were as young; as the
    worst of all, where every one stood better.
    """
    losses = seen.values.copy()
    full = seen.reached & np.isfinite(losses)
    curves = [history.trials[number].curve for number in seen.numbers[full]]
    for age in np.unique(seen.epochs[~seen.reached]) if curves else ():
        then = np.array([min(curve[:age]) for curve in curves])
        order = np.argsort(-then, kind="stable")
        no_better = np.minimum.accumulate(losses[full][order])
        young = ~seen.reached & (seen.epochs == age)
        place = np.searchsorted(then[order][::-1], seen.values[young], "left")
        losses[young] = np.where(
            place < len(then), no_better[::-1][np.minimum(place, len(then) - 1)], losses[full].max()
        )
    return losses
