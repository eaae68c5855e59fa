"""Other people's searches, each with its defaults and in its own idiom.

A rival takes the space, what to call, how often, and a seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from search.runs import EVALUATIONS, Objective
from strategies import Space


@dataclass(frozen=True, slots=True)
class Rival:
    """A search of the library `package`: the function `search` of our module `module`; how many seeds it runs with."""

    name: str
    package: str
    module: str
    search: str
    seeds: int

    @property
    def is_installed(self) -> bool:
        """Whether its library can be imported here."""
        return find_spec(PROVIDES.get(self.package, self.package)) is not None

    @property
    def version(self) -> str:
        """Its library with the release that is installed."""
        return f"{self.package} {version(self.package)}"

    def on(self, space: Space, seed: int) -> Callable[[Objective], None]:
        """Return its search of `space`. Where only some points can be tried, its own count as the nearest of these."""
        search = getattr(import_module(f"search.rivals.{self.module}"), self.search)

        def started(objective: Objective) -> None:
            search(space, lambda params: objective(space.decode(space.encode(params))), seed, EVALUATIONS)

        return started


PROVIDES = {"scikit-optimize": "skopt"}
MANY, FEW = 20, 5  # seeds: few for those that take half a second a decision

RIVALS = (
    Rival("Hyperopt TPE", "hyperopt", "hyperopt_tpe", "tpe", MANY),
    Rival("Optuna TPE", "optuna", "optuna_samplers", "tpe", MANY),
    Rival("Optuna GP", "optuna", "optuna_samplers", "gp", MANY),
    Rival("SMAC HPO", "smac", "smac_facades", "random_forest", FEW),
    Rival("SMAC BlackBox", "smac", "smac_facades", "gaussian_process", FEW),
    Rival("scikit-optimize GP", "scikit-optimize", "skopt_gp", "gp", FEW),
)
"""The quickest first."""
