"""Random numbers that are a function of what they are for, so that no generator's state has to be saved."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are drawn for. Every seeded result depends on these values: add to them, never change one."""

    INITIAL_PARAMETERS = 0
    DATA_ORDER = 1
    NOISE = 2


def generator(seed: int, purpose: Purpose, *when: int) -> np.random.Generator:
    """Return the generator of a member's `seed` for one purpose, in one epoch say; all of them are independent."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(purpose, *when))))
