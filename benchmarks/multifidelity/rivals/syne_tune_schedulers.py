"""Syne Tune: its asynchronous halving, which ends trials at rungs, with searchers of its own. It knows no conditions.

It searches all parameters at once; those that are inactive are dropped from the point.
"""

import logging
import warnings
from datetime import UTC, datetime
from typing import Any

from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision

from multifidelity.rivals import Bench
from strategies import Choice, Float, Parameter

STARTED = datetime(2020, 1, 1, tzinfo=UTC)  # nobody looks at it


def search(bench: Bench, seed: int, scheduler: str) -> None:
    """Search with the scheduler of that name, one of its baselines."""
    logging.getLogger("syne_tune").setLevel(logging.ERROR)
    domains = {name: _domain(each) for name, each in bench.space.parameters.items()}
    tuner = getattr(baselines, scheduler)(
        domains, metric="loss", time_attr="epoch", max_t=bench.max_epochs, random_seed=seed
    )
    with warnings.catch_warnings(category=FutureWarning, action="ignore"):  # of pandas, which it uses
        while not bench.is_over and (suggestion := tuner.suggest()) is not None:
            _train(tuner, Trial(bench.trials, suggestion.config, STARTED), bench)


def _train(tuner: Any, trial: Trial, bench: Bench) -> None:
    tuner.on_trial_add(trial)
    active = bench.space.active(trial.config)
    for epoch, loss in enumerate(bench.train({name: trial.config[name] for name in active}), start=1):
        told = {"loss": loss, "epoch": epoch}
        if tuner.on_trial_result(trial, told) == SchedulerDecision.STOP:
            break
    tuner.on_trial_complete(trial, told)


def _domain(parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return config_space.choice(list(parameter.values))
    plain, log = ("uniform", "loguniform") if isinstance(parameter, Float) else ("randint", "lograndint")
    return getattr(config_space, log if parameter.log else plain)(parameter.low, parameter.high)
