"""The built-in objective: a neural network on a data set."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from hpo.errors import ObjectiveError
from hpo.objectives import Beginning, EpochResult, Objective, Session
from network import Architecture, Epoch, Member, NetworkError, Training
from network.errors import check_whole
from strategies import Choice, Float, Int, Params, Space, Value
from strategies.spelling import nearest

if TYPE_CHECKING:
    from hpo.data import Data
    from hpo.model import Model

EPOCHS: Final = 81
"""The most a network trains where nothing else is said: four times three times longer than one epoch."""

DEFAULTS: Final[Mapping[str, Value]] = {
    "layers": 1,
    "hidden": 64,
    "activation": "relu",
    "initializer": None,  # He's for ReLU, Glorot's for the others
    "optimizer": "adam",
    "batch_size": 32,
    "learning_rate": 1e-3,
    "l2": 0.0,
    "momentum": 0.9,
}
"""Every setting of a network that can be searched or fixed, and what it is where neither is done."""

_METRICS: Final = {"accuracy": "maximize", "log_loss": "minimize", "rmse": "minimize", "r2": "maximize"}
_OF_TASK: Final = {"classification": ("accuracy", "log_loss"), "regression": ("rmse", "r2")}


def default_space() -> Space:
    """Return the space that is searched where no other is given.

    Few shapes (depth, width and batch size have two or three values each), so that trials of one shape train as one
    stack. Learning rates span what Adam and SGD with momentum need on standardised inputs; L2 penalties go from none to
    speak of to strong; widths from 32 up cover tables and small images.
    """
    return Space(
        learning_rate=Float(3e-4, 1e-1, log=True),
        hidden=Choice(32, 64, 128),
        layers=Int(1, 2),
        activation=Choice("relu", "tanh"),
        optimizer=Choice("adam", "sgd"),
        momentum=Float(0.5, 0.99, when={"optimizer": "sgd"}),
        batch_size=Choice(32, 128),
        l2=Float(1e-6, 1e-2, log=True),
    )


class NetworkObjective(Objective):
    """A fully connected network on a data set; its value is a metric on the validation part.

    `data` is a built-in set's name, a file's path, a DataFrame, arrays (X, y) or a `Data`; `target`, `task`, `keep`,
    `drop`, `validation`, `test` and `seed` (of the split) are as in `load_data`. Further settings (see `DEFAULTS`) fix
    what the space does not search. Metrics: "accuracy" and "log_loss" for classification, "rmse" (in the target's own
    units) and "r2" for regression; the first of each is the default. Raises DataError and ObjectiveError.
    """

    kind = "network"
    resumable = True
    epochs = EPOCHS
    stack: ClassVar[int] = 32

    def __init__(
        self,
        data: Any,
        *,
        target: str | None = None,
        task: Any = None,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        validation: float = 0.2,
        test: float = 0.2,
        seed: int = 0,
        metric: str | None = None,
        **settings: Value,
    ) -> None:
        loaded = _loaded(
            data, target=target, task=task, keep=keep, drop=drop, validation=validation, test=test, seed=seed
        )
        self._data: Data | None = loaded
        self._arrays = loaded.arrays()
        self._loss = "cross_entropy" if loaded.task == "classification" else "squared_error"
        self._scale = float(loaded.target.scale)
        self._outputs = loaded.outputs
        self._settings: dict[str, Value] = {}
        for name, value in _checked_names(settings, "setting").items():
            self._check_value(f"setting {name!r} is {value!r}", name, value)
        self._settings = dict(settings)
        choices = _OF_TASK[loaded.task]
        self.metric = metric or choices[0]
        if self.metric not in choices:
            raise ObjectiveError(f"{self.metric!r} does not measure {loaded.task}: use {' or '.join(choices)}")
        self.direction = _METRICS[self.metric]  # type: ignore[assignment] # the literals of the dictionary
        self.source = {
            "kind": "network",
            "data": dict(loaded.source),
            "settings": dict(self._settings),
            "metric": self.metric,
            "shown": f"network on {loaded.name}",
        }

    @classmethod
    def from_source(cls, source: Mapping[str, Any]) -> "NetworkObjective":
        """Return the objective that `source` describes. Raises DataError when its data are gone or have changed."""
        from hpo.data import load_source

        return cls(load_source(source["data"]), metric=source["metric"], **source["settings"])

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker without what only the launcher needs: no table, no pipeline."""
        return self.__dict__ | {"_data": None}

    @property
    def data(self) -> "Data":
        """The data set, with its test part and preprocessing; not at hand in a worker process."""
        if self._data is None:
            raise ObjectiveError("a worker's copy of the objective has no more than the training data")
        return self._data

    def without_fixed(self, space: Space) -> Space:
        """Return `space` without the parameters that the settings fix, and those that hang on them."""
        gone = set(self._settings)
        for name in space.parents_first:
            if any(parent in gone for parent, _ in space.conditions[name]):
                gone.add(name)
        return Space({name: domain for name, domain in space.parameters.items() if name not in gone})

    def check(self, space: Space) -> None:
        """Raise ObjectiveError when a network has no such setting, or cannot take one of its values."""
        for name, domain in _checked_names(space.parameters, "parameter").items():
            if name in self._settings:
                raise ObjectiveError(
                    f"{name!r} is a parameter of the space, and a setting of the objective: leave one of them out"
                )
            for value in domain.values if isinstance(domain, Choice) else (domain.low, domain.high):
                self._check_value(f"parameter {name!r} may be {value!r}", name, value)

    def key(self, params: Params) -> Hashable:
        """Return the architecture: networks of one architecture train as one stack."""
        return self._network(params, seed=0)[0]

    def open(self, beginnings: Sequence[Beginning]) -> Session:
        """Return a stack of networks in training."""
        networks = [self._network(begin.params, begin.seed) for begin in beginnings]
        training = Training(networks[0][0], [member for _, member in networks], self._arrays, self.metric)
        for index, begin in enumerate(beginnings):
            if begin.state is not None:
                training.restore(index, begin.state)
        return _NetworkSession(training, self._result)

    def model(self, params: Params, seed: int, state: Mapping[str, Any]) -> "Model":
        """Return the network after its best epoch, as a model that takes raw tables."""
        from hpo.model import Model

        architecture, member = self._network(params, seed)
        training = Training(architecture, [member], self._arrays, self.metric)
        training.restore(0, state)
        return Model.trained_on(self.data, architecture, training.parameters(0, best=True), params=params)

    def _result(self, epoch: Epoch) -> EpochResult:
        if epoch.diverged:
            return EpochResult(error=f"diverged in epoch {epoch.epoch}: {_what_diverged(epoch)} is not finite")
        metrics = {name: value for name, value in epoch.metrics.items() if name in _METRICS}
        if "rmse" in metrics:
            metrics["rmse"] *= self._scale
        value = metrics.pop(self.metric)
        return EpochResult(value, {"train_loss": epoch.loss} | metrics)

    def _check_value(self, what: str, name: str, value: Value) -> None:
        try:
            self._network({name: value}, seed=0)
        except (NetworkError, TypeError, ValueError) as error:
            raise ObjectiveError(f"{what}, but: {error}") from error

    def _network(self, params: Mapping[str, Any], seed: int) -> tuple[Architecture, Member]:
        chosen: dict[str, Any] = {**DEFAULTS, **self._settings, **params}
        if chosen["initializer"] is None:
            chosen["initializer"] = "he" if chosen["activation"] == "relu" else "glorot"
        check_whole("layers", chosen["layers"], 0)
        architecture = Architecture(
            inputs=self._arrays.x_train.shape[1],
            outputs=self._outputs,
            hidden=(chosen["hidden"],) * chosen["layers"],
            activation=chosen["activation"],
            loss=self._loss,
            initializer=chosen["initializer"],
            optimizer=chosen["optimizer"],
            batch_size=chosen["batch_size"],
        )
        member = Member(seed, chosen["learning_rate"], chosen["l2"], chosen["momentum"])
        return architecture, member


