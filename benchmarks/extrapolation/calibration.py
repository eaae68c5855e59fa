"""Whether curves end where they were said to: of each curve some is shown, and its last value predicted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, pi
from statistics import median
from time import process_time

import numpy as np
from numpy.typing import NDArray

from strategies.models.curve_prediction import Prediction

Array = NDArray[np.float64]
Curves = Sequence[tuple[float, ...]]
Engine = Callable[[Array, int], Prediction | None]

SHARES = (0.1, 0.2, 0.4, 0.8)
FEWEST = 4  # epochs, before which the stopper never judges
CENTRAL = 0.9
MARGIN = 0.25


@dataclass(frozen=True, slots=True)
class Case:
    """The first epochs of a curve as a metric that rises within [0, 1], and how it ends on that scale."""

    row: int
    seen: Array
    last: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the last value lay in a prediction: below what share of it, and the log of its density there."""

    row: int
    quantile: float
    log_density: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How an engine's predictions did."""

    predictions: int
    none: int
    """How many curves it could not carry on."""
    coverage: float
    """Share of the last values within the central 90 % of their predictions."""
    below: float
    above: float
    log_likelihood: float
    """The mean of the predictions' log densities at the last values."""
    typical: float
    """The median of these."""
    milliseconds: float


def cases(curves: Curves, share: float) -> Iterator[Case]:
    """Yield the beginning of every curve, on the scale that the stopper has when all others are complete.

    That is from the lowest loss of all to the median of the first ones, the curve's own included, and a margin.
    """
    lowest, first = (np.array([tell(curve) for curve in curves]) for tell in (min, lambda curve: curve[0]))
    for row, curve in enumerate(curves):
        seen = curve[: max(FEWEST, round(share * len(curve)))]
        low = min(np.delete(lowest, row).min(), *seen)
        high = max(float(np.median(np.delete(first, row))), *seen)
        worst, width = high + MARGIN * (high - low), (1 + 2 * MARGIN) * (high - low)
        yield Case(row, ((worst - np.array(seen)) / width).clip(0, 1), (worst - curve[-1]) / width)


def outcomes(engine: Engine, given: Sequence[Case], horizon: int) -> list[Outcome | None]:
    """Let an engine predict; None where it does not."""
    found: list[Outcome | None] = []
    for case in given:
        began = process_time()
        prediction = engine(case.seen, horizon)
        seconds = process_time() - began
        found.append(prediction and _outcome(prediction, case, seconds))
    return found


def calibration(found: Sequence[Outcome | None]) -> Calibration:
    """Return how predictions did, of which there must be one."""
    told = [one for one in found if one is not None]
    quantiles = np.array([one.quantile for one in told])
    tail = (1 - CENTRAL) / 2
    below, above = float((quantiles < tail).mean()), float((quantiles > 1 - tail).mean())
    densities = [one.log_density for one in told]
    return Calibration(
        predictions=len(told),
        none=len(found) - len(told),
        coverage=1 - below - above,
        below=below,
        above=above,
        log_likelihood=float(np.mean(densities)),
        typical=median(densities),
        milliseconds=median(one.seconds for one in told) * 1e3,
    )


def pooled(by_share: Mapping[float, Sequence[Outcome | None]]) -> Calibration:
    """Return how the predictions of all cut-offs did together."""
    return calibration([one for found in by_share.values() for one in found])


def _outcome(prediction: Prediction, case: Case, seconds: float) -> Outcome:
    from scipy.special import logsumexp, ndtr

    noises = np.maximum(prediction.noises, np.finfo(float).tiny)
    scores = (case.last - prediction.finals) / noises
    densities = -0.5 * scores**2 - np.log(noises) - 0.5 * log(2 * pi)
    density = float(logsumexp(densities)) - log(len(densities))
    return Outcome(case.row, float(ndtr(scores).mean()), density, seconds)
