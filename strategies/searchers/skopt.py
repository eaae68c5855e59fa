"""Bayesian optimisation as scikit-optimize does it: its `Optimizer`, told the whole history for every proposal."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from strategies.base import Loss, Proposal, Searcher
from strategies.errors import StrategyError
from strategies.models.evidence import evidence
from strategies.parameters import Choice, Int, Parameter
from strategies.settings import require_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from strategies.models.evidence import Evidence
    from strategies.trial import History

_ESTIMATORS: Final = ("gp", "et", "rf", "gbrt")
_ACQUISITIONS: Final = ("EI", "LCB", "PI", "gp_hedge")


@dataclass(frozen=True)
class Skopt(Searcher):
    """The point that scikit-optimize's `Optimizer` asks for, once `initial` trials have told; before, random points.

    `estimator` is its surrogate: "gp" (Gaussian process), "et" (extra trees), "rf" (random forest), "gbrt" (gradient-
    boosted trees). Of `acquisition` "gp_hedge" takes one of the other three at random, as nothing is remembered between
    proposals. Floats are searched as coordinates, integers as integers, choices as categories, and a parameter that a
    trial lacks is at its middle. Trials still awaited count as good as the best (constant liar, Ginsbourger, Le Riche &
    Carraro 2010), so that the next is put elsewhere; failed ones as bad as the worst.
    Of more than `most` trials a third are the best, a third the latest, the rest spread evenly over the search.
    """

    summary: ClassVar[str] = "Bayesian optimisation by scikit-optimize, with a process or with trees; takes its time."
    adaptive: ClassVar[bool] = True
    slow: ClassVar[bool] = True

    estimator: str = "gp"
    acquisition: str = "EI"
    initial: int = 10
    most: int = 300

    def __post_init__(self) -> None:
        require_integer(self, "initial", at_least=1)
        require_integer(self, "most", at_least=10)
        for name, known in (("estimator", _ESTIMATORS), ("acquisition", _ACQUISITIONS)):
            if getattr(self, name) not in known:
                one_of = ", ".join(map(repr, known))
                raise StrategyError(f"Skopt: {name} must be one of {one_of}, not {getattr(self, name)!r}.")

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:  # noqa: ARG002 - the trials count
        """Return the point that an `Optimizer` asks for that was told of all trials at once."""
        space = history.space
        share = self.most // 3
        seen = evidence(history, self.initial, most=max(self.most, self.initial), best=lambda _: share, latest=share)
        axes = {i: each for i, each in enumerate(space.parameters.values()) if each.decode(0.0) != each.decode(1.0)}
        if len(seen.values) < self.initial or np.isinf(seen.values).all() or not axes:
            return Proposal(space.sample(rng), {"by": "skopt", "initial": True})
        asked = self._asked(axes, *_told(seen), seed=int(rng.integers(2**31)))
        at = np.full(space.dimension, 0.5)
        for (i, each), value in zip(axes.items(), asked, strict=True):
            at[i] = _coordinate(each, value)
        model = {"by": "skopt", "estimator": self.estimator, "acquisition": self.acquisition}
        known = {"incumbent": Loss(seen.values.min()), "observations": len(seen.values), "level": seen.level}
        return Proposal(space.decode(at), {**model, **known})

    def _asked(
        self, axes: dict[int, Parameter], points: "NDArray[np.float64]", losses: "NDArray[np.float64]", *, seed: int
    ) -> list[Any]:
        """Return a value for each of the axes, from all points, shape (n, d), and losses, shape (n,), told at once."""
        from skopt import Optimizer

        optimizer = Optimizer(
            [_dimension(each) for each in axes.values()],
            self._surrogate(seed),
            n_initial_points=1,
            acq_func=self.acquisition,
            acq_optimizer="auto" if self.estimator == "gp" else "sampling",  # trees have no gradients
            random_state=seed,
        )
        told = [[_value(each, point[i]) for i, each in axes.items()] for point in points.tolist()]
        with warnings.catch_warnings():
            # a point that was tried is no news: the planner puts another in its place
            warnings.filterwarnings("ignore", message="The objective has been evaluated", category=UserWarning)
            optimizer.tell(told, losses.tolist())
            asked: list[Any] = optimizer.ask()
        return asked

    def _surrogate(self, seed: int) -> Any:
        if self.estimator != "gbrt":
            return self.estimator
        from strategies.models.boosted_quantiles import BoostedQuantiles

        return BoostedQuantiles(random_state=seed)


_HUGE = 1e50  # beyond it the models' squares are infinite


def _told(seen: "Evidence") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the points and losses to learn from: failed ones as bad as the worst, awaited ones as good as the best."""
    finite = seen.values[np.isfinite(seen.values)]
    losses = np.where(np.isfinite(seen.values), seen.values, finite.max()).clip(-_HUGE, _HUGE)
    lies = np.full(len(seen.pending), finite.min()).clip(-_HUGE, _HUGE)
    return np.concatenate([seen.points, seen.pending]), np.concatenate([losses, lies])


def _dimension(parameter: Parameter) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(parameter, Choice):
        return Categorical([str(i) for i in range(len(parameter.values))])
    if isinstance(parameter, Int):
        return Integer(parameter.low, parameter.high, prior="log-uniform" if parameter.log else "uniform")
    return Real(0.0, 1.0)


def _value(parameter: Parameter, at: float) -> Any:
    """Return what stands for a coordinate in the parameter's dimension: a choice is known by its index, as text."""
    if isinstance(parameter, Choice):
        return str(parameter.values.index(parameter.decode(at)))
    return parameter.decode(at) if isinstance(parameter, Int) else at


def _coordinate(parameter: Parameter, value: Any) -> float:
    if isinstance(parameter, Choice):
        return parameter.encode(parameter.values[int(value)])
    return parameter.encode(int(value)) if isinstance(parameter, Int) else float(value)
