"""Other people's searches, each with its defaults and in its own idiom.

A rival takes the space, what evaluates the points it proposes, a seed, and how often. On a recorded table not what it
proposes is evaluated but the nearest row that it has not had: so it gets the point back together with the value, and
learns from that one. On a function the two are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from search.runs import EVALUATIONS, Objective
from search.tables import Untried
from strategies import Params, Space
from strategies.recorded import RecordedSpace

Evaluate = Callable[[Params], tuple[Params, float]]
"""Takes a proposal; returns the point that was evaluated for it, and its value."""


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
        """Return its search of `space`."""
        search = getattr(import_module(f"search.rivals.{self.module}"), self.search)
        return lambda objective: search(space, _evaluate(space, objective), seed, EVALUATIONS)


def _evaluate(space: Space, objective: Objective) -> Evaluate:
    untried = Untried(space) if isinstance(space, RecordedSpace) else None

    def evaluate(params: Params) -> tuple[Params, float]:
        point = untried.take(params) if untried else params
        return point, objective(space.decode(space.encode(point)))

    return evaluate


PROVIDES = {"scikit-optimize": "skopt"}
MANY, FEW = 20, 5  # seeds: few for those that take a tenth of a second a decision or more

RIVALS = (
    Rival("Hyperopt TPE", "hyperopt", "hyperopt_tpe", "tpe", MANY),
    Rival("Optuna TPE", "optuna", "optuna_samplers", "tpe", MANY),
    Rival("Optuna GP", "optuna", "optuna_samplers", "gp", MANY),
    Rival("SMAC HPO", "smac", "smac_facades", "random_forest", FEW),
    Rival("SMAC BlackBox", "smac", "smac_facades", "gaussian_process", FEW),
    Rival("scikit-optimize GP", "scikit-optimize", "skopt_gp", "gp", FEW),
)
"""The quickest first."""
