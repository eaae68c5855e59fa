"""Optuna: a sampler and a pruner, reports epoch by epoch."""

from typing import TYPE_CHECKING, Any

import optuna

from multifidelity.rivals import Bench
from strategies import Choice, Float, Params, Space, Value

if TYPE_CHECKING:
    from collections.abc import Callable


def search(bench: Bench, seed: int, sampler: str, pruner: str) -> None:
    """Search with the sampler and the pruner of these names."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    settings: dict[str, Any] = {"max_resource": bench.max_epochs} if pruner == "HyperbandPruner" else {}
    study = optuna.create_study(
        sampler=getattr(optuna.samplers, sampler)(seed=seed), pruner=getattr(optuna.pruners, pruner)(**settings)
    )
    while not bench.is_over:
        trial = study.ask()
        best = _trained(trial, bench)
        if best is None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, best)


def _trained(trial: optuna.Trial, bench: Bench) -> float | None:
    """Train a trial and return its lowest loss; None if it was pruned."""
    losses = []
    for epoch, loss in enumerate(bench.train(_suggested(trial, bench.space)), start=1):
        losses.append(loss)
        trial.report(loss, epoch)
        if epoch < bench.max_epochs and trial.should_prune():
            return None
    return min(losses)


def _suggested(trial: optuna.Trial, space: Space) -> Params:
    """Return the point that it suggests, parameter by parameter, conditions included."""
    values: Params = {}
    for name in space.parents_first:
        if name in space.active(values):
            values[name] = _suggestion(trial, name, space)
    return values


def _suggestion(trial: optuna.Trial, name: str, space: Space) -> Value:
    parameter = space.parameters[name]
    if isinstance(parameter, Choice):
        return trial.suggest_categorical(name, parameter.values)
    suggest: Callable[..., Value] = trial.suggest_float if isinstance(parameter, Float) else trial.suggest_int
    return suggest(name, parameter.low, parameter.high, log=parameter.log)
