"""Changing a search by hand, checked before anything is written: what `Study` and the command line have in common."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING

from hpo.errors import HpoError, SettingError, SurgeryError
from storage.database import Database
from storage.interventions.steering import extend, reopen
from storage.schema.tables import MOST
from storage.studies import PAUSED, STOPPED, StudyRecord, is_by_hand, reload_study
from strategies import Space
from strategies.spelling import is_storable
from strategies.widening import widened, widened_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpo.objectives import Objective
    from strategies import Parameter

Wider = Space | Mapping[str, "Parameter"]
"""A whole space, or the parameters of it that become wider."""


def checked_reason(reason: object) -> str:
    """Return a reason that a person gives. Raises SettingError when it is no text, or an empty one."""
    if not isinstance(reason, str) or not reason.strip() or not is_storable(reason):
        raise SettingError(f"reason={reason!r}: say in a few words why, for whoever reads the history later")
    return reason.strip()


def checked_trials(numbers: Iterable[object]) -> list[int]:
    """Return numbers of trials, each once. Raises SettingError for what is none."""
    found: dict[int, None] = {}
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, Integral) or not 0 <= int(number) <= MOST:
            raise SettingError(f"trial {number!r}: give the number of a trial, from 0 on")
        found[int(number)] = None
    return list(found)


def extended(
    database: Database,
    record: StudyRecord,
    objective: "Callable[[], Objective]",
    *,
    n_trials: int | None,
    budget: int | None,
    max_epochs: int | None,
    space: Wider | None,
) -> StudyRecord:
    """Extend a study; what it is to become is checked against its objective, if that can be found here."""
    record = reload_study(database, record)
    wider = None
    if space is not None:
        before = record.spec.space
        wider = widened_to(before, space) if isinstance(space, Space) else widened(before, space)
    if wider is not None or max_epochs is not None:
        _check_objective(record, objective, wider, max_epochs)
    return extend(database, record, n_trials=n_trials, budget=budget, max_epochs=max_epochs, space=wider)


def let_go_on(database: Database, record: StudyRecord, n_trials: int | None, budget: int | None) -> StudyRecord:
    """Return a study as it stands now; open again if it was paused, or stopped and more is asked for than it had.

    Raises StrategyError where a part of its strategy, a plug-in say, cannot be had here; SurgeryError for a stopped
    study that has been asked for no more.
    """
    record = reload_study(database, record)
    spec = record.spec
    spec.strategy.check(spec.space, spec.targets.max_epochs)
    if record.state != STOPPED:
        return reopen(database, record) if record.state == PAUSED else record
    budget = None if budget == spec.targets.budget else budget
    if n_trials is None and budget is None:
        raise SurgeryError(f"the study {spec.name!r} was stopped: it goes on only with more trials, or a larger budget")
    return extend(database, record, n_trials=n_trials, budget=budget)


def _check_objective(
    record: StudyRecord, objective: "Callable[[], Objective]", wider: Space | None, max_epochs: int | None
) -> None:
    if is_by_hand(record.spec.objective):
        return
    try:
        tuned = objective()
    except HpoError:  # it, or its data, are not here: the workers have them
        return
    if tuned.epochs == 1 and max_epochs is not None:
        raise SettingError(
            f"max_epochs={max_epochs}, but {tuned.source.get('shown')} returns one value and has no epochs: "
            "leave max_epochs out"
        )
    if wider is not None:
        tuned.check(wider)
