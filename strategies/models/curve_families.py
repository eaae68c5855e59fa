"""Eleven families of learning curves (Domhan, Springenberg & Hutter, IJCAI 2015, table 1): a rising metric in [0, 1].

Up to level and height they are fewer: MMF, Hill3 and log power have the same shapes, so have Weibull, Janoschek, exp4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_EVALUATIONS = 200
_FAR = 1e3  # a residual of a curve that is undefined at some step


@dataclass(frozen=True, slots=True)
class Family:
    """A curve f(t, *parameters) of the step t = 1, 2, …; steps and parameters broadcast. NaN where it is undefined."""

    name: str
    parameters: tuple[str, ...]
    start: tuple[float, ...]
    """Where a fit begins: what typical accuracies of deep networks gave."""
    formula: Callable[..., Array]

    def curve(self, steps: Array, parameters: Any) -> Array:
        """Return the values at `steps`; `parameters` are numbers or arrays that broadcast with the steps, in order."""
        with np.errstate(all="ignore"):
            return self.formula(steps, *parameters)

    def fit(self, steps: Array, metric: Array) -> Array | None:
        """Return the parameters of least squares, found from the start values; None when the search fails.

        Gradients are differences. There are no bounds: outside of their domain parameters give NaN, which is a bad fit.
        """
        from scipy.optimize import least_squares

        def residuals(parameters: Array) -> Array:
            difference = self.curve(steps, parameters) - metric
            return np.where(np.isfinite(difference), difference.clip(-_FAR, _FAR), _FAR)

        found = least_squares(residuals, self.start, x_scale="jac", max_nfev=_EVALUATIONS)
        parameters: Array = found.x
        usable = np.isfinite(parameters).all() and np.isfinite(self.curve(steps, parameters)).all()
        return parameters if usable else None


def _family(name: str, formula: Callable[..., Array], **start: float) -> Family:
    return Family(name, tuple(start), tuple(start.values()), formula)


_ALL = (
    _family("vapor pressure", lambda t, a, b, c: np.exp(a + b / t + c * np.log(t)), a=-0.622, b=-0.470, c=0.0423),
    _family("pow3", lambda t, c, a, alpha: c - a * t**-alpha, c=0.84, a=0.52, alpha=0.01),
    _family("log log linear", lambda t, a, b: np.log(a * np.log(t) + b), a=1.0, b=1.0),
    _family(
        "hill3",
        lambda t, theta, eta, kappa: theta * t**eta / (kappa**eta + t**eta),
        theta=0.772,
        eta=0.586,
        kappa=2.461,
    ),
    _family("log power", lambda t, a, b, c: a / (1 + (t / np.exp(b)) ** c), a=0.77, b=2.98, c=-0.51),
    _family("pow4", lambda t, c, a, b, alpha: c - (a * t + b) ** -alpha, c=0.8, a=200.0, b=0.0, alpha=0.1),
    _family(
        "mmf",
        lambda t, alpha, beta, kappa, delta: alpha - (alpha - beta) / (1 + (kappa * t) ** delta),
        alpha=0.7,
        beta=0.1,
        kappa=0.01,
        delta=5.0,
    ),
    _family("exp4", lambda t, c, a, b, alpha: c - np.exp(-a * t**alpha + b), c=0.7, a=0.8, b=-0.8, alpha=0.3),
    _family(
        "janoschek",
        lambda t, alpha, beta, kappa, delta: alpha - (alpha - beta) * np.exp(-kappa * t**delta),
        alpha=0.73,
        beta=0.07,
        kappa=0.355,
        delta=0.46,
    ),
    _family(
        "weibull",
        lambda t, alpha, beta, kappa, delta: alpha - (alpha - beta) * np.exp(-((kappa * t) ** delta)),
        alpha=0.7,
        beta=0.1,
        kappa=0.01,
        delta=1.0,
    ),
    _family("ilog2", lambda t, c, a: c - a / np.log(t + 1), c=0.78, a=0.43),
)

FAMILIES: Final[Mapping[str, Family]] = {family.name: family for family in _ALL}
