"""A warm start: what another tool, or a table, knows of a problem becomes the beginning of a study.

Results become trials that ended before the study's own first one: searchers learn from them, their points are taken,
and they count in n_trials, in a budget of epochs, and in what is best. As guesses, the best of them are tried first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hpo.errors import SettingError, SpaceError
from strategies import Params, Space, State

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.interventions.brought import Result

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A result as its source tells it: nothing of it has been compared with a space yet."""

    place: str
    """Where it stands in its source, for people."""
    params: Mapping[str, object]
    state: State
    steps: Sequence[float] = ()
    """Its learning curve; empty where that is not known."""
    value: float | None = None
    """What it came to in the end; None where that was not told."""
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a source has to tell."""

    origin: str
    results: Sequence[Found]
    direction: str | None = None
    """Whether low or high values are good, where the source knows."""
    notes: Sequence[str] = ()
    """What was left out, for people."""
    read_space: Callable[[], Space] | None = field(default=None, compare=False)
    """What derives a space from the source, where it knows ranges. Raises SpaceError."""

    @property
    def max_epochs(self) -> int:
        """The most that was measured of a result; 1 where of some that are complete only the value is known."""
        if any(each.state is State.COMPLETE and not each.steps for each in self.results):
            return 1
        return max((len(_whole(each)) for each in self.results), default=1)

    @property
    def comparable(self) -> "Findings":
        """These without what was stopped on its way, where only values in the end are compared: a note counts them."""
        results = [each for each in self.results if each.state is not State.STOPPED or not each.steps]
        count = len(self.results) - len(results)
        if self.max_epochs > 1 or not count:
            return self
        note = f"{count:,} trials that were stopped on their way are left out: of others only the value is known"
        return replace(self, results=results, notes=[*self.notes, note])


def warm_start(
    study: "Study",
    source: str | Path,
    *,
    optuna_study: str | None = None,
    value: str = "value",
    ignore: Sequence[str] = (),
    guesses: int | None = None,
    skip_unfit: bool = False,
) -> int:
    """Let a study begin with the results in a CSV file or of a study of Optuna; return how many there were.

    They become its first trials, ended before any of its own: it must have none yet. With `guesses` the best so many
    points are tried first instead, whatever has begun. See `hpo.results_csv` for the columns; `value` is the one of
    values, `ignore` names columns that mean nothing here. All or nothing: results that do not fit the space raise
    SettingError, unless `skip_unfit` leaves them out.
    """
    findings = read_findings(source, study.space, optuna_study=optuna_study, value=value, ignore=ignore)
    if guesses is not None:
        return guess_from(study, findings, guesses, skip_unfit=skip_unfit)
    return begin_with(study, findings, skip_unfit=skip_unfit)


def read_findings(
    source: str | Path,
    space: Space | None,
    *,
    optuna_study: str | None = None,
    value: str = "value",
    ignore: Sequence[str] = (),
) -> Findings:
    """Return what a database of Optuna's (a URL, an SQLite file) tells, or else a CSV file with params of `space`.

    Raises SettingError when it cannot be read.
    """
    if optuna_study is not None or is_database(source):
        from hpo.results_optuna import read_optuna

        return read_optuna(str(source), optuna_study)
    if space is None:
        raise SettingError(f"{source} is a table, which tells no ranges: give a space with --space FILE.toml")
    from hpo.results_csv import read_csv_results

    return read_csv_results(Path(source), space, value=value, ignore=ignore)


def is_database(source: str | Path) -> bool:
    """Tell whether a source is a URL, or an SQLite file."""
    return "://" in str(source) or beginning(Path(source)).startswith(b"SQLite format 3\0")


def beginning(path: Path) -> bytes:
    """Return the first bytes of a file, by which kinds are told apart; nothing of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except (OSError, ValueError):
        return b""


