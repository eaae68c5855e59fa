"""The built-in objective: a neural network on a data set."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from hpo.default_spaces import default_space
from hpo.errors import ObjectiveError
from hpo.network_settings import EPOCHS, WIDTHS, check_settings, network_of
from hpo.objectives import Beginning, EpochResult, Objective, Session
from network import Architecture, Direction, Epoch, Member, NetworkError, Training
from strategies import Choice, Params, Space, Value
from strategies.parameters import Parameter, parameter_from_dict

if TYPE_CHECKING:
    from hpo.data import Data
    from hpo.model import Model

_METRICS: Final[Mapping[str, Mapping[str, Direction]]] = {
    "classification": {
        "accuracy": "maximize",
        "log_loss": "minimize",
        "balanced_accuracy": "maximize",
        "roc_auc": "maximize",
    },
    "multilabel": {
        "log_loss": "minimize",
        "accuracy": "maximize",
        "balanced_accuracy": "maximize",
        "roc_auc": "maximize",
    },
    "regression": {"rmse": "minimize", "r2": "maximize", "mae": "minimize"},
}
"""What can be measured for each task, the first where nothing else is said."""

_IN_UNITS: Final = ("rmse", "mae")


class NetworkObjective(Objective):
    """A fully connected network on a data set; its value is a metric on the validation part.

    `data` is a built-in set's name, a file's path, a DataFrame, arrays (X, y) or a `Data`; `target`, `task`, `keep`,
    `drop`, `weight`, `balance`, `validation`, `test` and `seed` (of the split) are as in `load_data`. Further settings
    (see `network_settings.DEFAULTS`) fix what the space does not search. Metrics: "accuracy", "log_loss",
    "balanced_accuracy" and "roc_auc" of classes, and of labels, where "log_loss" is the default; "rmse", "r2" and "mae"
    of numbers: errors are in the target's own units, or of several targets in standard deviations of each. Raises
    DataError and ObjectiveError.
    """

    kind = "network"
    resumable = True
    epochs = EPOCHS
    stack: ClassVar[int] = 32

    def __init__(
        self,
        data: Any,
        *,
        target: str | Sequence[str] | None = None,
        task: Any = None,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        weight: Any = None,
        balance: bool = False,
        validation: float = 0.2,
        test: float = 0.2,
        seed: int = 0,
        metric: str | None = None,
        **settings: Value,
    ) -> None:
        loaded = _loaded(
            data,
            target=target,
            task=task,
            keep=keep,
            drop=drop,
            weight=weight,
            balance=balance,
            validation=validation,
            test=test,
            seed=seed,
        )
        self._data: Data | None = loaded
        self._source, self._name = dict(loaded.source), loaded.name
        self._arrays = loaded.arrays()
        self.task = loaded.task
        self._unit = _unit(loaded)
        self._outputs = loaded.outputs
        self._settings: dict[str, Value] = {}
        self._lasts = EPOCHS
        check_settings(settings, "setting")
        for name, value in settings.items():
            self._check_value(f"setting {name!r} is {value!r}", name, value)
        self._settings = {name: _plain(value) for name, value in settings.items()}
        choices = _METRICS[loaded.task]
        self.metric = metric or next(iter(choices))
        if self.metric not in choices:
            raise ObjectiveError(f"{self.metric!r} does not measure {loaded.task}: use {' or '.join(choices)}")
        self.direction = choices[self.metric]

    @property
    def source(self) -> Mapping[str, Any]:  # type: ignore[override] # it follows from the settings
        """Where it comes from, in JSON."""
        return {
            "kind": "network",
            "data": self._source,
            "settings": dict(self._settings),
            "schedule_epochs": self._lasts,
            "metric": self.metric,
            "shown": f"network on {self._name}",
        }

    @classmethod
    def from_source(cls, source: Mapping[str, Any]) -> "NetworkObjective":
        """Return the objective that `source` describes.

        Raises DataError when its data are gone or have changed, ObjectiveError when this version cannot make it.
        """
        from hpo.data import load_source

        data = load_source(source["data"])
        try:
            objective = cls(data, metric=source["metric"], **source["settings"])
            return objective.lasting(source["schedule_epochs"])
        except (KeyError, TypeError) as error:
            raise ObjectiveError(
                f"{source['shown']} is on record with settings that this version does not know ({error}): use the "
                "version of hpo that made the study, or give the objective again: load_study(name, objective=...)"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker without what only the launcher needs: no table, no pipeline."""
        return self.__dict__ | {"_data": None}

    @property
    def data(self) -> "Data":
        """The data set, with its test part and preprocessing; not at hand in a worker process."""
        if self._data is None:
            raise ObjectiveError("a worker's copy of the objective has no more than the training data")
        return self._data

    def lasting(self, epochs: int) -> "NetworkObjective":
        """Return this objective with schedules that end after so many epochs, unless settings or space say when."""
        lasting = object.__new__(type(self))  # a copy would travel light, as to a worker
        lasting.__dict__ = self.__dict__ | {"_lasts": epochs}
        return lasting

    def default_space(self) -> Space:
        """Return the space for the task, without what the settings fix."""
        return self.without_fixed(default_space(self.task))

    def without_fixed(self, space: Space) -> Space:
        """Return `space` without the parameters that the settings fix, and those that they leave without effect.

        What hangs on a setting stays, unconditionally, where its condition holds. The setting `hidden` fixes the width
        of every layer.
        """
        fixed = {*self._settings, *(WIDTHS if "hidden" in self._settings else ())}
        left: dict[str, Parameter] = {}
        for name in space.parents_first:
            conditions = dict(space.conditions[name])
            holding = {parent for parent in conditions if self._settings.get(parent) in conditions[parent]}
            open_ones = {parent: list(wanted) for parent, wanted in conditions.items() if parent not in holding}
            if name not in fixed and open_ones.keys() <= left.keys():
                described = {key: value for key, value in space.parameters[name].to_dict().items() if key != "when"}
                left[name] = parameter_from_dict(described | ({"when": open_ones} if open_ones else {}))
        return Space({name: left[name] for name in space.parameters if name in left})

    def check(self, space: Space) -> None:
        """Raise ObjectiveError when a network has no such setting, or cannot take one of its values."""
        check_settings(space.parameters, "parameter")
        for name, domain in space.parameters.items():
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
        return Model.trained_on(self.data, architecture, training.weights(0), params=params)

    def _result(self, epoch: Epoch) -> EpochResult:
        if epoch.diverged:
            return EpochResult(error=f"diverged in epoch {epoch.epoch}: {_what_diverged(epoch)} is not finite")
        metrics = {name: value for name, value in epoch.metrics.items() if name in _METRICS[self.task]}
        for name in metrics.keys() & _IN_UNITS:
            metrics[name] *= self._unit
        value = metrics.pop(self.metric)
        return EpochResult(value, {"train_loss": epoch.loss} | metrics)

    def _check_value(self, what: str, name: str, value: Value) -> None:
        try:
            self._network({name: value}, seed=0)
        except (NetworkError, TypeError, ValueError) as error:
            raise ObjectiveError(f"{what}, but: {error}") from error

    def _network(self, params: Mapping[str, Any], seed: int) -> tuple[Architecture, Member]:
        inputs = self._arrays.x_train.shape[1]
        settings = {"schedule_epochs": self._lasts, **self._settings, **params}
        return network_of(settings, inputs=inputs, outputs=self._outputs, task=self.task, seed=seed)


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
    from hpo.data import Data, Options, load_data

    if not isinstance(data, Data):
        return load_data(data, **options)
    unset = Options()
    for name, value in options.items():
        if not np.array_equal(value, getattr(unset, name)):
            raise ObjectiveError(
                f"the option {name!r} is about loading, and the data are loaded already: give it to load_data"
            )
    return data


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as Python's, which JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def _what_diverged(epoch: Epoch) -> str:
    wrong = [name for name, value in {"training loss": epoch.loss, **epoch.metrics}.items() if not np.isfinite(value)]
    return f"the {wrong[0].replace('_', ' ')}" if wrong else "a weight"


def _unit(data: "Data") -> float:
    """Return what one standard deviation of the target is, where there is one target that is a number."""
    from hpo.data import MeasureTarget

    target = data.target
    return target.scales[0] if isinstance(target, MeasureTarget) and target.outputs == 1 else 1.0
