"""Gradient ascent in the unit cube from many points at once: projected BFGS.

Nocedal & Wright, "Numerical optimization", 2006: equations (6.17) and (6.20), where what is at its bound and would
leave is held. Every step evaluates all points together, which costs little more than one of them would.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_RISE: Final = 1e-4  # the share of what the gradient promises that a step must gain
_REACH: Final = 0.3  # the longest step, in scales
_STILL: Final = 1e-9


def ascend(
    function: Callable[[Array], tuple[Array, Array]], starts: Array, free: Mask, scales: Array, steps: int
) -> tuple[Array, Array]:
    """Return points no lower than `starts` (m, f), moved where `free` (m, f), and the values of `function` there.

    `function` returns values (m,) and gradients (m, f); `scales` (f,) are the distances over which it changes.
    """
    points = starts
    values, gradients = function(points)
    gradients = gradients * scales  # from here on in units of the scales
    inverses = np.zeros((*points.shape, points.shape[1]))  # of the negative Hessian; none yet
    directions = _directions(inverses, gradients, points, free)
    lengths = np.ones(len(points))
    for _ in range(steps):
        step = np.clip(points + lengths[:, None] * directions * scales, 0.0, 1.0) - points
        if np.abs(step).max(initial=0.0) < _STILL:
            break
        tried, slopes = function(points + step)
        slopes, step = slopes * scales, step / scales
        promised = np.einsum("ij,ij->i", step, gradients)
        gained = (promised > 0) & (tried >= values + _RISE * promised)
        _update(inverses, step, gradients - slopes, gained)
        points = np.where(gained[:, None], np.clip(points + step * scales, 0.0, 1.0), points)
        values = np.where(gained, tried, values)
        gradients = np.where(gained[:, None], slopes, gradients)
        directions = np.where(gained[:, None], _directions(inverses, gradients, points, free), directions)
        lengths = np.where(gained, 1.0, lengths / 3)
    return points, values


def _directions(inverses: Array, gradients: Array, points: Array, free: Mask) -> Array:
    moves = free & ~((points <= 0.0) & (gradients < 0.0)) & ~((points >= 1.0) & (gradients > 0.0))
    uphill = np.where(moves, gradients, 0.0)
    directions = np.where(moves, np.einsum("ijk,ik->ij", inverses, uphill), 0.0)
    rises = np.einsum("ij,ij->i", directions, uphill) > 0.0
    directions = np.where(rises[:, None], directions, uphill)
    longest = np.sqrt((directions**2).sum(axis=1))
    return np.asarray(directions * np.minimum(1.0, _REACH / np.maximum(longest, _REACH))[:, None])


def _update(inverses: Array, step: Array, change: Array, where: Mask) -> None:
    """Apply (6.17) `where` a step was taken and the function bends as it does near a summit."""
    curvature = np.einsum("ij,ij->i", step, change)
    where = where & (curvature > 1e-10 * np.sqrt((step**2).sum(axis=1) * (change**2).sum(axis=1)))
    s, y, h, rho = step[where], change[where], inverses[where], 1.0 / curvature[where]
    first = ~h.any(axis=(1, 2))
    h[first] = np.eye(step.shape[1]) / (rho * (y**2).sum(axis=1))[first, None, None]  # (6.20)
    hy = np.einsum("ijk,ik->ij", h, y)
    along = (rho + rho**2 * np.einsum("ij,ij->i", y, hy))[:, None, None] * (s[:, :, None] * s[:, None, :])
    across = rho[:, None, None] * (s[:, :, None] * hy[:, None, :])
    inverses[where] = h + along - across - across.transpose(0, 2, 1)
