"""The points of a small space that no trial has."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategies.trial import point

if TYPE_CHECKING:
    from strategies.trial import History


def untaken(history: "History", most: int) -> NDArray[np.float64] | None:
    """Return the coordinates of the points that no trial has, shape (m, d); None for a space of more than `most`."""
    points = history.space.enumerated(most)
    if points is None:
        return None
    taken = {point(trial.params) for trial in history.trials} if history.taken is None else history.taken
    return points[[each not in taken for each in history.space.keys(most)]]
