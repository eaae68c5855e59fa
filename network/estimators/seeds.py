"""From scikit-learn's random states to seeds."""

from typing import Final

import numpy as np
from sklearn.utils import check_random_state

RandomState = int | np.random.RandomState | None
"""An int is the same seed in every call of fit, a generator draws one in each, None draws from NumPy's global one."""

END: Final = 2**31 - 1


def drawn_seed(random_state: RandomState) -> int:
    """Return a seed below 2³¹ - 1; raise scikit-learn's ValueError when the random state is none."""
    return int(check_random_state(random_state).randint(END))
