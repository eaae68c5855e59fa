"""Studies for people who write Python: create, optimize, ask and tell, look."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from hpo.asking import AskedTrial, Asking
from hpo.clusters import check_cluster
from hpo.errors import SettingError, StorageError, StudyExists
from hpo.findings import Findings
from hpo.launch import Launch, Watcher, run_here, run_workers
from hpo.objectives import Objective
from hpo.places import Storage, open_database
from hpo.settings import (
    check_backend,
    check_fit,
    checked_budget,
    checked_count,
    checked_name,
    checked_retries,
    checked_timeout,
    checked_tolerance,
    checked_trial_timeout,
    checked_workers,
    completed_guess,
    specify,
)
from hpo.sources import as_objective
from hpo.surgery import Wider, checked_reason, checked_trials, extended, let_go_on
from storage.database import Database
from storage.interventions.amending import amend
from storage.interventions.guesses import enqueue
from storage.interventions.steering import delete, pause, rename, stop_study
from storage.interventions.surgery import discard_trials, retry_trials, stop_trials
from storage.questions.queries import overview
from storage.studies import (
    Direction,
    JobOrder,
    StudyRecord,
    StudySpec,
    reload_study,
)
from storage.studies import create_study as write_study
from storage.studies import load_study as read_study
from storage.upkeep.shrinking import give_back
from strategies import Grid, Space, Strategy

if TYPE_CHECKING:
    from hpo.confirmation import Confirmed

RETRIES: Final = 2
"""How often a trial that takes its worker with it is tried again, where nothing else is said."""

_IN_STACKS: Final = 16
"""The parallelism of a study whose trials train as stacks, where nothing else is said: few workers, wide stacks."""


class Study(Findings):
    """One search, in a database. Made by `create_study` and `load_study`."""

    _asking: Asking | None = None

    # --- searching ------------------------------------------------------------------------------------------------

    def optimize(
        self,
        n_trials: int | None = None,
        n_jobs: int = 1,
        *,
        timeout: float | None = None,
        budget: int | None = None,
        backend: str | None = None,
        watcher: Watcher | None = None,
    ) -> "Study":
        """Search until the study has started `n_trials` trials in all and they have ended.

        `n_jobs` are processes (one works right here, in this process); -1 means one for each core. `timeout` bounds
        this call in seconds, `budget` the study's epochs in all. What is None stays as it was. `backend` is one of
        joblib's: "loky" (processes, the default), "threading", or a cluster's, "dask" or "ray", to which this process
        is connected. A `watcher` looks on. A Ctrl-C lets the running epochs finish, saves, and raises
        KeyboardInterrupt; the search goes on with the next call, here or with `hpo resume`. In a study with a
        `trial_timeout` a single worker, too, is a process, which can be ended.
        """
        check_backend(backend, self.spec.trial_timeout)
        n_jobs = checked_workers(n_jobs)
        n_trials, budget = checked_count("n_trials", n_trials), checked_budget(budget)
        timeout = checked_timeout(timeout)
        check_cluster(backend or "loky", self._database, n_jobs)
        objective = self.objective
        self._check_bounded(n_trials, budget, timeout)
        stacked = objective.stack > 1
        self._let_go_on(n_trials, budget, parallelism=max(n_jobs, _IN_STACKS) if stacked else n_jobs)
        here = n_jobs == 1 and backend is None and watcher is None and self.spec.trial_timeout is None
        launch = Launch(
            self._database.given_url, self.name, self._record.id, objective, n_jobs, backend or "loky", timeout
        )
        try:
            if here:
                run_here(self._database, self._record, launch)
            else:
                run_workers(self._database, self._record, launch, watcher or Watcher())
        except StorageError:  # the database is the trouble: it is not asked once more
            raise
        except BaseException:
            self._record = reload_study(self._database, self._record)
            raise
        self._record = reload_study(self._database, self._record)
        with suppress(StorageError):  # it can wait until the next launch
            give_back(self._database)
        return self

    def _let_go_on(self, n_trials: int | None, budget: int | None, *, parallelism: int | None = None) -> None:
        self._record = let_go_on(self._database, self._record, n_trials, budget)
        started = overview(self._database, self._record).trials
        if n_trials is not None and n_trials < started:
            raise SettingError(
                f"n_trials is the total to reach, and {started} trials have started already: give at least {started}"
            )
        bounds = {name: bound for name, bound in (("n_trials", n_trials), ("budget", budget)) if bound is not None}
        self._record = amend(self._database, self._record, bounds, parallelism=parallelism)

    def _check_bounded(self, *bounds: float | None) -> None:
        targets = self.spec.targets
        finite = isinstance(self.spec.strategy.searcher, Grid)
        if not finite and all(bound is None for bound in (*bounds, targets.n_trials, targets.budget)):
            raise SettingError("nothing bounds this search: give n_trials, a budget of epochs, or a timeout")

    def amend(
        self,
        *,
        tolerance: float | Literal["none"] | None = None,
        trial_timeout: float | Literal["none"] | None = None,
        retries: int | None = None,
    ) -> None:
        """Set anew when the study ends by itself, and what a trial may cost; what is None stays as it was.

        "none" takes a tolerance or a timeout away. Workers heed `tolerance` and `retries` at once, and a
        `trial_timeout` from the next call of `optimize` on. What has changed is on record (`interventions`).
        """
        settings: dict[str, float | None] = {}
        if tolerance is not None:
            settings["tolerance"] = None if tolerance == "none" else checked_tolerance(tolerance)
        if trial_timeout is not None:
            settings["trial_timeout"] = None if trial_timeout == "none" else checked_trial_timeout(trial_timeout)
        if retries is not None:
            settings["retries"] = checked_retries(retries)
        self._record = amend(self._database, reload_study(self._database, self._record), settings)

    def enqueue(self, params: Mapping[str, object]) -> None:
        """Let a point be tried before any that the strategy proposes; what `params` leaves open is drawn.

        Guesses are tried in their order, each once; one that a trial has had already is passed over. A complete study
        goes on with the next call of `optimize` that has room for it. Raises SpaceError for what is not of the space.
        """
        space, seed = self.space, self._record.spec.seed
        self._record = enqueue(self._database, self._record, lambda place: completed_guess(space, params, seed, place))

    # --- by hand: each is one transaction, also while workers are at work, and stays on record (`interventions`) ------

    def retry(self, *trials: int) -> list[int]:
        """Let failed trials (none named: all that can be) be trained again; return their numbers.

        Same number, params and seed; from its checkpoint if one is kept, else from scratch. A complete study goes on
        with the next call of `optimize`. Raises SurgeryError for one that has not failed.
        """
        return retry_trials(self._database, self._record, checked_trials(trials) if trials else None)

    def discard(self, *trials: int, reason: str) -> None:
        """Take trials out, whatever their state: they never win, and nothing is learned from them.

        Their rows, curves and reasons stay, and their points stay taken. Raises SurgeryError.
        """
        discard_trials(self._database, self._record, checked_trials(trials), checked_reason(reason))

    def stop(self, *trials: int, reason: str | None = None) -> None:
        """End running and paused trials where they are; none named: end the whole study, and let its workers leave.

        Raises SurgeryError for what has ended already.
        """
        why = None if reason is None else checked_reason(reason)
        if trials:
            stop_trials(self._database, self._record, checked_trials(trials), why)
        else:
            self._record = stop_study(self._database, self._record, why)

    def pause(self) -> None:
        """Let the workers of every host finish their epochs, save and leave; `optimize` or `hpo resume` goes on."""
        self._record = pause(self._database, self._record)

    def resume(self, n_trials: int | None = None, *, budget: int | None = None) -> None:
        """Open a paused study again, and a stopped one with more trials or epochs in all: for `ask`, or for workers.

        Nothing is trained here: that is `optimize`, which resumes by itself. Raises SurgeryError, SettingError.
        """
        self._let_go_on(checked_count("n_trials", n_trials), checked_budget(budget))

    def extend(
        self,
        *,
        n_trials: int | None = None,
        budget: int | None = None,
        max_epochs: int | None = None,
        space: Wider | None = None,
    ) -> None:
        """Set bounds higher and the space wider, while it runs or afterwards; what is None stays as it was.

        `space` is a whole Space, or those of its parameters that become wider. Trials that had reached the last epoch
        go on where there are more; schedules stay laid out for the epochs that there were at first. A complete or
        stopped study goes on with the next call of `optimize`. Raises SurgeryError, SpaceError, StrategyError.
        """
        self._record = extended(
            self._database,
            self._record,
            lambda: self.objective,
            n_trials=checked_count("n_trials", n_trials),
            budget=checked_budget(budget),
            max_epochs=checked_count("max_epochs", max_epochs),
            space=space,
        )

    def rename(self, name: str) -> None:
        """Give it another name; its view is renamed as well. Raises StudyExists."""
        self._record = rename(self._database, self._record, checked_name(name))

    # --- winners --------------------------------------------------------------------------------------------------

    def confirm(
        self, top: int = 5, seeds: int = 10, *, n_jobs: int = 1, backend: Literal["loky"] | None = None
    ) -> "list[Confirmed]":
        """Train the `top` leaders again from `seeds` fresh seeds each; return all confirmed, the best mean first.

        Each is trained for as many epochs as it was in the search, by `n_jobs` processes; one works right here, in this
        process, unless `backend` is "loky" or the study has a `trial_timeout`. A training that takes its process with
        it is tried again as a trial is, and fails alone with the signal or exit code named.
        The best of many noisy values flatters itself; a mean over seeds that the search never saw does not. What has
        been trained before is not trained again. Raises SettingError while no trial has a value, where the objective
        takes no seed, and where a leader began with another trial's weights.
        """
        from hpo.confirmation import confirm

        top, seeds = checked_count("top", top) or top, checked_count("seeds", seeds) or seeds
        if not self.objective.seeded:
            shown = self.spec.objective.get("shown")
            raise SettingError(f"{shown} takes no seed, so another training would be the same: nothing to confirm")
        here = checked_workers(n_jobs) == 1 and backend is None and self.spec.trial_timeout is None
        jobs = None if here else checked_workers(n_jobs)
        return confirm(self._database, self._record, self.objective, top=top, seeds=seeds, n_jobs=jobs)

    # --- ask and tell ---------------------------------------------------------------------------------------------

    def ask(self) -> AskedTrial:
        """Return a trial to evaluate; `tell` its value afterwards. See `hpo.asking`.

        Raises Exhausted when the study is complete, SettingError when one of the asked trials has to be told first.
        """
        return self._by_hand().ask()

    def tell(
        self,
        trial: AskedTrial | int,
        value: float | Mapping[str, float] | Iterable[float] | None = None,
        *,
        error: str | None = None,
    ) -> None:
        """Report an asked trial's value (or the values of its epochs), or the error that it failed with."""
        self._by_hand().tell(trial, value, error=error)

    def _by_hand(self) -> Asking:
        if self._asking is None:
            self._asking = Asking(self._database, self._record)
        return self._asking


