"""Ask and tell: a study whose trials are evaluated by hand, or by a program that the study knows nothing of.

    trial = study.ask()
    study.tell(trial, evaluate(trial.params))

A trial that has been asked for waits as long as it takes; only when the process that asked has died is it asked for
again. Whether it has is known on its own machine, since that was started: where that is gone, `Study.stop` gives it up.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hpo.errors import Exhausted, SettingError
from hpo.objectives import read_value
from hpo.threads import one_thread
from storage.database import Database
from storage.exchange.work import Claim, Measurement, Progress, Report, Wanted
from storage.exchange.workers import Worker, host_of, list_dead, list_held, pid_of, register
from storage.exchange.worklist import Worklist
from storage.questions.queries import get_trial, read_curves
from storage.studies import StudyRecord, reload_study
from strategies import Params, State

_LEASE: Final = 1e9  # seconds: whoever asked may take as long as it takes


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial to evaluate by hand: its params, its seed, the epochs it has, and the epochs it is to reach.

    An heir begins with the weights that trial `parent` has when the heir is asked for: keep those of every open trial.
    """

    number: int
    params: Params
    seed: int
    epochs: int
    until: int
    parent: int | None = None


class Asking:
    """The asked trials of one process."""

    def __init__(self, database: Database, study: StudyRecord) -> None:
        self._database = database
        self._study = study
        self._asked: dict[int, Claim] = {}
        self._worker = Worker.here()
        self._worklist = Worklist(database, study, self._worker, lease=_LEASE)
        register(database, study.id, self._worker)

    def ask(self) -> AskedTrial:
        """Return a trial to evaluate. Raises Exhausted, or SettingError when another has to be told first."""
        dead = list_dead(self._database, self._study.id, but_by=self._worker.launcher)
        with one_thread(self._study.spec.strategy):  # as a worker decides
            exchange = self._worklist.exchange((), Wanted(), dead)
            while exchange.outdated and not exchange.closed:
                self._study = reload_study(self._database, self._study)
                self._worklist = Worklist(self._database, self._study, self._worker, lease=_LEASE)
                exchange = self._worklist.exchange((), Wanted())
        if exchange.closed:
            name = self._study.spec.name
            named = shlex.quote(name)
            raise SettingError(
                f"the study {name!r} was paused or stopped: let it go on, with Study.resume or `hpo resume {named}`, "
                f"or, if it was stopped, with more trials: `hpo extend {named} --trials N`"
            )
        if exchange.complete:
            raise Exhausted(f"the study {self._study.spec.name!r} is complete: there is nothing left to ask for")
        if not exchange.claims:
            raise SettingError(self._nothing_yet())
        claim = self._as_told(exchange.claims[0])
        self._asked[claim.job.trial] = claim
        return AskedTrial(claim.job.trial, claim.params, claim.seed, claim.epochs, claim.job.until, claim.parent)

    def tell(self, trial: AskedTrial | int, value: Any, *, error: str | None = None) -> None:
        """Report a value (or those of several epochs), or an error. Raises ObjectiveError, SettingError."""
        number = trial.number if isinstance(trial, AskedTrial) else trial
        claim = self._asked.get(number)
        if claim is None:
            raise SettingError(f"trial {number} has not been asked for here, or has been told already")
        if error is None:
            report = self._told(claim, value)
        else:
            report = Report(Progress(claim, claim.curve, claim.seconds), State.FAILED, error=error)
        refused = self._worklist.exchange([report], Wanted(jobs=0)).refused
        del self._asked[number]
        if refused:
            self._check_kept(report)

    def _check_kept(self, report: Report) -> None:
        """Raise SettingError when what was told came too late; it may also have been told by an earlier attempt."""
        number = report.progress.claim.job.trial
        trial = get_trial(self._database, self._study, number)
        now = "gone" if trial is None else trial.state
        failed = report.outcome is State.FAILED
        kept = now is State.FAILED if failed else trial is not None and trial.epochs >= len(report.progress.curve)
        if not kept:
            raise SettingError(
                f"trial {number} is {now} meanwhile, by somebody else's doing: what was told is not kept"
            )

    def _nothing_yet(self) -> str:
        """Say which asked trials are waited for, and what to do about one that nobody will tell."""
        held = list_held(self._database, self._study.id)
        told = ", ".join(
            f"trial {trial} (asked for by process {pid_of(who)} on {host_of(who)})" for trial, who in held[:5]
        )
        stop = f"hpo stop {shlex.quote(self._study.spec.name)} TRIAL"
        return (
            f"there is nothing to ask for before one of the asked trials is told: {told}; "
            f"one that nobody will tell is given up with `{stop}`"
        )

    def _as_told(self, claim: Claim) -> Claim:
        """Return the claim with all epochs told so far: whoever evaluates by hand keeps the trial's state as well."""
        told = read_curves(self._database, self._study, [claim.job.trial]).get(claim.job.trial, ())
        curve = tuple(value for _, value, _, _ in told)[: claim.job.from_epoch]
        return replace(claim, epochs=len(curve), curve=curve)

    def _told(self, claim: Claim, value: Any) -> Report:
        several = isinstance(value, Iterable) and not isinstance(value, str | Mapping) and getattr(value, "ndim", 1) > 0
        values = list(value) if several else [value]
        job, spec = claim.job, self._study.spec
        curve = list(claim.curve)
        new = []
        for item in values:
            number, metrics = read_value(item, spec.metric)
            curve.append(number)
            new.append(Measurement(len(curve), number, metrics, 0.0))
        if not new or len(curve) > job.until:
            to_go = job.until - claim.epochs
            raise SettingError(f"trial {job.trial} has {to_go} epochs to go, but {len(new)} values were told")
        paused = job.until <= len(curve) < spec.targets.max_epochs
        return Report(Progress(claim, curve, claim.seconds, new), State.PAUSED if paused else State.COMPLETE)
