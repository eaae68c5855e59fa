"""What an objective may be, what it may return, and what becomes of a trial when it does something else."""

import functools
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
import pytest
from searches import SPACE, Trainer, searched

import hpo
from hpo.objectives import DEFAULT_EPOCHS, read_value
from hpo.sources import as_objective


class TensorLike:
    """A scalar as deep-learning libraries have them: `size` is a method, `shape` is empty."""

    shape = ()

    def size(self) -> tuple[int, ...]:
        return self.shape

    def item(self) -> float:
        return 0.5


VALUES = {
    "float": 0.5,
    "int": 2,
    "fraction": Fraction(1, 2),
    "numpy float64": np.float64(0.5),
    "numpy float32": np.float32(0.5),
    "numpy int": np.int8(2),
    "0-d array": np.array(0.5),
    "array of one": np.array([0.5]),
    "tensor": TensorLike(),
    "dict": {"value": 0.5},
    "dict of numpy": {"value": np.float32(0.5), "other": np.int64(1)},
}
NO_VALUES = {
    "None": (None, "returned nothing"),
    "text": ("0.5", "must be a number"),
    "NaN": (float("nan"), "must be finite"),
    "infinity": (float("inf"), "must be finite"),
    "too large": (10**400, "must be finite"),
    "numpy NaN": (np.float32("nan"), "must be finite"),
    "bool": (True, "must be a number"),
    "numpy bool": (np.bool_(1), "must be a number"),
    "complex": (1j, "must be a number"),
    "decimal": (Decimal("0.5"), "must be a number"),
    "list": ([0.5], "must be a number"),
    "array of two": (np.array([0.5, 1.0]), "must be a number"),
    "dict without the metric": ({"loss": 0.5}, "without the study's metric 'value': it has 'loss'"),
    "empty dict": ({}, "without the study's metric 'value': it has nothing"),
    "dict with a bad metric": ({"value": 0.5, "note": "good"}, "the metric 'note' is 'good'"),
    "dict with NaN": ({"value": float("nan")}, "must be finite"),
}


def returning(value: Any) -> Callable[..., float]:
    return lambda _params: value


def yielding(*values: Any) -> Callable[..., Iterator[float]]:
    def objective(_params: Mapping[str, Any]) -> Iterator[Any]:
        yield from values

    return objective


def training(*values: Any) -> type:
    class Objective:
        def __init__(self, _params: Mapping[str, Any]) -> None:
            self.values = iter(values)

        def train_epoch(self) -> Any:
            return next(self.values)

    return Objective


KINDS = {"function": returning, "generator": yielding, "class": training}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_numbers_are_values(kind: str, value: Any) -> None:
    """A value may be any finite real number, of Python's or an array library's, alone or in a dict."""
    study = searched(KINDS[kind](value), 1, **({"max_epochs": 1} if kind == "class" else {}))
    trial = study.best_trial
    expected = value["value"] if isinstance(value, dict) else value
    assert trial.value == float(expected.item() if hasattr(expected, "item") else expected)
    assert (trial.state, trial.epochs) == (hpo.State.COMPLETE, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("value", "message"), NO_VALUES.values(), ids=NO_VALUES)
def test_anything_else_fails_the_trial(kind: str, value: Any, message: str) -> None:
    """What is no finite number fails its trial with a message that says so; the search goes on."""
    study = searched(KINDS[kind](value), 2)
    assert [trial.state for trial in study.trials] == [hpo.State.FAILED] * 2
    assert all(message in trial.error for trial in study.trials)
    assert study.is_complete


def test_other_metrics_are_kept() -> None:
    """The metrics beside the study's are kept with each epoch, finite ones only."""
    value, metrics = read_value({"loss": 1, "accuracy": np.float32(0.5), "gap": float("nan")}, "loss")
    assert (value, metrics) == (1.0, {"accuracy": 0.5})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ZeroDivisionError("all zero"), "ZeroDivisionError: all zero"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("first\nsecond"), "RuntimeError: first"),
    ],
)
def test_an_exception_fails_its_trial_alone(kind: str, error: BaseException, shown: str) -> None:
    """Whatever the user's code raises fails that trial, with its traceback kept; the others are trained."""

    def act(params: Mapping[str, float]) -> float:
        if params["x"] > 0.5:
            raise error
        return params["x"]

    def generate(params: Mapping[str, float]) -> Iterator[float]:
        yield act(params)

    class Class:
        def __init__(self, params: Mapping[str, float]) -> None:
            self.params = params

        def train_epoch(self) -> float:
            return act(self.params)

    objective = {"function": act, "generator": generate, "class": Class}[kind]
    study = searched(objective, 8, max_epochs=1)
    failed = [trial for trial in study.trials if trial.state is hpo.State.FAILED]
    assert 0 < len(failed) < 8
    assert [trial.params["x"] > 0.5 for trial in study.trials] == [trial in failed for trial in study.trials]
    assert {trial.error for trial in failed} == {shown}
    assert all("in act" in trial.traceback and type(error).__name__ in trial.traceback for trial in failed)


