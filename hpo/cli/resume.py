"""hpo resume: go on with a study."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from hpo.cli.consoles import person
from hpo.cli.options import (
    Budget,
    Confirm,
    Format,
    Formatted,
    Jobs,
    OnBackend,
    Retries,
    Scheduler,
    Storage,
    StudyName,
    Timeout,
    TrialsToReach,
)
from hpo.cli.studies import bound_reached, interruptible, local_time, next_command, opened

if TYPE_CHECKING:
    from hpo.study import Study


_NONE: Final = "none"

NewTolerance = Annotated[
    str | None,
    typer.Option(
        "--tolerance",
        metavar="X|none",
        help="End when going on can be expected to improve the best value by less than X.",
        show_default=False,
    ),
]
NewTrialTimeout = Annotated[
    str | None,
    typer.Option(
        "--trial-timeout",
        metavar="TIME|none",
        help="A trial that trains longer without a pause fails, its process is ended: 90s, 10m.",
        show_default=False,
    ),
]


def resume(
    name: StudyName,
    *,
    trials: TrialsToReach = None,
    budget: Budget = None,
    timeout: Timeout = None,
    tolerance: NewTolerance = None,
    trial_timeout: NewTrialTimeout = None,
    retries: Retries = None,
    jobs: Jobs = None,
    backend: OnBackend = None,
    scheduler: Scheduler = None,
    confirm: Confirm = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Go on with a study.

    Starts from where it stands; or joins it, with more workers, while it runs. --trials is the total to reach.
    What --tolerance, --trial-timeout and --retries say is kept with the study; "none" takes the first two away.
    A paused study is open again; one that was stopped goes on only with more.
    """
    from hpo.cli.search import Limits, search
    from hpo.settings import check_backend, checked_workers
    from storage.studies import COMPLETE, PAUSED, is_by_hand

    limits = Limits.of(
        trials=trials,
        budget=budget,
        timeout=timeout,
        jobs=jobs,
        backend=None if backend is None else backend.value,
        scheduler=scheduler,
    )
    sys.path.append(str(Path.cwd()))  # where an objective MODULE:NAME may live
    with opened(name, storage) as study, interruptible(study):
        say = person().print
        _refuse_stopped(study, trials=trials, budget=budget)
        if study.objective_has_changed:
            shown = study.spec.objective["shown"]
            say(
                f"warning: {shown} is another file than when the study began: old and new values may differ",
                style="yellow",
            )
        seconds = _seconds(trial_timeout)
        check_backend(limits.backend, None if seconds == _NONE else seconds)
        study.amend(tolerance=_number(tolerance), trial_timeout=seconds, retries=retries)
        targets = study.spec.targets
        seen = study.overview()
        say(f"study {study.name}: {seen.trials:,} trials so far, seed {study.spec.seed}", style="bold")
        # Whatever is not at hand is told before anything is opened.
        objective = None if is_by_hand(study.spec.objective) else study.objective
        checked_workers(1 if jobs is None else jobs)
        paused = study.record.state == PAUSED
        if paused or objective is None:
            study.resume(trials, budget=budget)
        if paused:
            say(f"it was paused{_by_whom(study, 'pause')}; it is open again", soft_wrap=True)
        if study.record.state == COMPLETE and trials in (None, targets.n_trials) and budget in (None, targets.budget):
            reached = bound_reached(study, seen)
            if reached is not None:
                more = "for more, raise {} above {}".format(*reached)
            elif targets.tolerance is not None:
                more = f"going on can be expected to improve it by less than its tolerance, {targets.tolerance:g}"
            else:
                more = "every point of the grid has been tried"
            say(f"it is complete: {more}")
        if objective is None:
            say("it has no objective: go on in Python, with its ask() and tell()")
            return
        search(study, limits, form, confirm=confirm is not False)


def _refuse_stopped(study: "Study", *, trials: int | None, budget: int | None) -> None:
    """Raise SurgeryError for a study that a person has stopped, unless it is to have more than it has."""
    from hpo.errors import SurgeryError
    from storage.studies import STOPPED

    if study.record.state != STOPPED:
        return
    started = study.overview().trials
    if (budget in (None, study.spec.targets.budget) and trials is None) or (trials is not None and trials <= started):
        more = next_command(study.database, "extend", study.name, "--trials", "N")
        raise SurgeryError(
            f"the study {study.name!r} was stopped{_by_whom(study, 'stop')}: it goes on only with more; raise --trials "
            f"above {started}, the trials that it has, or see {more}"
        )


def _by_whom(study: "Study", action: str) -> str:
    """Return who last did that to a study as a whole, where and when."""
    done = [each for each in study.interventions if each.trial is None and each.action == action]
    return "".join(f" by {last.by_user} on {last.by_node}, {local_time(last.at)}" for last in done[-1:])


def _seconds(text: str | None) -> float | Literal["none"] | None:
    from hpo.cli.durations import parse_duration

    if text is None:
        return None
    return "none" if text == _NONE else parse_duration(text)


def _number(text: str | None) -> float | Literal["none"] | None:
    from hpo.errors import SettingError

    if text is None:
        return None
    try:
        return "none" if text == _NONE else float(text)
    except ValueError:
        raise SettingError(f"--tolerance {text}: give a number above 0, or none") from None
