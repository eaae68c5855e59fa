"""The errors of this floor, and the root of the project's tree.

    HpoError                    whatever a person can mend; its message says what is wrong, where, and what to do
    ├── SpaceError              a space, a condition or params outside of a space
    └── StrategyError           a strategy that is unknown, misconfigured, or does not fit the space or the objective
        └── Exhausted           a searcher has proposed every point it has (the grid is used up): not a fault

`hpo/errors.py` draws the whole tree with the branches of the upper floors.
"""


class HpoError(Exception):
    """Something a person can mend. The message says what is wrong, where, and what to do."""


class SpaceError(HpoError, ValueError):
    """A space that cannot be, or params that do not lie in the space."""


class StrategyError(HpoError, ValueError):
    """A strategy that is unknown or misconfigured, or that does not fit the space or the objective."""


class Exhausted(StrategyError):  # noqa: N818 - the name is the condition
    """Every point of the searcher has been proposed; no further trial can start."""
