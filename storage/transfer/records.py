"""What a row may be, table by table: types, bounds, and no column too many."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from storage.errors import StudyFileError
from strategies.spelling import is_storable

Row = dict[str, Any]

_STRICT: Final = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_DEEPEST: Final = 40


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("text has a NUL, or half a surrogate pair")
    return text


def _sound(value: Any, depth: int = 0) -> Any:
    """Return a JSON value that every database can keep; raises ValueError for another."""
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, float) and not isfinite(value):
        raise ValueError("holds a number that is not finite")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _storable(key)
            _sound(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _sound(item, depth + 1)
    elif value is not None and not isinstance(value, bool | int | float):
        raise ValueError(f"holds a {type(value).__name__}")
    return value


def _source(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what tells where an objective comes from; raises ValueError where its readers would stumble over it."""
    if value.get("kind") not in ("none", "user", "network"):
        raise ValueError("is of no kind that there is")
    places = ("data", "settings") if value["kind"] == "network" else ()
    for part in (value, *(value.get(place) for place in places)):
        if not isinstance(part, Mapping):
            raise ValueError("lacks its data or its settings")  # noqa: TRY004 - pydantic takes ValueErrors
        if any(not isinstance(part.get(name, ""), str) for name in ("shown", "path", "module", "name", "sha256")):
            raise ValueError("names a place that is no text")
    if value["kind"] != "none" and "shown" not in value:
        raise ValueError("has no name")
    return value


_Text = Annotated[str, AfterValidator(_storable)]
_Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_storable)]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Place = Annotated[int, Field(ge=-1, le=2**31 - 1)]  # -1: of none of the scheduler's brackets; nothing was seen
_Long = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Spent = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Time = Annotated[float, Field(ge=0, le=253402300799, allow_inf_nan=False)]  # seconds since 1970, to the year 9999
_Json = Annotated[dict[str, Any], AfterValidator(_sound)]
_Objective = Annotated[_Json, AfterValidator(_source)]
_Value = bool | int | float | str | None
_Metrics = dict[_Text, _Number]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@with_config(_STRICT)
class StudyRow(TypedDict):
    """A row of `studies`, without its id and the name of its view."""

    name: _Name
    direction: Literal["minimize", "maximize"]
    metric: _Name
    space: _Json
    strategy: _Json
    objective: _Objective
    seed: _Long
    parallelism: _Positive | None
    job_order: Literal["reproducible", "free"]
    n_trials: _Positive | None
    max_epochs: _Positive
    budget: Annotated[int, Field(ge=1, le=2**63 - 1)] | None
    state: Literal["open", "complete", "paused", "stopped"]
    revision: _Long
    created_at: _Time
    ended_at: _Time | None
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    queue: list[_Json] | None
    chosen: _Text | None
    horizon: _Positive | None
    trial_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    retries: _Count
    edition: _Count


@with_config(_STRICT)
class TrialRow(TypedDict):
    """A row of `trials`."""

    number: _Count
    params: dict[str, _Value]
    seed: _Long
    bracket: _Place
    rung: _Place
    parent: _Count | None
    state: Literal["paused", "complete", "stopped", "failed", "discarded"]
    epochs: _Count
    value: _Number | None
    best_epoch: _Positive | None
    stop_reason: _Json | None
    error: _Text | None
    traceback: _Text | None
    attempts: _Count
    started_at: _Time | None
    finished_at: _Time | None
    train_seconds: _Spent
    revision: _Long


@with_config(_STRICT)
class JobRow(TypedDict):
    """A row of `jobs`."""

    number: _Count
    trial: _Count
    from_epoch: _Count
    until_epoch: _Count
    bracket: _Place
    rung: _Place
    seen: _Place | None
    reason: _Json
    state: Literal["ready", "done"]
    outcome: Literal["paused", "complete", "stopped", "failed", "discarded"] | None
    end_epoch: _Count | None
    worker: _Text | None
    decided_at: _Time
    decided_revision: _Long
    ended_at: _Time | None
    revision: _Long


@with_config(_STRICT)
class MeasurementRow(TypedDict):
    """A row of `measurements`."""

    trial: _Count
    epoch: _Positive
    value: _Number
    metrics: _Metrics | None
    seconds: _Spent


@with_config(_STRICT)
class ConfirmationRow(TypedDict):
    """A row of `confirmations`."""

    trial: _Count
    repeat: _Count
    seed: _Long
    epochs: _Count
    value: _Number | None
    best_epoch: _Positive | None
    metrics: _Metrics | None
    error: _Text | None
    seconds: _Spent
    confirmed_at: _Time


@with_config(_STRICT)
class InterventionRow(TypedDict):
    """A row of `interventions`, without its id."""

    study: _Text
    trial: _Count | None
    action: _Text
    details: _Json
    before_job: _Count | None
    by_user: _Text
    by_node: _Text
    at: _Time


@with_config(_STRICT)
class CheckpointRow(TypedDict):
    """A row of `checkpoints`; in a file its data lie elsewhere, `size` bytes of them."""

    trial: _Count
    epoch: _Count
    format: _Text
    size: _Long
    sha256: _Digest


ROWS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "study": TypeAdapter(StudyRow),
    "trials": TypeAdapter(TrialRow),
    "jobs": TypeAdapter(JobRow),
    "measurements": TypeAdapter(MeasurementRow),
    "confirmations": TypeAdapter(ConfirmationRow),
    "interventions": TypeAdapter(InterventionRow),
    "checkpoints": TypeAdapter(CheckpointRow),
}
"""What reads a row of each table. In the order in which they stand in a file: whoever is pointed at comes first."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "study": tuple(StudyRow.__annotations__),
    "trials": tuple(TrialRow.__annotations__),
    "jobs": tuple(JobRow.__annotations__),
    "measurements": tuple(MeasurementRow.__annotations__),
    "confirmations": tuple(ConfirmationRow.__annotations__),
    "interventions": tuple(InterventionRow.__annotations__),
    "checkpoints": tuple(CheckpointRow.__annotations__),
}
"""Of each table."""


def parsed(adapter: TypeAdapter[Any], line: bytes, where: str) -> Any:
    """Return what a line of JSON says. Raises StudyFileError naming the place and the field."""
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        raise StudyFileError(f"{where}: {_told(error)}") from None


def checked(adapter: TypeAdapter[Any], row: Row, where: str) -> Any:
    """Return a row as it may be. Raises StudyFileError naming the place and the field."""
    try:
        return adapter.validate_python(row)
    except ValidationError as error:
        raise StudyFileError(f"{where}: {_told(error)}") from None


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg'][:200]}{more}"
