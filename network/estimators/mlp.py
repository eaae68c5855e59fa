"""What the networks among the estimators share: settings, training, and the way to their outputs."""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil, inf
from numbers import Integral
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

from network.architecture import Architecture, Convolution
from network.arrays import Array
from network.data import TrainingData
from network.errors import NetworkError, check_range, check_whole
from network.estimators.examples import Examples
from network.estimators.seeds import RandomState, drawn_seed
from network.estimators.standardization import Standardization
from network.fitting import multi_start
from network.group import Epoch
from network.member import Member
from network.prediction import outputs
from network.saving import Savable
from network.schedules import Schedule
from network.training import Training

PREDICTIONS: Final = "float64"
"""The dtype of predictions, whatever that of training: so the rows beside a row hardly change its rounding."""

OUT_ACTIVATIONS: Final = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


@dataclass(kw_only=True, eq=False, repr=False)
class MLP(Savable, BaseEstimator, ABC):  # type: ignore[misc] # scikit-learn comes without types
    """A multilayer perceptron in scikit-learn's idiom. Its settings are fields, and are checked when it is fitted.

    Settings that `Architecture` and `Member` have too mean what they say there; `schedule` None is a constant rate.
    Hidden layers begin with Glorot's uniform weights, as scikit-learn's do. `standardize` brings each column of X, and
    of a regressor's y, to mean 0 and variance 1 by the rows and weights of `fit`: networks learn badly from inputs of
    other sizes. A row of weight 0 is as good as absent; weights matter in proportion to the others of the same call.

    Training ends after `max_epochs`, or when `patience` epochs in a row (None: any number) have not improved by more
    than `tol`: the training loss, or with `early_stopping` the `monitor`, a metric of the `validation_fraction` of the
    rows, held out by class where possible; then the weights of the best epoch are kept. Of `n_starts` random starts,
    which train as one stack, the best is kept; partial_fit goes on with it, or has one start.

    `weights_` are those of `Training.weights` for `architecture_`; `loss_curve_` and `validation_curve_`, empty without
    early stopping, have a value an epoch, `n_iter_` epochs in all; `start_values_` are what `fit` judged each start by.
    """

    hidden_layer_sizes: int | Sequence[int] = field(default=(64,), kw_only=False)
    activation: str = "relu"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: Schedule | None = None
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    dropout: float = 0.0
    clip_norm: float = inf
    max_norm: float = inf
    normalization: str = "none"
    initializer: str = "glorot_uniform"
    image: tuple[int, int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()
    standardize: bool = True
    batch_size: int = 32
    max_epochs: int = 200
    tol: float = 1e-4
    patience: int | None = 10
    early_stopping: bool = False
    validation_fraction: float = 0.1
    monitor: str = "loss"
    n_starts: int = 1
    dtype: str = "float32"
    random_state: RandomState = None
    verbose: bool = False

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def _fit(self, examples: Examples, loss: str, outputs: int) -> None:
        """Train anew."""
        for name in ("max_epochs", "n_starts"):
            check_whole(name, getattr(self, name), 1)
        check_range("tol", self.tol, 0, inf)
        member = Member(seed=drawn_seed(self.random_state), **self._settings(Member))
        architecture = self._architecture(examples, loss, outputs, member)
        scaling = self._standardization("X", examples.x, examples.weights)
        starts = multi_start(
            architecture,
            member,
            self._data(examples, scaling, architecture, member.seed),
            starts=self.n_starts,
            epochs=self.max_epochs,
            monitor=self.monitor,
            patience=self.patience,
            tolerance=self.tol,
            on_epoch=self._announce if self.verbose else None,
        )
        best = starts.best
        self._refuse_diverged(best.epochs[-1])
        self._scaling, self._seed = scaling, best.seed
        self._state = best.state | {"best": {"monitor": "loss", "epoch": 0, "value": None}}
        self.loss_curve_ = [epoch.loss for epoch in best.epochs]
        self.validation_curve_ = [epoch.metrics[self.monitor] for epoch in best.epochs if epoch.metrics]
        self.best_epoch_, self.start_values_ = best.best_epoch, np.array(starts.values)
        self._learned(architecture, best.weights)

    def _partial_fit(self, examples: Examples, loss: str, outputs: int) -> None:
        """Train for one epoch more; the first one also settles the standardization."""
        if self.early_stopping:
            raise NetworkError("partial_fit cannot stop early, as it is told when to train: set early_stopping=False.")
        fitted = self.__sklearn_is_fitted__()
        seed = self._seed if fitted else drawn_seed(self.random_state)
        member = Member(seed=seed, **self._settings(Member))
        architecture = self._architecture(examples, loss, outputs, member)
        scaling = self._scaling if fitted else self._standardization("X", examples.x, examples.weights)
        data = TrainingData(scaling.apply(examples.x), examples.y, weights=examples.weights)
        training = Training(architecture, [member], data)
        if fitted:
            training.restore(0, self._state)
        (epoch,) = training.train_epoch()
        if self.verbose:
            self._announce(0, epoch)
        self._refuse_diverged(epoch)
        self._scaling, self._seed, self._state = scaling, seed, training.state(0)
        if not fitted:
            self.loss_curve_, self.validation_curve_, self.start_values_ = [], [], np.empty(0)
        self.loss_curve_, self.best_epoch_ = [*self.loss_curve_, epoch.loss], epoch.epoch
        self._learned(architecture, training.weights(0))

    def _learned(self, architecture: Architecture, weights: list[tuple[Array, ...]]) -> None:
        self.architecture_, self.weights_ = architecture, weights
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        self.n_outputs_ = architecture.outputs
        self.out_activation_ = OUT_ACTIVATIONS.get(architecture.loss, "identity")

    def _outputs(self, x: Array) -> Array:
        """Return the outputs of the last layer (n, outputs) in float64."""
        return outputs(replace(self.architecture_, dtype=PREDICTIONS), self.weights_, self._scaling.apply(x))

    def _architecture(self, examples: Examples, loss: str, outputs: int, member: Member) -> Architecture:
        sizes = self.hidden_layer_sizes
        hidden = (sizes,) if isinstance(sizes, Integral) else sizes
        settings = self._settings(Architecture) | {"hidden": hidden, "loss": loss, "dropout": member.dropout > 0}
        return Architecture(inputs=examples.x.shape[1], outputs=outputs, **settings)

    def _settings(self, kind: type[Architecture | Member]) -> dict[str, Any]:
        """Return the estimator's settings that are fields of `kind`, but for a schedule of None."""
        shared = {item.name for item in fields(self)} & {item.name for item in fields(kind)}
        return {name: getattr(self, name) for name in shared if name != "schedule" or self.schedule is not None}

    def _standardization(self, name: str, values: Array, weights: Array | None) -> Standardization:
        if self.standardize:
            return Standardization.of(name, values, weights)
        return Standardization.none(values.shape[1])

    def _data(
        self, examples: Examples, scaling: Standardization, architecture: Architecture, seed: int
    ) -> TrainingData:
        """Return the examples standardized, and with early stopping a part of them held out, by class if possible."""
        if not self.early_stopping:
            return TrainingData(scaling.apply(examples.x), examples.y, weights=examples.weights)
        check_range("validation_fraction", self.validation_fraction, 0, 1, open_low=True)
        by_class = architecture.loss == "cross_entropy" and _divisible(examples.y, self.validation_fraction)
        trained, held_out = train_test_split(
            np.arange(len(examples.x)),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=examples.y if by_class else None,
        )
        training, validation = examples.take(trained), examples.take(held_out)
        return TrainingData(
            scaling.apply(training.x),
            training.y,
            scaling.apply(validation.x),
            validation.y,
            training.weights,
            validation.weights,
        )

    def _refuse_diverged(self, epoch: Epoch) -> None:
        if epoch.diverged:
            raise NetworkError(
                f"Training diverged in epoch {epoch.epoch}, its loss was {epoch.loss:g}: lower learning_rate (now "
                f"{self.learning_rate:g}), or set clip_norm=1{'' if self.standardize else ' or standardize=True'}."
            )

    def _announce(self, start: int, epoch: Epoch) -> None:
        metrics = "".join(f", validation {name} {value:.6g}" for name, value in epoch.metrics.items())
        of_start = f"start {start}, " if self.n_starts > 1 else ""
        print(f"{of_start}epoch {epoch.epoch}: training loss {epoch.loss:.6g}{metrics}")  # noqa: T201 - `verbose` asks


def _divisible(classes: Array, fraction: float) -> bool:
    """Tell whether this fraction of the rows, and the rest, can each have a row of every class."""
    counts = np.unique(classes, return_counts=True)[1]
    held_out = ceil(fraction * len(classes))
    return bool(counts.min() > 1 and len(counts) <= min(held_out, len(classes) - held_out))
