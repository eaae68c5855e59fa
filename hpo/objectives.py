"""Objectives: what is being tuned, as a worker sees it.

An **objective** opens a **session** over one or more trials (one, unless it can train them as a stack). A session
trains all of its trials one epoch at a time and can hand out their states. The user's own come in three kinds:

    def objective(params) -> float                     a function: one value, no fidelity
    def objective(params): ... yield value             a generator: one value an epoch; can be stopped early
    class Objective:                                   a class: can be paused, promoted and taken over if it has
        __init__(params, seed)                         state() and restore(state)
        train_epoch() -> value or dict
        state() -> dict; restore(state)

A value is a finite number, or a dict of numbers with the study's metric in it. A second parameter of a function or a
generator, if it has one, is handed the trial's seed.
"""

import inspect
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf, isfinite, prod
from numbers import Real
from typing import Any, ClassVar, Final, Literal

from hpo.errors import ObjectiveError
from strategies import Params, Space

DEFAULT_EPOCHS: Final = 100
"""The most a trial of a generator or a class trains, where nothing else is said."""

_LONGEST_ERROR: Final = 1_000  # characters that are kept of what went wrong in one line
_LONGEST_TRACEBACK: Final = 20_000
_END: Final = object()  # what a session gets in place of a value when its trial has no further epoch


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a trial's training begins: from scratch, or from a state."""

    params: Params
    seed: int
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch brought a trial: a value, the end (`value` None), or an error."""

    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None


class Session(ABC):
    """Some trials in training."""

    @abstractmethod
    def train_epoch(self) -> list[EpochResult]:
        """Train every trial one epoch; return a result each, in order. Never raises for a trial's own fault."""

    @abstractmethod
    def state(self, index: int) -> Mapping[str, Any]:
        """Return the state of a trial: arrays and JSON values. Raises what the user's `state` raises."""

    @abstractmethod
    def drop(self, index: int) -> None:
        """Train a trial no further; those after it move up."""


class Objective(ABC):
    """What is being tuned."""

    kind: str
    resumable: bool
    """Whether a session can hand out states and begin from them."""
    epochs: int
    """The most a trial trains, where nothing else is said; 1 for an objective without fidelity."""
    seeded: bool = True
    """Whether training depends on the trial's seed."""
    metric: str = "value"
    direction: Literal["minimize", "maximize"] = "minimize"
    stack: ClassVar[int] = 1
    """How many trials of equal key one session may train."""
    source: Mapping[str, Any]
    """Where it comes from, in JSON: see `sources.find_objective`."""

    def key(self, params: Params) -> Hashable:  # noqa: ARG002 - the default: every trial trains alone
        """Return what trials must have in common to train in one session; None for a trial that trains alone."""
        return None

    def check(self, space: Space) -> None:  # noqa: B027 - most objectives take every space
        """Raise ObjectiveError when params of `space` mean nothing to this objective."""

    def lasting(self, epochs: int) -> "Objective":  # noqa: ARG002 - the default: it makes no difference
        """Return this objective for a study whose trials train for `epochs` epochs at most."""
        return self

    @abstractmethod
    def open(self, beginnings: Sequence[Beginning]) -> Session:
        """Return a session over trials of one key. Raises what the user's own code raises."""


class UserObjective(Objective):
    """The user's own function, generator or class."""

    def __init__(self, target: Callable[..., Any], source: Mapping[str, Any], metric: str = "value") -> None:
        """Wrap `target`, which `source` tells how to find again."""
        self.kind = _kind(target)
        self.source = source
        self.metric = metric
        can = [callable(getattr(target, name, None)) for name in ("state", "restore")]
        self.resumable = self.kind == "class" and all(can)
        self.epochs = 1 if self.kind == "function" else DEFAULT_EPOCHS
        self._target = target
        self._takes_seed = self.seeded = _takes_seed(target)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker as a place to import from, if there is one.

        What a script defines travels by itself: to import a script is to run it.
        """
        scripted = getattr(self._target, "__module__", None) == "__main__"
        if not scripted and ("path" in self.source or "module" in self.source):
            from hpo.sources import find_objective

            return find_objective, (dict(self.source), self.metric)
        return UserObjective, (self._target, self.source, self.metric)

    def open(self, beginnings: Sequence[Beginning]) -> Session:
        """Return a session over a single trial."""
        (begin,) = beginnings
        arguments = (dict(begin.params), begin.seed) if self._takes_seed else (dict(begin.params),)
        if self.kind == "function":
            return _FunctionSession(lambda: self._target(*arguments), self.metric)
        if self.kind == "generator":
            return _GeneratorSession(self._target(*arguments), self.metric)
        trainer = self._target(*arguments)
        if begin.state is not None:
            trainer.restore(begin.state)
        return _ClassSession(trainer, self.metric)


class _UserSession(Session):
    """One trial of the user's own code; whatever that raises ends the trial, not the worker."""

    def __init__(self, metric: str) -> None:
        self._metric = metric

    @abstractmethod
    def _advance(self) -> Any:
        """Return what the user's code gives for the next epoch, or _END."""

    def train_epoch(self) -> list[EpochResult]:
        try:
            returned = self._advance()
            if returned is _END:
                return [EpochResult()]
            value, metrics = read_value(returned, self._metric)
        except ObjectiveError as error:
            return [EpochResult(error=str(error))]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            return [failure(error)]
        return [EpochResult(value, metrics)]

    def state(self, index: int) -> Mapping[str, Any]:
        raise ObjectiveError(f"a {type(self).__name__} has no state (trial {index} of its session)")

    def drop(self, index: int) -> None:
        """Nothing to do: the session is at its end."""


