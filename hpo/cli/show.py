"""hpo show: what a person asks first of a study."""

from typing import TYPE_CHECKING, Any, Final

from hpo.cli.consoles import answers, printable
from hpo.cli.options import Format, Formatted, Storage, StudyName
from hpo.cli.output import shown, write_record
from hpo.cli.studies import bound_reached, next_command, opened

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.questions.queries import Overview, RunningJob

_STALE: Final = 15.0
"""Seconds without a sign of life after which a worker is worth a remark: it gives one every 7.5."""


def show(name: StudyName, *, storage: Storage = None, form: Formatted = Format.TABLE) -> None:
    """Show how a study is doing.

    How far it is, how good, how fast, what runs now, what failed and why. Works while it runs.
    """
    with opened(name, storage) as study:
        seen = study.overview()
        facts = _facts(study, seen)
        if form is Format.TABLE:
            _tell(facts, study, seen)
        else:
            write_record(facts, form)


def _facts(study: "Study", seen: "Overview") -> dict[str, Any]:
    from dataclasses import asdict

    from hpo.cli.outcome import failures

    spec, seconds = study.spec, seen.train_seconds
    best = None if seen.best is None else study.winner
    return {
        "study": study.name,
        "state": seen.state,
        "objective": spec.objective.get("shown"),
        "strategy": spec.strategy.name,
        "chosen": spec.chosen,
        "metric": spec.metric,
        "direction": spec.direction,
        "seed": spec.seed,
        "n_trials": spec.targets.n_trials,
        "max_epochs": spec.targets.max_epochs,
        "budget": spec.targets.budget,
        "tolerance": spec.targets.tolerance,
        "trial_timeout": spec.trial_timeout,
        "retries": spec.retries,
        "trials": {state.value: count for state, count in seen.states.items()},
        "epochs": seen.epochs,
        "train_seconds": seconds,
        "epochs_per_second": seen.epochs / seconds if seconds else None,
        "trials_per_minute": 60 * seen.trials / seconds if seconds else None,
        "best": None if best is None else {"trial": best.number, "value": best.value, "params": best.params},
        "workers": seen.workers,
        "running": [asdict(job) for job in seen.running],
        "failures": failures(study),
        "interventions": len(study.interventions),
        "storage": study.database.shown_url,
        "view": study.record.view,
    }


def _tell(facts: dict[str, Any], study: "Study", seen: "Overview") -> None:
    from hpo.cli.outcome import tell_failures
    from hpo.progress import states_in_words

    say, targets = answers().print, study.spec.targets
    say(f"study {printable(study.name)}: {printable(str(facts['objective']))}", style="bold")
    total = "" if targets.n_trials is None else f" of {targets.n_trials:,}"
    epochs = "" if targets.budget is None else f" of {targets.budget:,}"
    say(f"state      {seen.state}; {facts['strategy']}, seed {facts['seed']}")
    if study.spec.chosen is not None:
        say(f"auto       {study.spec.chosen}", soft_wrap=True)
    say(f"trials     {seen.trials:,}{total}{f' ({states_in_words(seen)})' if seen.trials else ''}")
    say(f"epochs     {seen.epochs:,}{epochs}, at most {targets.max_epochs:,} a trial")
    say(f"failures   {_policy(study)}")
    if facts["best"] is not None:
        best = facts["best"]
        told = f"{shown(best['value'])} (trial {best['trial']}{_worth(study, best)})"
        say(f"best       {printable(study.spec.metric)} {told}")
        say(f"           {shown(best['params'])}")
    if facts["epochs_per_second"] is not None:
        per_second, per_minute = _rate(facts["epochs_per_second"]), _rate(facts["trials_per_minute"])
        say(f"speed      {per_second} epochs a second, {per_minute} trials a minute of training")
        say(f"training   {seen.train_seconds:,.1f} seconds, over all workers")
    _tell_running(seen)
    tell_failures(facts["failures"], study)
    if facts["interventions"]:
        count, command = facts["interventions"], next_command(study.database, "trail", study.name)
        say(f"by hand    changed {'once' if count == 1 else f'{count:,} times'}: {command}", soft_wrap=True)
    say(f"history    {facts['storage']}, view {facts['view']}")
    say(f"next       {_next(study, seen)}", soft_wrap=True)


def _worth(study: "Study", best: dict[str, Any]) -> str:
    """Return what the confirmation of the best trial has shown."""
    found = next((each for each in study.confirmed if each.trial == best["trial"] and each.mean is not None), None)
    return "" if found is None else f"; {shown(found.mean)} on average from {len(found.values)} fresh seeds"


def _policy(study: "Study") -> str:
    """Return what becomes of a trial that crashes or hangs, in words."""
    retries, timeout = study.spec.retries, study.spec.trial_timeout
    again = {0: "not tried again", 1: "tried again once"}.get(retries, f"tried again up to {retries} times")
    limit = "no limit on its time" if timeout is None else f"at most {timeout:g} s of training at a time"
    return f"a trial that crashes its worker is {again}; {limit}"


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three digits either way


def _tell_running(seen: "Overview") -> None:
    say = answers().print
    if seen.workers:
        say(f"workers    {seen.workers:,}")
    for job in seen.running:
        say(f"  trial {job.trial}, epoch {job.epochs} of {job.until_epoch}, by {printable(job.worker)}{_silence(job)}")


def _silence(job: "RunningJob") -> str:
    return f"; no sign of life for {job.since_seen:.0f} s" if job.since_seen > _STALE else ""


def _next(study: "Study", seen: "Overview") -> str:
    from storage.studies import CLOSED, COMPLETE, STOPPED, is_by_hand

    if is_by_hand(study.spec.objective) and seen.state not in CLOSED:  # no command can go on with it
        return next_command(study.database, "best" if seen.best is not None else "trials", study.name)
    if seen.state == STOPPED:
        return next_command(study.database, "extend", study.name, "--trials", "N")
    if seen.state != COMPLETE:
        return next_command(study.database, "resume", study.name)
    reached = bound_reached(study, seen)
    if reached is None:
        return next_command(study.database, "best", study.name)
    option, bound = reached
    return next_command(study.database, "resume", study.name, option, str(2 * bound))
