"""The components of strategies by name: ours in one dictionary, joined by plug-ins.

A plug-in is a package that names its classes in the entry-point group `hpo.strategies`:

    [project.entry-points."hpo.strategies"]
    annealing = "my_package.annealing:Annealing"

It is loaded only when its name is looked up.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Final

from strategies.base import Scheduler, Searcher, Stopper
from strategies.errors import StrategyError
from strategies.missing import Missing
from strategies.presets import PRESETS
from strategies.schedulers.asha import ASHA
from strategies.schedulers.budgeted import Budgeted
from strategies.schedulers.budgeted_bandit import BudgetedBandit
from strategies.schedulers.freeze_thaw import FreezeThaw
from strategies.schedulers.full import Full
from strategies.schedulers.halving import SuccessiveHalving
from strategies.schedulers.hyperband import Hyperband
from strategies.schedulers.infinite_hyperband import InfiniteHyperband
from strategies.schedulers.metamax import MetaMax
from strategies.schedulers.one_epoch import OneEpoch
from strategies.schedulers.pasha import PASHA
from strategies.schedulers.population import PopulationBasedTraining
from strategies.searchers.bayes import Bayes
from strategies.searchers.cmaes import CMAES
from strategies.searchers.differential_evolution import DifferentialEvolution
from strategies.searchers.gp import GaussianProcess
from strategies.searchers.grid import Grid
from strategies.searchers.halton import Halton
from strategies.searchers.random import Random
from strategies.searchers.skopt import Skopt
from strategies.searchers.sobol import Sobol
from strategies.searchers.tpe import TPE
from strategies.spelling import suggestion
from strategies.stoppers.extrapolation import CurveExtrapolation
from strategies.stoppers.median import Median
from strategies.stoppers.patience import Patience
from strategies.stoppers.threshold import Threshold

Component = Searcher | Scheduler | Stopper

STRATEGIES: Final[dict[str, type[Component]]] = {
    "grid": Grid,
    "random": Random,
    "sobol": Sobol,
    "halton": Halton,
    "bayes": Bayes,
    "gp": GaussianProcess,
    "tpe": TPE,
    "skopt": Skopt,
    "de": DifferentialEvolution,
    "cmaes": CMAES,
    "full": Full,
    "halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "infinite-hyperband": InfiniteHyperband,
    "asha": ASHA,
    "pasha": PASHA,
    "freeze-thaw": FreezeThaw,
    "metamax": MetaMax,
    "budgeted": Budgeted,
    "budgeted-bandit": BudgetedBandit,
    "pbt": PopulationBasedTraining,
    "one-epoch": OneEpoch,
    "patience": Patience,
    "median": Median,
    "curves": CurveExtrapolation,
    "threshold": Threshold,
}

GROUP: Final = "hpo.strategies"
_KINDS: Final[Mapping[str, type[Component]]] = {"searcher": Searcher, "scheduler": Scheduler, "stopper": Stopper}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table of strategies."""

    name: str
    kind: str
    summary: str


def find(name: str) -> type[Component]:
    """Return the class of that name; raises StrategyError for one that is unknown, and for a broken plug-in."""
    if name in STRATEGIES:
        return STRATEGIES[name]
    plugins = _plugins()
    if name not in plugins:
        known = names()
        raise StrategyError(f"Unknown strategy {name!r}.{suggestion(name, known)} There are: {', '.join(known)}.")
    return _load(plugins[name])


def names() -> tuple[str, ...]:
    """Return every name: ours in the order of the dictionaries, then the plug-ins' by the alphabet."""
    return (*STRATEGIES, *PRESETS, *sorted(_plugins()))


def name_of(component: Component) -> str:
    """Return the name under which the component's class is registered; raises StrategyError when it is not."""
    if isinstance(component, Missing):
        return component.name
    for name, ours in STRATEGIES.items():
        if ours is type(component):
            return name
    for name, entry in _plugins().items():
        if _load(entry) is type(component):
            return name
    raise StrategyError(
        f"{type(component).__qualname__} has no name: add it to the entry points {GROUP!r} of an installed package."
    )


def kind_of(component: type[Component]) -> str:
    """Return "searcher", "scheduler" or "stopper"."""
    return next(kind for kind, base in _KINDS.items() if issubclass(component, base))


def table() -> list[Entry]:
    """Return a line for every name, in the order of `names()`; loads the plug-ins."""
    return [_entry(name) for name in names()]


def _entry(name: str) -> Entry:
    if name in PRESETS:
        return Entry(name, "strategy", PRESETS[name].summary)
    found = find(name)
    return Entry(name, kind_of(found), found.summary)


def _plugins() -> dict[str, EntryPoint]:
    plugins: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in STRATEGIES or entry.name in PRESETS:
            raise StrategyError(f"{_described(entry)} takes the name of a built-in strategy: rename or uninstall it.")
        if plugins.setdefault(entry.name, entry).value != entry.value:
            raise StrategyError(f"{_described(entry)} and {_described(plugins[entry.name])} clash: uninstall one.")
    return plugins


def _load(entry: EntryPoint) -> type[Component]:
    try:
        found: Any = entry.load()
    except Exception as error:
        raise StrategyError(f"{_described(entry)} cannot be loaded: {type(error).__name__}: {error}") from error
    if fault := _fault(found):
        raise StrategyError(f"{_described(entry)} is no strategy: {fault}.")
    component: type[Component] = found
    return component


def _fault(found: Any) -> str | None:
    """Return what keeps `found` from being the class of a component, if anything."""
    if not isinstance(found, type) or not issubclass(found, Component):
        return "it must be a subclass of Searcher, Scheduler or Stopper"
    if isabstract(found):
        return f"it lacks {', '.join(sorted(found.__abstractmethods__))}"
    if not getattr(getattr(found, "__dataclass_params__", None), "frozen", False):
        return "it must be a frozen dataclass, its fields the settings"
    if not isinstance(getattr(found, "summary", None), str):
        return "it lacks a `summary`, one sentence for people who choose"
    if needed := _without_default(found):
        return f"its setting {needed[0]!r} must have a default"
    return None


def _without_default(found: Any) -> list[str]:
    return [f.name for f in fields(found) if f.init and f.default is MISSING and f.default_factory is MISSING]


def _described(entry: EntryPoint) -> str:
    package = f" of the package {entry.dist.name!r}" if entry.dist else ""
    return f"The plug-in {entry.name!r} ({entry.value}){package}"