def create_study(
    name: str | None = None,
    *,
    space: Space | None = None,
    objective: Objective | Callable[..., Any] | None = None,
    strategy: str | Strategy | None = None,
    direction: Direction | None = None,
    metric: str | None = None,
    storage: Storage = "default",
    seed: int | None = None,
    max_epochs: int | None = None,
    n_trials: int | None = None,
    budget: int | None = None,
    timeout: float | None = None,
    tolerance: float | None = None,
    trial_timeout: float | None = None,
    retries: int = RETRIES,
    guesses: Iterable[Mapping[str, object]] = (),
    parallelism: int | None = None,
    order: JobOrder = "reproducible",
    load_if_exists: bool = False,
) -> Study:
    """Create a study and write it to its database. Nothing is written when a setting is wrong.

    `objective`: a NetworkObjective, or a function, a generator function or a class of your own (see `hpo.objectives`);
    None for ask and tell. `space` may be left out for a network. `strategy`: names joined by plus signs, or a Strategy;
    unset, or "auto", it is what the circumstances ask for: see `hpo strategies`, and `Study.spec.chosen` for why.
    `timeout`, the seconds that the search is going to have, is one of these circumstances and bounds nothing; a call of
    `optimize` has a bound of its own. `max_epochs` is the most a trial may train.
    A trial that takes its worker with it, crashed or out of memory, is tried again up to `retries` times; one that
    trains for more than `trial_timeout` seconds without a pause fails at once.
    `guesses` are tried first; what one leaves open is drawn. With a `tolerance` the study ends by itself when going on
    can be expected to improve its best value by less. `parallelism` fixes the lag of adaptive strategies; unset, it
    becomes the first number of workers, or 16 for networks, which train as stacks.

    Raises StudyExists when the name is taken, unless `load_if_exists`; SpaceError, StrategyError, ObjectiveError and
    SettingError for settings that cannot be.
    """
    spec, tuned = specify(
        "study" if name is None else name,
        space=space,
        objective=objective,
        strategy=strategy,
        direction=direction,
        metric=metric,
        seed=seed,
        max_epochs=max_epochs,
        n_trials=n_trials,
        budget=budget,
        timeout=timeout,
        tolerance=tolerance,
        trial_timeout=trial_timeout,
        retries=retries,
        guesses=guesses,
        parallelism=parallelism,
        order=order,
    )
    database = open_database(storage, create=True)
    if name is None:
        return Study(database, _write_under_free_name(database, spec), tuned)
    try:
        record = write_study(database, spec)
    except StudyExists:
        if not load_if_exists:
            database.close()
            raise
        record = read_study(database, spec.name)
        if tuned is not None:
            tuned = tuned.lasting(record.spec.schedule_epochs)
            check_fit(tuned, record.spec)
    return Study(database, record, tuned)


