"""Strategies of several parts that have a name of their own: parts that are made for each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from strategies.base import Scheduler, Searcher, Stopper
from strategies.schedulers.hyperband import Hyperband
from strategies.searchers.tpe import TPE


@dataclass(frozen=True, slots=True)
class Preset:
    """A named combination of parts."""

    summary: str
    make: Callable[[], tuple[Searcher | Scheduler | Stopper, ...]]


PRESETS: Final[Mapping[str, Preset]] = {
    "bohb": Preset(
        "TPE within Hyperband: learns from the longest trials what to try next.", lambda: (TPE.bohb(), Hyperband())
    ),
}
