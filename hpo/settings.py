"""What defines a study, checked before anything is written."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from math import inf, isnan
from numbers import Integral, Real
from typing import Any, Final, TypeGuard

import numpy as np

from hpo.errors import SettingError, SpaceError, StrategyError
from hpo.objectives import Objective
from hpo.probing import epoch_seconds
from hpo.sources import as_objective
from storage.schema.tables import MOST
from storage.studies import Direction, JobOrder, StudySpec
from strategies import AUTO, Circumstances, Params, Space, Strategy, Targets, choose, parse_strategy
from strategies.registry import name_of
from strategies.spelling import is_storable, suggestion

_MOST_IN_ALL: Final = 2**63 - 1  # epochs of a study

_LONGEST_NAME: Final = 500  # characters: what an index of every database takes, whatever they are

MANY_EPOCHS = 3
"""From so many epochs on, what one costs does not decide on a strategy, unless the time is bounded."""


def checked_name(name: object) -> str:
    """Return the name of a study. Raises SettingError when it cannot be one."""
    if not isinstance(name, str) or not name.strip() or not is_storable(name):
        raise SettingError(f"name={name!r}: a study's name is text that is not empty and has no NUL")
    if len(name) > _LONGEST_NAME:
        raise SettingError(
            f"name={name[:30]!r}…: it has {len(name):,} characters, and a study's name at most {_LONGEST_NAME}"
        )
    return name


def specify(
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
    timeout: float | None,
    tolerance: float | None,
    trial_timeout: float | None,
    retries: int,
    guesses: Iterable[Mapping[str, object]],
    parallelism: int | None,
    order: JobOrder,
) -> tuple[StudySpec, Objective | None]:
    """Return what defines a study, checked, and its objective; writes nothing. See `create_study`."""
    tuned = None if objective is None else as_objective(objective, metric or "value")
    checked_name(name)
    if tuned is not None and metric not in (None, tuned.metric):
        raise SettingError(
            f"metric={metric!r}, but the objective measures {tuned.metric!r}: give the metric to the objective"
        )
    if space is None:
        from hpo.network_objective import NetworkObjective

        if not isinstance(tuned, NetworkObjective):
            raise SettingError("a space is needed: what are the hyperparameters, and their ranges?")
        space = tuned.default_space()
    if not isinstance(space, Space):
        raise SettingError(f"space={space!r}: write hpo.Space(name=hpo.Float(low, high), ...)")
    if direction not in (None, "minimize", "maximize"):
        raise SettingError(f"direction={direction!r}: it is 'minimize' or 'maximize'")
    if order not in ("reproducible", "free"):
        raise SettingError(f"order={order!r}: it is 'reproducible' or 'free'")
    epochs = _checked_epochs(max_epochs, tuned)
    tuned = None if tuned is None else tuned.lasting(epochs)
    if tuned is not None:
        tuned.check(space)
    chosen, why = _given_strategy(strategy), None
    if chosen is None:
        seen = Circumstances(
            max_epochs=epochs,
            resumable=tuned is not None and tuned.resumable,
            size=inf if any(getattr(each, "points", None) for each in space.parameters.values()) else space.size,
            n_trials=checked_count("n_trials", n_trials),
            budget=checked_budget(budget),
            epoch_seconds=epoch_seconds(tuned, space) if timeout is not None or epochs < MANY_EPOCHS else None,
            timeout=checked_timeout(timeout),
            workers=checked_count("parallelism", parallelism) or 1,
        )
        chosen, why = choose(seen)
    _check_resuming(chosen, tuned)
    chosen.check(space, epochs)
    seed = secrets.randbits(32) if seed is None else _checked_seed(seed)
    targets = Targets(
        epochs,
        checked_count("n_trials", n_trials),
        checked_budget(budget),
        checked_tolerance(tolerance),
        tuple(completed_guess(space, guess, seed, place) for place, guess in enumerate(guesses)),
    )
    spec = StudySpec(
        name=name,
        space=space,
        strategy=chosen,
        objective={"kind": "none", "shown": "ask and tell"} if tuned is None else dict(tuned.source),
        seed=seed,
        targets=targets,
        direction=direction or (tuned.direction if tuned is not None else "minimize"),
        metric=metric or (tuned.metric if tuned is not None else "value"),
        parallelism=checked_count("parallelism", parallelism),
        job_order=order,
        chosen=why,
        trial_timeout=checked_trial_timeout(trial_timeout),
        retries=checked_retries(retries),
    )
    return spec, tuned


def check_fit(objective: Objective, spec: StudySpec) -> None:
    """Raise SettingError, StrategyError or ObjectiveError when a study on record cannot go on with `objective`."""
    if objective.metric != spec.metric:
        raise SettingError(
            f"the study {spec.name!r} is about {spec.metric!r}, but the objective measures {objective.metric!r}: "
            "give it the study's metric"
        )
    if spec.objective.get("kind") == "network" and _tuned(objective.source) != _tuned(spec.objective):
        raise SettingError(
            f"the study {spec.name!r} is about another network or other data than the objective: "
            "give it the same data and settings, or start a new study"
        )
    _check_resuming(spec.strategy, objective)
    objective.check(spec.space)


def _tuned(source: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what must not change in a network's source: its data, wherever they lie, and its settings."""
    data = source.get("data", {})
    return {key: value for key, value in data.items() if key != "path"}, source.get("settings")


