"""Studies for people who write Python: create, optimize, ask and tell, look."""

import os
import secrets
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from hpo.errors import ObjectiveError, SettingError, StrategyError, StudyExists
from hpo.launch import Launch, Watcher, deadline_in, run_here, run_workers
from hpo.objectives import Objective, read_value
from hpo.sources import as_objective, find_objective, has_changed
from storage.database import Database
from storage.queries import Overview, TrialRecord, get_trial, list_trials, overview, read_curves, read_state
from storage.studies import (
    COMPLETE,
    Direction,
    JobOrder,
    StudyRecord,
    StudySpec,
    create_study as write_study,
    extend_study,
    list_studies,
    load_study as read_study,
)
from storage.work import Claim, Measurement, Progress, Report, Wanted
from storage.workers import Worker, list_dead, register
from storage.worklist import Worklist
from strategies import Exhausted, Params, Space, State, Strategy, Targets, parse_strategy

if TYPE_CHECKING:
    import pandas as pd

    from hpo.model import Model

DEFAULT_STORAGE: Final = "sqlite:///hpo.db"

Storage = str | Path | None | Literal["default"]
"""An SQLAlchemy URL, the path of an SQLite file, None for a temporary database, or "default"."""

_ASKED_LEASE: Final = 1e9  # seconds: whoever asked may take as long as it takes


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial to evaluate by hand: its params, its seed, and how far it has come and is to go."""

    number: int
    params: Params
    seed: int
    epochs: int
    until: int


def storage_url(storage: Storage = "default") -> str:
    """Return the URL meant: `storage`, else HPO_STORAGE, else `sqlite:///hpo.db`."""
    if storage == "default":
        return os.environ.get("HPO_STORAGE") or DEFAULT_STORAGE
    if isinstance(storage, Path) or (isinstance(storage, str) and "://" not in storage):
        return f"sqlite:///{storage}"
    if storage is None:
        raise SettingError("a temporary database has no URL")
    return storage


class Study:
    """One search, in a database. Made by `create_study` and `load_study`."""

    def __init__(self, database: Database, record: StudyRecord, objective: Objective | None = None) -> None:
        self._database = database
        self._record = record
        self._objective = objective
        self._asked: dict[int, Claim] = {}
        self._worklist: Worklist | None = None

    def __repr__(self) -> str:
        return f"<Study {self.name!r} in {self._database.shown_url}>"

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name, unique in its database."""
        return self._record.spec.name

    @property
    def spec(self) -> StudySpec:
        """All that defines it."""
        return self._record.spec

    @property
    def record(self) -> StudyRecord:
        """Itself as the database holds it."""
        return self._record

    @property
    def database(self) -> Database:
        """The database it lives in."""
        return self._database

    @property
    def space(self) -> Space:
        """Its space."""
        return self._record.spec.space

    @property
    def direction(self) -> Direction:
        """Whether low or high values are good."""
        return self._record.spec.direction

    @property
    def objective(self) -> Objective:
        """What it tunes. Raises ObjectiveError when that cannot be found again."""
        if self._objective is None:
            self._objective = find_objective(self._record.spec.objective, self._record.spec.metric)
        return self._objective

    @property
    def objective_has_changed(self) -> bool:
        """Whether the file of its objective is another than when the study was made."""
        return has_changed(self._record.spec.objective)

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

        `n_jobs` are processes (one works right here, in this process); -1 means one for each core. `timeout` bounds this
        call in seconds, `budget` the study's epochs in all. What is None stays as it was. `backend` is one of joblib's:
        "loky" (processes, the default), "threading" …. A Ctrl-C lets the running epochs finish, saves, and raises
        KeyboardInterrupt; the search goes on with the next call, here or with `hpo resume`.
        """
        objective = self.objective
        n_jobs = _workers(n_jobs)
        for name, target in (("n_trials", n_trials), ("budget", budget), ("timeout", timeout)):
            if target is not None and not target > 0:
                raise SettingError(f"{name}={target}: give a number above 0")
        self._extend(n_trials=n_trials, budget=budget, parallelism=n_jobs)
        self._check_bounded(timeout)
        deadline = deadline_in(timeout)
        here = n_jobs == 1 and backend is None
        launch = Launch(self._database.given_url, self.name, objective, n_jobs, backend or "loky", deadline)
        try:
            if here:
                run_here(self._database, self._record, launch)
            else:
                run_workers(self._database, self._record, launch, watcher or Watcher())
        finally:
            self._record = read_study(self._database, self.name)
        return self

    def _extend(self, *, n_trials: int | None, budget: int | None, parallelism: int) -> None:
        started = overview(self._database, self._record).trials
        if n_trials is not None and n_trials < started:
            raise SettingError(
                f"n_trials is the total to reach, and {started} trials have started already: give at least {started}"
            )
        self._record = extend_study(
            self._database, self._record, n_trials=n_trials, budget=budget, parallelism=parallelism
        )

    def _check_bounded(self, timeout: float | None) -> None:
        targets = self.spec.targets
        finite = type(self.spec.strategy.searcher).__name__ == "Grid"
        if targets.n_trials is None and targets.budget is None and timeout is None and not finite:
            raise SettingError("nothing bounds this search: give n_trials, a budget of epochs, or a timeout")

    # --- ask and tell ---------------------------------------------------------------------------------------------

    def ask(self) -> AskedTrial:
        """Return a trial to evaluate; `tell` its value afterwards.

        A trial that a process asked for and died over is asked for again. Raises Exhausted when the study is complete,
        SettingError when one of the asked trials has to be told first.
        """
        dead = list_dead(self._database, self._record.id, but_by=self._by_hand().worker.launcher)
        exchange = self._by_hand().exchange((), Wanted(), dead)
        if exchange.complete:
            raise Exhausted(f"the study {self.name!r} is complete: there is nothing left to ask for")
        if not exchange.claims:
            raise SettingError("there is nothing to ask for before one of the asked trials is told")
        (claim,) = exchange.claims
        self._asked[claim.job.trial] = claim
        return AskedTrial(claim.job.trial, claim.params, claim.seed, claim.epochs, claim.job.until)

    def tell(
        self,
        trial: AskedTrial | int,
        value: float | Mapping[str, float] | Iterable[float] | None = None,
        *,
        error: str | None = None,
    ) -> None:
        """Report an asked trial's value (or the values of its epochs), or the error that it failed with."""
        number = trial if isinstance(trial, int) else trial.number
        claim = self._asked.get(number)
        if claim is None:
            raise SettingError(f"trial {number} has not been asked for here, or has been told already")
        report = Report(Progress(claim, claim.curve, claim.seconds), State.FAILED, error=error)
        if error is None:
            report = self._told(claim, value)
        self._by_hand().exchange([report], Wanted(jobs=0))
        del self._asked[number]

    def _told(self, claim: Claim, value: Any) -> Report:
        several = isinstance(value, Iterable) and not isinstance(value, str | Mapping) and getattr(value, "ndim", 1) > 0
        values = list(value) if several else [value]
        curve = list(claim.curve)
        new = []
        for item in values:
            number, metrics = read_value(item, self.spec.metric)
            curve.append(number)
            new.append(Measurement(len(curve), number, metrics, 0.0))
        if not new or len(curve) > claim.job.until:
            left = claim.job.until - claim.epochs
            raise SettingError(f"trial {claim.job.trial} has {left} epochs to go, and {len(new)} values were told")
        paused = claim.job.until <= len(curve) < self.spec.targets.max_epochs
        return Report(Progress(claim, curve, claim.seconds, new), State.PAUSED if paused else State.COMPLETE)

    def _by_hand(self) -> Worklist:
        if self._worklist is None:
            worker = Worker.here()
            register(self._database, self._record.id, worker)
            self._worklist = Worklist(self._database, self._record, worker, lease=_ASKED_LEASE)
        return self._worklist

    # --- looking --------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[TrialRecord]:
        """Every trial, by number."""
        return list_trials(self._database, self._record)

    @property
    def best_trial(self) -> TrialRecord:
        """The trial with the best value. Raises SettingError while there is none."""
        best = list_trials(self._database, self._record, best_first=True, limit=1)
        if not best:
            raise SettingError(f"the study {self.name!r} has no trial with a value yet")
        return best[0]

    @property
    def best_params(self) -> Params:
        """The params of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        if value is None:
            raise SettingError(f"the study {self.name!r} has no trial with a value yet")
        return value

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for has been done."""
        return read_study(self._database, self.name).state == COMPLETE

    def trial(self, number: int) -> TrialRecord:
        """Return a trial. Raises SettingError when there is none of that number."""
        found = get_trial(self._database, self._record, number)
        if found is None:
            raise SettingError(f"the study {self.name!r} has no trial {number}")
        return found

    def overview(self) -> Overview:
        """Return how far it is, how good, and what runs now."""
        return overview(self._database, self._record)

    def curves(self, numbers: Iterable[int] | None = None) -> dict[int, list[float]]:
        """Return the learning curves of all trials, or of some."""
        rows = read_curves(self._database, self._record, None if numbers is None else list(numbers))
        return {number: [value for _, value, _, _ in curve] for number, curve in rows.items()}

    def trials_dataframe(self) -> "pd.DataFrame":
        """Return a row a trial: its columns in the database, and `params_<name>` for each hyperparameter."""
        import pandas as pd

        names = [name for name in TrialRecord.__dataclass_fields__ if name not in ("params", "traceback")]
        rows = []
        for trial in self.trials:
            row: dict[str, Any] = {name: getattr(trial, name) for name in names}
            row["state"] = trial.state.value
            rows.append(row | {f"params_{name}": trial.params.get(name) for name in self.space.parameters})
        return pd.DataFrame(rows, columns=[*names, *(f"params_{name}" for name in self.space.parameters)])

    def best_model(self) -> "Model":
        """Return the network of the best trial, after its best epoch, with its preprocessing.

        Raises ObjectiveError when the study tunes something else than the built-in network.
        """
        from hpo.network_objective import NetworkObjective

        objective = self.objective
        if not isinstance(objective, NetworkObjective):
            raise ObjectiveError(
                f"the study {self.name!r} tunes {self.spec.objective.get('shown')}, not a built-in network"
            )
        best = self.best_trial
        kept = read_state(self._database, self._record, best.number)
        if kept is None:
            raise SettingError(f"no checkpoint of trial {best.number} is kept")
        return objective.model(best.params, best.seed, kept[1])


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
    parallelism: int | None = None,
    order: JobOrder = "reproducible",
    load_if_exists: bool = False,
) -> Study:
    """Create a study and write it to its database. Nothing is written when a setting is wrong.

    `objective`: a NetworkObjective, or a function, a generator function or a class of your own (see `hpo.objectives`);
    None for ask and tell. `space` may be left out for a network. `strategy`: names joined by plus signs, or a Strategy;
    unset, it is successive halving for what can resume, else random search. `max_epochs` is the most a trial may train.
    `parallelism` fixes the lag of adaptive strategies; unset, it becomes the first number of workers.

    Raises StudyExists when the name is taken, unless `load_if_exists`; SpaceError, StrategyError, ObjectiveError and
    SettingError for settings that cannot be.
    """
    spec, tuned = specify(
        name or "study",
        space=space,
        objective=objective,
        strategy=strategy,
        direction=direction,
        metric=metric,
        seed=seed,
        max_epochs=max_epochs,
        n_trials=n_trials,
        budget=budget,
        parallelism=parallelism,
        order=order,
    )
    database = open_database(storage, create=True)
    if name is None:
        spec = _with_free_name(database, spec)
    try:
        record = write_study(database, spec)
    except StudyExists:
        if not load_if_exists:
            raise
        record = read_study(database, spec.name)
    return Study(database, record, tuned)