def load_study(
    name: str, *, storage: Storage = "default", objective: Objective | Callable[..., Any] | None = None
) -> Study:
    """Return a study from its database. Its objective is found again where it came from, unless it is given anew.

    Raises StudyNotFound; SettingError, StrategyError and ObjectiveError when the given objective is not the study's.
    """
    database = open_database(storage, create=False)
    record = read_study(database, name)
    if objective is None:
        return Study(database, record, None)
    tuned = as_objective(objective, record.spec.metric).lasting(record.spec.schedule_epochs)
    check_fit(tuned, record.spec)
    return Study(database, record, tuned)


def delete_study(name: str, *, storage: Storage = "default", force: bool = False) -> None:
    """Delete a study with everything but its trail. Raises StudyNotFound; SurgeryError while workers are at work.

    With `force` they are not waited for: their next exchange with the database tells them.
    """
    database = open_database(storage, create=False)
    try:
        delete(database, read_study(database, name), force=force)
    finally:
        database.close()


def _write_under_free_name(database: Database, spec: StudySpec) -> StudyRecord:
    """Write a study as study, study-2, study-3 …: the first name that nobody has taken, or takes meanwhile."""
    count = 1
    while True:
        try:
            return write_study(database, spec if count == 1 else replace(spec, name=f"{spec.name}-{count}"))
        except StudyExists:
            count += 1