def _given_strategy(strategy: str | Strategy | None) -> Strategy | None:
    """Return the strategy that is asked for; None when the circumstances are to decide."""
    if strategy is None or (isinstance(strategy, str) and strategy.strip() == AUTO):
        return None
    if isinstance(strategy, str):
        return parse_strategy(strategy)
    if not isinstance(strategy, Strategy):
        raise StrategyError(f"strategy={strategy!r}: give a name, or Strategy(searcher, scheduler, stopper)")
    return strategy


def _checked_epochs(max_epochs: int | None, objective: Objective | None) -> int:
    most = 1 if objective is None else objective.epochs
    max_epochs = checked_count("max_epochs", max_epochs)
    if max_epochs is None:
        return most
    if most == 1 and objective is not None and max_epochs > 1:
        raise SettingError(
            f"max_epochs={max_epochs}, but the objective returns one value and has no epochs: "
            "make it a generator that yields a value after each, or leave max_epochs out"
        )
    return max_epochs


def _check_resuming(strategy: Strategy, objective: Objective | None) -> None:
    if strategy.scheduler.resumes and objective is not None and not objective.resumable:
        shown = objective.source.get("shown")
        searcher = name_of(strategy.searcher)
        instead = f"{searcher}+full" if objective.epochs == 1 else f"{searcher}+full+patience"
        raise StrategyError(
            f"the strategy {strategy.name!r} trains trials on after a pause, and {shown} cannot pause: "
            f"make it a class with state() and restore(state), or use another strategy, such as {instead!r}"
        )


def completed_guess(space: Space, guess: Mapping[str, object], seed: int, place: int) -> Params:
    """Return a guess as a point of the space, what it leaves open drawn. Raises SpaceError naming what cannot be."""
    if not isinstance(guess, Mapping):
        raise SettingError(f"a guess is a dict of hyperparameters and values, not {guess!r}")
    values = {}
    for name, value in guess.items():
        if name not in space.parameters:
            raise SpaceError(f"a guess has an unknown parameter {name!r}.{suggestion(str(name), space.parameters)}")
        try:
            values[name] = space.parameters[name].validate(value)
        except SpaceError as error:
            raise SpaceError(f"the guess for {name!r}: {error}") from None
    rng = np.random.default_rng((seed, place, 4))
    for name in reversed(space.parents_first):
        for parent, wanted in space.conditions[name] if name in values else ():
            values.setdefault(parent, wanted[int(rng.integers(len(wanted)))])  # so that what is guessed is active
    point = space.complete(values, {}, rng)
    for name in (name for name in guess if name not in point):
        raise SpaceError(f"a guess gives {name!r}, which is not active with its other values: leave it out")
    return point


def checked_tolerance(tolerance: object) -> float | None:
    """Return a tolerance, if there is one. Raises SettingError unless it is a number above 0."""
    if tolerance is None:
        return None
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real) or not 0 < float(tolerance) < inf:
        raise SettingError(f"tolerance={tolerance!r}: give a number above 0, in units of the metric")
    return float(tolerance)


def _checked_seed(seed: int) -> int:
    if not _is_whole(seed) or not 0 <= seed < 2**63:
        raise SettingError(f"seed={seed!r}: give a whole number from 0 to 2^63 - 1")
    return int(seed)


def checked_count(what: str, number: int | None, most: int = MOST) -> int | None:
    """Return a target, if there is one, as a plain integer. Raises SettingError unless it is whole, 1 to `most`."""
    if number is None:
        return None
    if not _is_whole(number) or number < 1:
        raise SettingError(f"{what}={number!r}: give a whole number above 0")
    if number > most:
        raise SettingError(f"{what}={number!r}: give at most {most:,}")
    return int(number)


def checked_budget(epochs: int | None) -> int | None:
    """Return a bound on a study's epochs in all, as `checked_count` does."""
    return checked_count("budget", epochs, _MOST_IN_ALL)


def checked_timeout(seconds: object, what: str = "timeout") -> float | None:
    """Return a number of seconds, if there is one. Raises SettingError unless it is above 0."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or isnan(seconds) or seconds <= 0:
        raise SettingError(f"{what}={seconds!r}: give a number of seconds above 0")
    return float(seconds)


def checked_trial_timeout(seconds: object) -> float | None:
    """Return the seconds that a trial may train, as `checked_timeout` does; there are none that never pass."""
    checked = checked_timeout(seconds, "trial_timeout")
    return None if checked == inf else checked


def checked_retries(retries: object) -> int:
    """Return how often a trial is tried again. Raises SettingError unless it is a whole number, 0 or more."""
    if not _is_whole(retries) or not 0 <= int(retries) <= MOST:
        raise SettingError(f"retries={retries!r}: give a whole number, 0 for never, at most {MOST:,}")
    return int(retries)


def check_backend(backend: str | None, trial_timeout: float | None) -> None:
    """Raise SettingError where trials cannot be ended for training too long: they have no process of ours."""
    if trial_timeout is not None and backend not in (None, "loky"):
        raise SettingError(
            f"backend={backend!r}: a trial that trains longer than its trial_timeout is ended with its process, which "
            "only the workers of backend='loky' have of their own; use that, or a study without a trial_timeout"
        )


def checked_workers(n_jobs: int) -> int:
    """Return a number of workers from what joblib calls n_jobs: -1 means one for each core."""
    if not _is_whole(n_jobs) or n_jobs == 0:
        raise SettingError(f"n_jobs={n_jobs!r}: give a number of processes, or -1 for one on each core")
    if n_jobs > MOST:
        raise SettingError(f"n_jobs={n_jobs!r}: give at most {MOST:,}")
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return max(int(cpu_count() + 1 + n_jobs), 1)


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, Integral) and not isinstance(number, bool)
