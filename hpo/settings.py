"""What defines a study, checked before anything is written."""

import os
import secrets
from collections.abc import Callable
from typing import Any

from hpo.errors import SettingError, StrategyError
from hpo.objectives import Objective
from hpo.sources import as_objective
from storage.studies import Direction, JobOrder, StudySpec
from strategies import Space, Strategy, Targets, parse_strategy


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
        shown = objective.source.get("shown")
        instead = "random+full" if objective.epochs == 1 else "random+full+patience"
        raise StrategyError(
            f"the strategy {strategy.name!r} trains trials on after a pause, and {shown} cannot pause: "
            f"make it a class with state() and restore(state), or use another strategy, such as {instead!r}"
        )


def _checked_seed(seed: int) -> int:
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise SettingError(f"seed={seed!r}: give a whole number from 0 to 2^63 - 1")
    return seed


def checked_workers(n_jobs: int) -> int:
    """Return a number of workers from what joblib calls n_jobs: -1 means one for each core."""
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise SettingError(f"n_jobs={n_jobs!r}: give a number of processes, or -1 for one on each core")
    return n_jobs if n_jobs > 0 else max((os.cpu_count() or 1) + 1 + n_jobs, 1)