def test_an_exception_in_the_constructor_fails_the_trial() -> None:
    """A class that cannot be made fails its trial like one that cannot train."""

    class Broken(Trainer):
        def __init__(self, _params: Mapping[str, float]) -> None:
            raise OSError("no such file")

    (trial,) = searched(Broken, 1, max_epochs=3).trials
    assert (trial.state, trial.error) == (hpo.State.FAILED, "OSError: no such file")


@pytest.mark.parametrize("kind", ["function", "class"])
def test_a_stray_stop_iteration_is_an_error(kind: str) -> None:
    """Only a generator ends by StopIteration; one that escapes from a function or a class is a fault like any other."""
    objective = KINDS[kind](0.5) if kind == "class" else lambda _params: next(iter(()))
    (trial,) = searched(objective, 1, **({"max_epochs": 2} if kind == "class" else {})).trials
    assert (trial.state, trial.error) == (hpo.State.FAILED, "StopIteration")


def test_a_failed_epoch_keeps_those_before() -> None:
    """A trial that fails keeps the curve up to there, and is never the best."""
    study = searched(yielding(0.1, None), 1)
    (trial,) = study.trials
    assert (trial.state, trial.epochs) == (hpo.State.FAILED, 1)
    assert study.curves() == {0: [0.1]}
    with pytest.raises(hpo.SettingError, match="no trial with a value"):
        study.best_trial  # noqa: B018 - the property raises


# --- generators ---------------------------------------------------------------------------------------------------


def test_a_generator_that_ends_early_completes_the_trial() -> None:
    """A generator decides how long it trains, up to max_epochs."""
    (trial,) = searched(yielding(3.0, 1.0, 2.0), 1, max_epochs=10).trials
    assert (trial.state, trial.epochs, trial.value, trial.best_epoch) == (hpo.State.COMPLETE, 3, 1.0, 2)


@pytest.mark.parametrize("max_epochs", [None, 4])
def test_a_generator_that_never_ends_is_bounded(max_epochs: int | None) -> None:
    """A trial trains at most max_epochs epochs, and its generator is closed then."""
    closed = []

    def objective(_params: Mapping[str, Any]) -> Iterator[float]:
        try:
            yield from (1 / epoch for epoch in count(1))
        finally:
            closed.append(True)

    (trial,) = searched(objective, 1, max_epochs=max_epochs).trials
    assert (trial.state, trial.epochs) == (hpo.State.COMPLETE, max_epochs or DEFAULT_EPOCHS)
    assert closed == [True]


def test_a_generator_that_yields_nothing_fails() -> None:
    """A generator without a value is a mistake, not a complete trial."""
    (trial,) = searched(yielding(), 1).trials
    assert trial.state is hpo.State.FAILED
    assert "yielded nothing" in trial.error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python complains of the second one
@pytest.mark.parametrize("ending", ["raises", "goes on"])
def test_a_generator_that_does_not_close_harms_nobody(ending: str) -> None:
    """What a generator does when it is closed changes nothing: its trial has ended, and the next one is trained."""

    def objective(_params: Mapping[str, Any]) -> Iterator[float]:
        for epoch in count(1):
            try:
                yield float(epoch)
            except GeneratorExit:
                if ending == "raises":
                    raise ValueError("not now") from None

    assert [trial.epochs for trial in searched(objective, 3, max_epochs=2).trials] == [2, 2, 2]


# --- seeds --------------------------------------------------------------------------------------------------------


def with_seed(params: Mapping[str, Any], seed: int) -> float:
    return float(seed)


def with_optional_seed(params: Mapping[str, Any], seed: int = -1) -> float:
    return float(seed)


def with_seed_by_any_name(params: Mapping[str, Any], s: int) -> float:
    return float(s)


def seeded_generator(params: Mapping[str, Any], seed: int) -> Iterator[float]:
    yield float(seed)


class Seeded:
    def __init__(self, params: Mapping[str, Any], seed: int) -> None:
        self.seed = seed

    def train_epoch(self) -> float:
        return float(self.seed)


class CallObject:
    def __call__(self, params: Mapping[str, Any], seed: int) -> float:
        return float(seed)


@pytest.mark.parametrize(
    "objective",
    [
        with_seed,
        with_optional_seed,
        with_seed_by_any_name,
        seeded_generator,
        Seeded,
        CallObject(),
        functools.partial(with_seed),
    ],
)
def test_a_second_parameter_is_handed_the_trial_s_seed(objective: Any) -> None:
    """The seed is the trial's own, the one on record, and differs from trial to trial."""
    trials = searched(objective, 2, max_epochs=1).trials
    assert [trial.value for trial in trials] == [float(trial.seed) for trial in trials]
    assert trials[0].seed != trials[1].seed


def test_other_optional_parameters_are_left_alone() -> None:
    """A second parameter with a default that is not called seed keeps its default."""
    assert searched(lambda _params, scale=2.0: scale, 1).best_value == 2.0


# --- what can be an objective -------------------------------------------------------------------------------------


class Without:
    """Neither epochs nor a state."""


class NoState:
    def __init__(self, params: Mapping[str, Any]) -> None: ...

    def train_epoch(self) -> float:
        return 0.0


