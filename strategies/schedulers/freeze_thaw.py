"""Freeze-thaw Bayesian optimisation (Swersky, Snoek, Adams, arXiv 1406.3896, 2014)."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from strategies.base import DONE, WAIT, Decision, Loss, Reason, Resume, Scheduler, Start, Stop
from strategies.errors import StrategyError
from strategies.models import freeze_thaw_evidence as known
from strategies.models.acquisition import log_improvement, probability_of_improvement
from strategies.models.entropy_search import draw, entropy_gains, minimum_probabilities
from strategies.models.freeze_thaw import Array
from strategies.models.freeze_thaw_fit import KERNELS
from strategies.models.freeze_thaw_outlook import Outlook, next_end, outlook
from strategies.settings import require_integer, require_number
from strategies.trial import Point, State, point

if TYPE_CHECKING:
    from strategies.trial import History, Params, Trial

Rows = NDArray[np.int64]

_ACQUISITIONS: Final = ("entropy_search", "ei_max", "mfpi_random")
_RIVALS: Final = 3
"""Trials that cannot be trained now but may be the best all the same: the basket is compared with these too."""
_ENUMERATED: Final = 2000
_NEAR: Final = 0.1
"""How far around good trials, in coordinates, half of the candidates lie: a standard deviation."""
_PARENTS: Final = 3
_RESOLUTION: Final = 1e-3
"""An entropy, in nats, below which samples tell nothing."""
_INITIAL: Final = {"by": "freeze-thaw", "initial": True}


@dataclass(frozen=True)
class FreezeThaw(Scheduler):
    """Each job trains one trial `step` epochs on (default: a tenth of max_epochs); the others stay frozen.

    A model of all curves tells where each of them leads, and where new ones may. The most promising paused trials and
    the most promising of some new points are the basket. `acquisition` picks from it what is trained next: that which
    tells most about which of them is best ("entropy_search", the paper's); that whose value after max_epochs can be
    expected to be below the best value by most ("ei_max", also what is left where the entropy cannot fall); or that
    which most probably beats a threshold after some epochs, both drawn for each decision ("mfpi_random"; Rakotoarison
    et al., "In-context freeze-thaw", ICML 2024).

    The params of the first `initial` trials are the searcher's, or the user's guesses; those of later ones are chosen
    here, whatever the searcher. The last of a budget is for the trial that is thought to end best. Without a budget,
    once no trial may start any more, one whose probability of beating the best value is below `give_up` is ended.

    The model looks at no more than about `most` trials: the best, the best that are paused, and the latest.
    """

    summary: ClassVar[str] = (
        "Trains whichever trial's curve promises most, or a new one, and keeps the others for later."
    )
    adaptive: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    slow: ClassVar[bool] = True

    acquisition: str = "entropy_search"
    step: int | None = None
    initial: int = 3
    basket_old: int = 10
    basket_new: int = 3
    fantasies: int = 5
    samples: int = 500
    candidates: int = 100
    give_up: float = 0.05
    kernel: str = "falling"
    warp: bool = False
    restarts: int = 1
    most: int = 300

    def __post_init__(self) -> None:
        for name, choices in (("acquisition", _ACQUISITIONS), ("kernel", tuple(KERNELS)), ("warp", (False, True))):
            if getattr(self, name) not in choices:
                listed = ", ".join(map(repr, choices))
                raise StrategyError(f"FreezeThaw: {name} must be one of {listed}, not {getattr(self, name)!r}.")
        if self.step is not None:
            require_integer(self, "step", at_least=1)
        for name in ("initial", "basket_old", "basket_new", "fantasies", "samples", "candidates", "restarts"):
            require_integer(self, name, at_least=1)
        require_integer(self, "most", at_least=10)
        require_number(self, "give_up", at_least=0)
        if self.give_up >= 1:
            raise StrategyError(f"FreezeThaw: give_up is a probability below 1, not {self.give_up!r}.")

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:
        """Return Start or Resume by the model, or by turns while fewer than two curves can be learnt from."""
        step = min(self.step or max(1, history.max_epochs // 10), history.max_epochs)
        frozen = known.paused(history)
        if trained := [number for _, number in frozen[bisect_left(frozen, (history.max_epochs,)) :]]:
            trial = history.trials[min(trained)]
            return Stop(trial.number, {"by": "freeze-thaw", "epochs": trial.epochs})
        if history.may_start and (len(history.trials) < self.initial or _guesses_left(history)):
            return Start(step, reason=_INITIAL)
        if not frozen and not history.may_start:
            return WAIT if history.open else DONE
        proposals = candidates(history, self.candidates, rng) if history.may_start else []
        seen = outlook(
            history,
            proposals,
            step=step,
            most=self.most,
            kernel=self.kernel,
            warp=self.warp,
            restarts=self.restarts,
        )
        if seen is None or not (frozen or proposals):  # where a space is used up, the planner sees to it
            return (
                Start(step, reason=_INITIAL)
                if history.may_start
                else _least_trained(history.trials[frozen[0][1]], step, history)
            )
        if not history.may_start and history.budget is None and (stop := _hopeless(seen, self.give_up)):
            return stop
        return _last_stretch(seen, history) or self._chosen(seen, rng)

    def _chosen(self, seen: Outlook, rng: "np.random.Generator") -> Start | Resume:
        """Return the next job of the row of the basket with the highest score, the first of equal ones."""
        options, rivals = self._basket(seen)
        basket = np.concatenate([options, rivals])
        mean, covariance = seen.mean[basket], seen.covariance[np.ix_(basket, basket)]
        draws = draw(mean, covariance, self.samples, rng)
        acquisition, scores = self.acquisition, np.zeros(len(basket))
        if acquisition == "entropy_search":
            precision = np.where(np.isin(basket, options), seen.gain[basket], 0.0)
            scores = entropy_gains(mean, covariance, precision, draws, fantasies=self.fantasies, rng=rng)
            if scores.max() < _RESOLUTION:  # it is settled which of them is best: what else could improve on that?
                acquisition = "ei_max"
        if acquisition != "entropy_search":
            scores = (_promise(seen) if acquisition == "ei_max" else _chance(seen, rng))[basket]
        best = int(np.argmax(scores[: len(options)]))
        row = int(options[best])
        reason = {
            **_told(seen, row),
            "acquisition": acquisition,
            "score": float(scores[best]),
            "probability": float(minimum_probabilities(draws)[best]),
            "basket": len(options),
            "epochs": int(seen.ends[row]),
        }
        if row >= len(seen.trials):
            return Start(int(seen.ends[row]), params=seen.proposals[row - len(seen.trials)], reason=reason)
        trial = seen.trials[row]
        return Resume(trial.number, int(seen.ends[row]), trial.rung + 1, reason)

    def _basket(self, seen: Outlook) -> tuple[Rows, Rows]:
        """Return the rows to choose from, paused trials by number before new points, and rivals of theirs."""
        order = np.argsort(-seen.improvement(), kind="stable")
        paused, new = np.isin(order, seen.paused), np.isin(order, seen.new)
        options = [np.sort(order[paused][: self.basket_old]), order[new][: self.basket_new]]
        return np.concatenate(options), order[~(paused | new)][:_RIVALS]


def candidates(history: "History", count: int, rng: "np.random.Generator") -> "list[Params]":
    """Return about `count` points that no trial has: half drawn from the space, half around the three best trials.

    Of a small finite space, any of its points.
    """
    space = history.space
    every = space.enumerated(_ENUMERATED)
    if every is not None:
        coordinates = every[rng.permutation(len(every))]
    else:
        parents = known.best(history, _PARENTS)
        around = space.encode_all([parents[i % len(parents)].params for i in range(count // 2)])
        near = around + _NEAR * rng.standard_normal(around.shape)
        coordinates = np.concatenate([rng.random((count - len(near), space.dimension)), near])
    found: dict[Point, Params] = {}
    for each in coordinates:
        params = space.decode(each)
        if not history.holds(params):
            found.setdefault(point(params), params)
        if len(found) == count:
            break
    return list(found.values())


def _promise(seen: Outlook) -> Array:
    """Return the log of each row's expected improvement on the best value, after the last epoch."""
    return log_improvement(*seen.values(), seen.best).value


def _chance(seen: Outlook, rng: "np.random.Generator") -> Array:
    """Return each row's probability of beating a random threshold after random epochs, as MFPI-random does."""
    further = int(rng.integers(1, len(seen.joint.ones) + 1))
    threshold = seen.best - 10.0 ** rng.uniform(-4.0, -1.0)
    return probability_of_improvement(*seen.values(further), threshold)


def _last_stretch(seen: Outlook, history: "History") -> Resume | None:
    """Return Resume for the paused trial thought to end best, if the budget just suffices to train that to its end."""
    if history.budget is None or not len(seen.paused):
        return None
    row = int(seen.paused[np.argmin(seen.values()[0][seen.paused])])
    trial = seen.trials[row]
    promised = sum(int(end) for end, each in zip(seen.ends, seen.trials, strict=False) if each.state is State.RUNNING)
    if history.budget - promised - known.spent(history) > history.max_epochs - trial.epochs:
        return None
    reason = {**_told(seen, row), "last_stretch": True, "epochs": int(seen.ends[row])}
    return Resume(trial.number, int(seen.ends[row]), trial.rung + 1, reason)


def _hopeless(seen: Outlook, give_up: float) -> Stop | None:
    """Return Stop for the paused trial that least probably beats the best value, if that is not worth it."""
    if not len(seen.paused):
        return None
    probabilities = probability_of_improvement(*seen.values(), seen.best)[seen.paused]
    lowest = int(np.argmin(probabilities))
    if probabilities[lowest] >= give_up:
        return None
    row = int(seen.paused[lowest])
    reason = {**_told(seen, row), "probability": float(probabilities[lowest]), "threshold": give_up}
    return Stop(seen.trials[row].number, reason)


def _told(seen: Outlook, row: int) -> Reason:
    """Return what every reason tells: where the row is thought to lead, and on what grounds."""
    shift, scale = seen.standard.shift, seen.standard.scale
    return {
        "by": "freeze-thaw",
        "predicted": Loss(shift + scale * seen.mean[row]),
        "sd": float(scale * np.sqrt(seen.covariance[row, row])),
        "incumbent": Loss(shift + scale * seen.best),
        "observations": len(seen.joint.precision),
    }


def _guesses_left(history: "History") -> bool:
    return any(not history.holds(guess) for guess in history.queue)


def _least_trained(trial: "Trial", step: int, history: "History") -> Resume:
    return Resume(trial.number, next_end(trial.epochs, step, history.max_epochs), trial.rung + 1, _INITIAL)