class _FunctionSession(_UserSession):
    def __init__(self, call: Callable[[], Any], metric: str) -> None:
        super().__init__(metric)
        self._call: Callable[[], Any] | None = call

    def _advance(self) -> Any:
        if self._call is None:
            return _END
        call, self._call = self._call, None
        return call()


class _GeneratorSession(_UserSession):
    def __init__(self, generator: Generator[Any, Any, Any], metric: str) -> None:
        super().__init__(metric)
        self._generator = generator
        self._yielded = False

    def _advance(self) -> Any:
        try:
            value = next(self._generator)
        except StopIteration:
            if self._yielded:
                return _END
            raise ObjectiveError("the objective yielded nothing: yield a number after each epoch") from None
        self._yielded = True
        return value

    def drop(self, index: int) -> None:  # noqa: ARG002 - there is one trial
        with suppress(Exception, SystemExit):  # what the user's code does on its way out changes nothing any more
            self._generator.close()


class _ClassSession(_UserSession):
    def __init__(self, trainer: Any, metric: str) -> None:
        super().__init__(metric)
        self._trainer = trainer

    def _advance(self) -> Any:
        return self._trainer.train_epoch()

    def state(self, index: int) -> Mapping[str, Any]:  # noqa: ARG002 - there is one trial
        state: Mapping[str, Any] = self._trainer.state()
        return state


def read_value(returned: Any, metric: str) -> tuple[float, dict[str, float]]:
    """Return the value and the other metrics in what an objective returned.

    Raises ObjectiveError when that is not a finite number, or a dict of numbers with a finite `metric` in it.
    """
    if returned is None:
        raise ObjectiveError("the objective returned nothing (None): return a number, or a dict of metrics")
    metrics: dict[str, float] = {}
    value = returned
    if isinstance(returned, Mapping):
        if metric not in returned:
            has = ", ".join(map(repr, returned)) or "nothing"
            raise ObjectiveError(f"the objective returned a dict without the study's metric {metric!r}: it has {has}")
        metrics = {
            str(name): _number(item, f"the metric {name!r}") for name, item in returned.items() if name != metric
        }
        value = returned[metric]
    number = _number(value, "the objective's value")
    if not isfinite(number):
        raise ObjectiveError(f"the objective returned {number}: a value must be finite")
    return number, {name: item for name, item in metrics.items() if isfinite(item)}


def failure(error: BaseException) -> EpochResult:
    """Return the result of an epoch that raised."""
    whole = "".join(traceback.format_exception(error))
    try:
        message = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - the objective's own: a failure to tell of itself is a failure, too
        message = ["(its message cannot be had)"]
    told = ": ".join([type(error).__name__, *message[:1]])
    return EpochResult(error=_shortened(told, _LONGEST_ERROR), traceback=_shortened(whole, _LONGEST_TRACEBACK))


def _shortened(text: str, most: int) -> str:
    """Return a text of at most about `most` characters: without its middle, if need be."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … ({len(text) - most:,} characters left out) … {text[-most // 2 :]}"


def _number(value: Any, what: str) -> float:
    scalar = value.item() if hasattr(value, "item") and prod(getattr(value, "shape", ())) == 1 else value
    if isinstance(scalar, bool) or not isinstance(scalar, Real):
        raise ObjectiveError(f"{what} is {value!r:.80}, a {type(value).__name__}: it must be a number")
    try:
        return float(scalar)
    except OverflowError:  # a whole number beyond all floats
        return inf


def _kind(target: Any) -> str:
    if inspect.isclass(target):
        if not callable(getattr(target, "train_epoch", None)):
            raise ObjectiveError(
                f"the class {target.__name__} has no train_epoch(): an objective class needs "
                "__init__(params, seed), train_epoch(), and to be resumed also state() and restore(state)"
            )
        return "class"
    if not callable(target):
        raise ObjectiveError(f"an objective is a function, a generator function or a class, not {target!r:.80}")
    call = target if inspect.isroutine(target) or hasattr(target, "func") else type(target).__call__
    return "generator" if inspect.isgeneratorfunction(call) else "function"


def _takes_seed(target: Callable[..., Any]) -> bool:
    """Tell whether there is a second parameter to hand the seed to; raises ObjectiveError when it cannot be called."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # a built-in without a signature
        return False
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes = len(positional) > 1 and (positional[1].default is inspect.Parameter.empty or positional[1].name == "seed")
    try:
        signature.bind(*("params", "seed")[: 1 + takes])
    except TypeError as error:
        name = getattr(target, "__qualname__", type(target).__qualname__)
        raise ObjectiveError(
            f"{name}{signature} cannot be called with params, or with params and a seed ({error}): "
            "let its first parameter be the dict of params and its second, if it wants one, the seed"
        ) from error
    return takes