class StateIsNoMethod(NoState):
    state = restore = None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "not 3"),
        ("train.py", "not 'train.py'"),
        (Without, "has no train_epoch"),
        (lambda: 0.0, "cannot be called with params"),
        (lambda _params, _seed, _third: 0.0, "missing a required argument: '_third'"),
        (lambda **_params: 0.0, "cannot be called with params"),
    ],
)
def test_what_is_no_objective_is_refused_at_once(target: Any, message: str) -> None:
    """What cannot be called as an objective is refused before any trial, with how it has to be."""
    with pytest.raises(hpo.ObjectiveError) as caught:
        as_objective(target)
    assert message in str(caught.value)


@pytest.mark.parametrize(("target", "resumable"), [(NoState, False), (StateIsNoMethod, False), (Trainer, True)])
def test_resuming_takes_state_and_restore(target: type, resumable: bool) -> None:  # noqa: FBT001 - a table's column
    """A class can be paused when it has both methods; a strategy that pauses others is refused with another named."""
    assert as_objective(target).resumable is resumable
    if not resumable:
        with pytest.raises(hpo.StrategyError, match=r"cannot pause.*random\+full"):
            hpo.create_study(space=SPACE, objective=target, strategy="halving", storage=None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_halving_study_takes_no_objective_without_a_state(kind: str) -> None:
    """No kind of objective that cannot pause gets into a study whose scheduler pauses trials."""
    with pytest.raises(hpo.StrategyError, match="cannot pause"):
        hpo.create_study(space=SPACE, objective=KINDS[kind](0.5), strategy="halving", storage=None)


# --- states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"model": object()}, "state['model'] is a object"),
        ({"names": np.array(["a"])}, "state['names'] is a ndarray"),
        ({"layers": [{1, 2}]}, "state['layers'][0] is a set"),
        ({1: 2}, "the key 1"),
        ([1, 2], "not list"),
        (None, "not NoneType"),
    ],
)
def test_a_state_that_cannot_be_kept_fails_its_trial(state: Any, message: str) -> None:
    """A state that is no dict of arrays and JSON values fails that trial, naming where the fault is."""

    class Stateful(Trainer):
        def state(self) -> Any:
            return state if self.x > 0.5 else super().state()

    trials = searched(Stateful, 9, strategy="halving", max_epochs=9).trials
    failed = [trial for trial in trials if trial.state is hpo.State.FAILED]
    assert 0 < len(failed) < 9
    assert all(message in trial.error for trial in failed)
    assert any(trial.state is hpo.State.COMPLETE for trial in trials)


@pytest.mark.parametrize("method", ["state", "restore"])
def test_a_state_that_raises_fails_its_trial(method: str) -> None:
    """An error in state() or restore() is the trial's, with its traceback; nothing else suffers."""

    class Raising(Trainer):
        def state(self) -> dict[str, Any]:
            self.may("state")
            return super().state()

        def restore(self, state: Mapping[str, Any]) -> None:
            self.may("restore")
            super().restore(state)

        def may(self, what: str) -> None:
            if what == method and self.x < 0.5:
                raise KeyError("weights")

    study = searched(Raising, 9, strategy="halving", max_epochs=9)
    failed = [trial for trial in study.trials if trial.state is hpo.State.FAILED]
    assert failed
    assert {trial.error for trial in failed} == {"KeyError: 'weights'"}
    assert all("in may" in trial.traceback for trial in failed)
    assert study.is_complete


def test_a_resumed_trial_is_the_trial_that_never_stopped() -> None:
    """Halving pauses and restores; each curve is what the objective gives when it trains through."""
    study = searched(Trainer, 9, strategy="halving", max_epochs=9)
    assert {trial.epochs for trial in study.trials} == {1, 3, 9}
    for trial in study.trials:
        assert study.curves()[trial.number] == [trial.params["x"] + 1 / epoch for epoch in range(1, trial.epochs + 1)]


class UnspeakableError(Exception):
    """One that cannot tell of itself."""

    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_that_cannot_be_told_fails_its_trial_alone() -> None:
    """Its name is on record; the search goes on."""

    def objective(params: Mapping[str, Any]) -> float:
        if params["x"] < 0.5:
            raise UnspeakableError
        return params["x"]

    study = searched(objective, 6)
    failed = [trial for trial in study.trials if trial.state is hpo.State.FAILED]
    assert 0 < len(failed) < 6
    assert {trial.error for trial in failed} == {"UnspeakableError: (its message cannot be had)"}


def test_a_long_error_is_kept_in_part() -> None:
    """An error with a whole batch in its message takes kilobytes of the history; begin and end of it are there."""

    def objective(params: Mapping[str, Any]) -> float:
        raise ValueError("begin" + "x" * 5_000_000 + "end")

    (trial,) = searched(objective, 1).trials
    assert trial.error is not None
    assert trial.error.startswith("ValueError: beginxx")
    assert trial.error.endswith("xxend")
    assert trial.traceback is not None
    assert "in objective" in trial.traceback
    assert trial.traceback.rstrip().endswith("xxend")
    assert len(trial.error) < 2_000
    assert len(trial.traceback) < 25_000
