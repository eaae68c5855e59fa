"""What an epoch costs, measured before the search: for the choice of a strategy."""

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hpo.objectives import Objective
    from strategies import Space


def epoch_seconds(objective: "Objective | None", space: "Space") -> float | None:
    """Return the seconds of an epoch in the middle of the space; None where training is more than arithmetic.

    Only a network is tried out: a user's own code may take hours, or do things that are not to be done twice.
    """
    if objective is None or objective.kind != "network":
        return None
    from hpo.objectives import Beginning

    session = objective.open([Beginning(space.decode(np.full(space.dimension, 0.5)), seed=0)])
    session.train_epoch()  # the first pays for what is made ready
    began = perf_counter()
    session.train_epoch()
    return perf_counter() - began
