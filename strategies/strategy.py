"""A strategy: a searcher, a scheduler and, if wanted, a stopper, each chosen freely."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from strategies.base import Scheduler, Searcher, Stopper
from strategies.errors import StrategyError
from strategies.missing import STAND_INS, Missing, MissingStopper
from strategies.presets import PRESETS
from strategies.registry import Component, find, kind_of, name_of
from strategies.schedulers.full import Full
from strategies.searchers.random import Random
from strategies.spelling import suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.space import Space


@dataclass(frozen=True)
class Strategy:
    """What to try next, for how long, and what to give up: `Strategy(Grid(points=5), SuccessiveHalving(eta=4))`."""

    searcher: Searcher = field(default_factory=Random)
    scheduler: Scheduler = field(default_factory=Full)
    stopper: Stopper | None = None

    def __post_init__(self) -> None:
        for kind, base in (("searcher", Searcher), ("scheduler", Scheduler), ("stopper", Stopper | None)):
            if not isinstance(part := getattr(self, kind), base):
                raise StrategyError(f"{part!r} is no {kind}: write Strategy(searcher, scheduler, stopper), or by name.")

    @property
    def parts(self) -> dict[str, Component]:
        """Searcher, scheduler and stopper by kind, in this order."""
        parts = {"searcher": self.searcher, "scheduler": self.scheduler, "stopper": self.stopper}
        return {kind: part for kind, part in parts.items() if part is not None}

    @property
    def name(self) -> str:
        """The names of its parts, like "random+halving+patience"; settings are not told."""
        return "+".join(map(name_of, self.parts.values()))

    @property
    def adaptive(self) -> bool:
        """Whether its decisions depend on which results are known when."""
        return any(part.adaptive for part in self.parts.values())

    def check(self, space: "Space", max_epochs: int) -> None:
        """Raise StrategyError when it cannot search `space` with trials of at most `max_epochs` epochs."""
        self.searcher.check(space)
        self.scheduler.check(max_epochs)
        self.scheduler.check_space(space)
        if isinstance(self.stopper, MissingStopper):
            self.stopper.refuse()

    def to_dict(self) -> dict[str, Any]:
        """Return its parts by kind, each with its name and all its settings, as JSON values."""
        return {kind: {"name": name_of(part), "settings": _settings(part)} for kind, part in self.parts.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the strategy from what `to_dict` returned; a setting left out has its default. Raises StrategyError."""
        for kind, part in data.items():
            if not isinstance(part, Mapping) or not _is_described(part):
                raise StrategyError(f"The {kind} of a strategy is a table with a name and settings, not {part!r}.")
        return cls(**_by_kind([_configured(**part) for part in data.values()]))

    @classmethod
    def recorded(cls, data: Mapping[str, Any]) -> Self:
        """Make the strategy of a study on record, with a stand-in for each part that cannot be had here."""
        return cls(**_by_kind([_configured_or_missing(kind, **part) for kind, part in data.items()]))


def _is_described(part: Mapping[str, Any]) -> bool:
    named = isinstance(part.get("name"), str) and isinstance(part.get("settings") or {}, Mapping)
    return named and set(part) <= {"name", "settings"}


def parse_strategy(text: str) -> Strategy:
    """Return the strategy written as names joined by plus signs, in any order, like "grid+halving".

    Without a searcher it is random, without a scheduler full. Raises StrategyError for a name that is unknown, and for
    two parts of a kind.
    """
    return Strategy(**_by_kind([part for name in text.split("+") for part in _named(name.strip())]))


def _named(name: str) -> "Sequence[Component]":
    return PRESETS[name].make() if name in PRESETS else [_configured(name)]


def _settings(part: Any) -> dict[str, Any]:
    return dict(part.settings) if isinstance(part, Missing) else asdict(part)


def _configured(name: str, settings: Mapping[str, Any] | None = None) -> Component:
    found: Any = find(name)
    known = [each.name for each in fields(found)]
    for setting in settings or {}:
        if setting not in known:
            has = f"It has {', '.join(known)}." if known else "It has none."
            raise StrategyError(f"{name!r} has no setting {setting!r}.{suggestion(setting, known)} {has}")
    component: Component = found(**(settings or {}))
    return component


def _configured_or_missing(kind: str, name: str, settings: Mapping[str, Any] | None = None) -> Component:
    try:
        return _configured(name, settings)
    except StrategyError as error:
        return STAND_INS[kind](name, settings or {}, str(error))


def _by_kind(parts: list[Component]) -> dict[str, Any]:
    chosen: dict[str, Component] = {}
    for part in parts:
        kind = kind_of(type(part))
        if kind in chosen:
            both = f"{name_of(chosen[kind])!r} and {name_of(part)!r}"
            raise StrategyError(f"A strategy has one {kind}, but {both} are two: drop one.")
        chosen[kind] = part
    return chosen