def fitted(
    findings: Findings, space: Space, max_epochs: int, *, skip_unfit: bool = False
) -> "tuple[list[Result], list[str]]":
    """Return the results that a study of `space` can have, and what is wrong with the others.

    Raises SettingError naming the first of the others, unless `skip_unfit`, and when there is none at all.
    """
    fit: list[Result] = []
    faults: list[str] = []
    for each in findings.results:
        try:
            fit.append(_result(each, space, max_epochs))
        except (SpaceError, _Unfit) as error:
            faults.append(f"{each.place}: {error}")
    if faults and not skip_unfit:
        shown = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        more = f"\n  … and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        raise SettingError(
            f"{len(faults):,} of {len(findings.results):,} results in {findings.origin} do not fit the study:"
            f"{shown}{more}\ncorrect them, or leave them out with --skip-unfit (skip_unfit=True)"
        )
    if not fit:
        raise SettingError(f"{findings.origin} has no result that the study could begin with")
    return fit, faults


def begin_with(study: "Study", findings: Findings, *, skip_unfit: bool = False) -> int:
    """Bring results into a study that has no trial of its own yet; return how many there were.

    All of them or none. Raises SettingError for another direction and for results that do not fit, StorageError when
    the study has begun.
    """
    from storage.interventions.brought import bring

    check_direction(findings, study.direction)
    results, _ = fitted(findings, study.space, study.spec.targets.max_epochs, skip_unfit=skip_unfit)
    bring(study.database, study.record, results, findings.origin)
    return len(results)


def guess_from(study: "Study", findings: Findings, best: int, *, skip_unfit: bool = False) -> int:
    """Let the `best` points be tried before any other that the strategy proposes; return how many there were."""
    check_direction(findings, study.direction)
    guesses = best_of(findings, study.space, study.direction, best, skip_unfit=skip_unfit)
    for guess in guesses:
        study.enqueue(guess)
    return len(guesses)


def best_of(
    findings: Findings, space: Space, direction: str, best: int, *, skip_unfit: bool = False
) -> list[dict[str, Any]]:
    """Return the `best` points that were trained to the end, from the best on, each once."""
    final = [
        replace(each, steps=(), value=_final(each, direction))
        for each in findings.results
        if each.state is State.COMPLETE
    ]
    results, _ = fitted(replace(findings, results=final), space, 1, skip_unfit=skip_unfit)
    ranked = sorted(results, key=lambda each: each.curve[0], reverse=direction == "maximize")
    points: list[dict[str, Any]] = []
    for each in ranked:
        if each.params not in points and len(points) < best:
            points.append(dict(each.params))
    return points


def check_direction(findings: Findings, direction: str) -> None:
    """Raise SettingError when the source takes other values for good than the study."""
    if findings.direction not in (None, direction):
        raise SettingError(
            f"{findings.origin} was to {findings.direction} its values, and the study is to {direction} them: "
            f"make a study with --direction {findings.direction}"
        )


class _Unfit(Exception):  # noqa: N818 - it never leaves this file
    """A result that this study cannot have."""


def _result(found: Found, space: Space, max_epochs: int) -> "Result":
    from storage.interventions.brought import Result

    params = _point(found.params, space)
    curve = _whole(found)
    if max_epochs == 1:
        if found.state is State.STOPPED:
            raise _Unfit("it was stopped on its way, and trials of this study are not measured on theirs")
        curve = () if found.value is None and not found.steps else (_last(found),)
    elif len(curve) > max_epochs:
        raise _Unfit(f"it was measured {len(curve)} times, and trials of this study train for {max_epochs} epochs")
    elif found.state is State.COMPLETE and len(curve) == 1:
        raise _Unfit(f"it has one value, and trials of this study are measured after each of {max_epochs} epochs")
    if found.state is not State.FAILED and not curve:
        raise _Unfit("it has no value")
    return Result(found.place, params, found.state, curve, found.error, found.seconds)


def _point(params: Mapping[str, object], space: Space) -> Params:
    """Return params as a point; a choice that may be None is None where nothing is said."""
    values: dict[str, Any] = dict(params)
    for name in space.parents_first:
        may_be_none = None in getattr(space.parameters[name], "values", ())
        if may_be_none and name not in values and name in space.active(values):
            values[name] = None
    return space.validate(values)


def _whole(found: Found) -> tuple[float, ...]:
    """Return the learning curve; where that is not known, the value in the end alone."""
    return tuple(found.steps) or (() if found.value is None else (found.value,))


def _last(found: Found) -> float:
    return found.steps[-1] if found.value is None else found.value


def _final(found: Found, direction: str) -> float | None:
    better = max if direction == "maximize" else min
    return found.value if found.value is not None or not found.steps else better(found.steps)
