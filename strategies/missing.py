"""What stands for a part of a strategy on record that cannot be had here: its plug-in is not installed, say.

A study with such a part can be looked at, and written down again as it was; only to go on with it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from strategies.base import Scheduler, Searcher, Stopper
from strategies.errors import StrategyError

if TYPE_CHECKING:
    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Trial


@dataclass(frozen=True)
class Missing:
    """Its name and settings as they are on record, and why it cannot be had."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    summary: ClassVar[str] = "Cannot be had here."

    def refuse(self) -> NoReturn:
        """Raise StrategyError with what is wrong."""
        raise StrategyError(
            f"the study needs the strategy {self.name!r} to go on, which cannot be had here. {self.why}"
        )


@dataclass(frozen=True)
class MissingSearcher(Missing, Searcher):
    """A searcher that cannot be had."""

    def propose(self, number: int, history: "History", rng: "np.random.Generator") -> NoReturn:  # noqa: ARG002 - refused
        self.refuse()

    def check(self, space: "Space") -> None:  # noqa: ARG002 - refused
        self.refuse()


@dataclass(frozen=True)
class MissingScheduler(Missing, Scheduler):
    """A scheduler that cannot be had."""

    def decide(self, history: "History", rng: "np.random.Generator") -> NoReturn:  # noqa: ARG002 - refused
        self.refuse()

    def check(self, max_epochs: int) -> None:  # noqa: ARG002 - refused
        self.refuse()


@dataclass(frozen=True)
class MissingStopper(Missing, Stopper):
    """A stopper that cannot be had."""

    def verdict(self, trial: "Trial", history: "History") -> NoReturn:  # noqa: ARG002 - refused
        self.refuse()


STAND_INS: Final[Mapping[str, type[MissingSearcher | MissingScheduler | MissingStopper]]] = {
    "searcher": MissingSearcher,
    "scheduler": MissingScheduler,
    "stopper": MissingStopper,
}
"""By kind."""