class _NetworkSession(Session):
    def __init__(self, training: Training, result: Callable[[Epoch], EpochResult]) -> None:
        self._training = training
        self._result = result

    def train_epoch(self) -> list[EpochResult]:
        return [self._result(epoch) for epoch in self._training.train_epoch()]

    def state(self, index: int) -> Mapping[str, Any]:
        return self._training.state(index)

    def drop(self, index: int) -> None:
        if len(self._training.members) > 1:
            self._training.drop(index)


def _loaded(data: Any, **options: Any) -> "Data":
    from hpo.data import Data, load_data
    from hpo.data.loading import Options

    if not isinstance(data, Data):
        return load_data(data, **options)
    for option in fields(Options):
        if options[option.name] != option.default:
            raise ObjectiveError(
                f"{option.name}={options[option.name]!r} is about loading, and the data are loaded already: "
                f"give it to load_data"
            )
    return data


def _what_diverged(epoch: Epoch) -> str:
    wrong = [name for name, value in {"training loss": epoch.loss, **epoch.metrics}.items() if not np.isfinite(value)]
    return f"the {wrong[0].replace('_', ' ')}" if wrong else "a weight"


def _checked_names(names: Mapping[str, Any], what: str) -> dict[str, Any]:
    for name in names:
        if name not in DEFAULTS:
            near = nearest(name, DEFAULTS)
            hint = f"did you mean {near!r}? " if near else ""
            raise ObjectiveError(f"a network has no {what} {name!r}; {hint}it has: {', '.join(DEFAULTS)}")
    return dict(names)