def load_study(
    name: str, *, storage: Storage = "default", objective: Objective | Callable[..., Any] | None = None
) -> Study:
    """Return a study from its database. Its objective is found again where it came from, unless it is given anew."""
    database = open_database(storage, create=False)
    record = read_study(database, name)
    tuned = None if objective is None else as_objective(objective, record.spec.metric)
    return Study(database, record, tuned)


def open_database(storage: Storage = "default", *, create: bool) -> Database:
    """Open the database meant by `storage`; None is a temporary one that goes with its last user."""
    if storage is not None:
        return Database(storage_url(storage), create=create)
    folder = tempfile.TemporaryDirectory(prefix="hpo-", ignore_cleanup_errors=True)
    database = Database(f"sqlite:///{folder.name}/hpo.db", create=True)
    weakref.finalize(database, folder.cleanup)
    return database


def specify(  # noqa: PLR0915 - one setting after another, as they are read
    name: str,
    *,
    space: Space | None,
    objective: Objective | Callable[..., Any] | None,
    strategy: str | Strategy | None,
    direction: Direction | None,
    metric: str | None,
    seed: int | None,
    max_epochs: int | None,
    n_trials: int | None,
    budget: int | None,
    parallelism: int | None,
    order: JobOrder,
) -> tuple[StudySpec, Objective | None]:
    """Return what defines a study, checked, and its objective; writes nothing. See `create_study`."""
    tuned = None if objective is None else as_objective(objective, metric or "value")
    if not name.strip():
        raise SettingError("a study needs a name that is not empty")
    if space is None:
        from hpo.network_objective import NetworkObjective, default_space

        if not isinstance(tuned, NetworkObjective):
            raise SettingError("a space is needed: what are the hyperparameters, and their ranges?")
        space = tuned.without_fixed(default_space())
    for what, number in (("n_trials", n_trials), ("budget", budget), ("parallelism", parallelism)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise SettingError(f"{what}={number!r}: give a whole number above 0")
    if direction not in (None, "minimize", "maximize"):
        raise SettingError(f"direction={direction!r}: it is 'minimize' or 'maximize'")
    if order not in ("reproducible", "free"):
        raise SettingError(f"order={order!r}: it is 'reproducible' or 'free'")
    chosen = _chosen_strategy(strategy, tuned)
    epochs = _checked_epochs(max_epochs, tuned)
    _check_resuming(chosen, tuned)
    chosen.check(space, epochs)
    if tuned is not None:
        tuned.check(space)
    spec = StudySpec(
        name=name,
        space=space,
        strategy=chosen,
        objective={"kind": "none", "shown": "ask and tell"} if tuned is None else dict(tuned.source),
        seed=secrets.randbits(32) if seed is None else _checked_seed(seed),
        targets=Targets(epochs, n_trials, budget),
        direction=direction or (tuned.direction if tuned is not None else "minimize"),
        metric=metric or (tuned.metric if tuned is not None else "value"),
        parallelism=parallelism,
        job_order=order,
    )
    return spec, tuned


def _chosen_strategy(strategy: str | Strategy | None, objective: Objective | None) -> Strategy:
    if isinstance(strategy, Strategy):
        return strategy
    if strategy is not None:
        return parse_strategy(strategy)
    return parse_strategy("halving" if objective is not None and objective.resumable else "random")


def _checked_epochs(max_epochs: int | None, objective: Objective | None) -> int:
    most = 1 if objective is None else objective.epochs
    if max_epochs is None:
        return most
    if not isinstance(max_epochs, int) or max_epochs < 1:
        raise SettingError(f"max_epochs={max_epochs!r}: give a whole number above 0")
    if most == 1 and objective is not None and max_epochs > 1:
        raise SettingError(
            f"max_epochs={max_epochs}, but the objective returns one value and has no epochs: "
            "make it a generator that yields a value after each, or leave max_epochs out"
        )
    return max_epochs


def _check_resuming(strategy: Strategy, objective: Objective | None) -> None:
    if strategy.scheduler.resumes and objective is not None and not objective.resumable:
        instead = "random+full" if objective.epochs == 1 else "random+full+patience"
        raise StrategyError(
            f"the strategy {strategy.name!r} trains trials on after a pause, which {objective.source.get('shown')} cannot: "
            f"give it the form of a class with state() and restore(state), or use another strategy, such as {instead!r}"
        )


def _checked_seed(seed: int) -> int:
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise SettingError(f"seed={seed!r}: give a whole number from 0 to 2^63 - 1")
    return seed


def _workers(n_jobs: int) -> int:
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise SettingError(f"n_jobs={n_jobs!r}: give a number of processes, or -1 for one on each core")
    return n_jobs if n_jobs > 0 else max((os.cpu_count() or 1) + 1 + n_jobs, 1)


def _with_free_name(database: Database, spec: StudySpec) -> StudySpec:
    from dataclasses import replace

    taken = {study.name for study in list_studies(database)}
    count, name = 1, spec.name
    while name in taken:
        count += 1
        name = f"{spec.name}-{count}"
    return replace(spec, name=name)
