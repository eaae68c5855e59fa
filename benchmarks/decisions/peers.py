"""Other people's searches, each in memory and with its defaults, told the same observations as ours."""

import warnings
from importlib.util import find_spec
from time import process_time

from decisions.problem import Observed, loss
from strategies import Choice, Float, Parameter, Space

PACKAGES = {"optuna": "optuna", "torch": "torch", "skopt": "scikit-optimize"}


def missing() -> list[str]:
    """Return the packages to install before the peers can be measured."""
    return [package for module, package in PACKAGES.items() if find_spec(module) is None]


class Optuna:
    """A study with the sampler of that name, and an in-memory storage."""

    def __init__(self, sampler: str, space: Space, points: Observed) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._distributions = {name: _distribution(each) for name, each in space.parameters.items()}
        with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
            self._study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=0))
        self._study.add_trials(
            [
                optuna.trial.create_trial(params=params, distributions=self._distributions, value=value)
                for params, value in points
            ]
        )

    def turn(self) -> float:
        """Ask for a trial and tell its value: the processor's seconds of both."""
        began = process_time()
        trial = self._study.ask(self._distributions)
        self._study.tell(trial, loss(self._space, trial.params))
        return process_time() - began


class ScikitOptimize:
    """Its `Optimizer` with a Gaussian process."""

    def __init__(self, space: Space, points: Observed) -> None:
        import skopt

        self._space = space
        self._optimizer = skopt.Optimizer([_dimension(each) for each in space.parameters.values()], random_state=0)
        self._tell([list(params.values()) for params, _ in points], [value for _, value in points])

    def turn(self) -> float:
        """Ask for a point and tell its value, which is when it fits: the processor's seconds of both."""
        began = process_time()
        point = self._optimizer.ask()
        self._tell([point], [loss(self._space, dict(zip(self._space.parameters, point, strict=True)))])
        return process_time() - began

    def _tell(self, points: list[list], values: list[float]) -> None:
        with warnings.catch_warnings(category=UserWarning, action="ignore"):  # a point it has had already
            self._optimizer.tell(points, values)


def _distribution(parameter: Parameter) -> object:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.values)
    kind = FloatDistribution if isinstance(parameter, Float) else IntDistribution
    return kind(parameter.low, parameter.high, log=parameter.log)


def _dimension(parameter: Parameter) -> object:
    from skopt.space import Categorical, Integer, Real

    if isinstance(parameter, Choice):
        return Categorical(parameter.values)
    scale = "log-uniform" if parameter.log else "uniform"
    return (Real if isinstance(parameter, Float) else Integer)(parameter.low, parameter.high, prior=scale)
