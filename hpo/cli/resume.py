"""hpo resume: go on with a study."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
    Tolerance,
    TrialsToReach,
    TrialTimeout,
)
from hpo.cli.studies import bound_reached, interruptible, local_time, next_command, opened

if TYPE_CHECKING:
    from hpo.study import Study


def resume(
    name: StudyName,
    *,
    trials: TrialsToReach = None,
    budget: Budget = None,
    timeout: Timeout = None,
    tolerance: Tolerance = None,
    trial_timeout: TrialTimeout = None,
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
    What --tolerance, --trial-timeout and --retries say is kept with the study.
    """
    from hpo.cli.durations import parse_duration
    from hpo.cli.search import Limits, search
    from hpo.settings import check_backend
    from storage.studies import CLOSED, COMPLETE

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
        if study.objective_has_changed:
            shown = study.spec.objective["shown"]
            say(
                f"warning: {shown} is another file than when the study began: old and new values may differ",
                style="yellow",
            )
        seconds = None if trial_timeout is None else parse_duration(trial_timeout)
        check_backend(limits.backend, seconds)
        study.amend(tolerance=tolerance, trial_timeout=seconds, retries=retries)
        targets = study.spec.targets
        seen = study.overview()
        say(f"study {study.name}: {seen.trials:,} trials so far, seed {study.spec.seed}", style="bold")
        if study.record.state in CLOSED:
            say(_closed(study, trials=trials, budget=budget), soft_wrap=True)
        if study.record.state == COMPLETE and trials in (None, targets.n_trials) and budget in (None, targets.budget):
            reached = bound_reached(study, seen)
            if reached is not None:
                more = "for more, raise {} above {}".format(*reached)
            elif targets.tolerance is not None:
                more = f"going on can be expected to improve it by less than its tolerance, {targets.tolerance:g}"
            else:
                more = "every point of the grid has been tried"
            say(f"it is complete: {more}")
        search(study, limits, form, confirm=confirm is not False)


def _closed(study: "Study", *, trials: int | None, budget: int | None) -> str:
    """Return who closed a study when, and what becomes of that now."""
    from storage.studies import PAUSED

    told = f"it was {study.record.state}"
    for last in [each for each in study.interventions if each.trial is None and each.action in ("pause", "stop")][-1:]:
        told += f" by {last.by_user} on {last.by_node}, {local_time(last.at)}"
    if study.record.state == PAUSED:
        return f"{told}; it is open again"
    more = trials is not None or budget is not None
    extend = next_command(study.database, "extend", study.name)
    return told if more else f"{told}: for more, raise --trials above {study.overview().trials}, or see {extend}"
