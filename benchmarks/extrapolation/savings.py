"""What stopping by curves saves and costs: the same searches with and without it, replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from time import process_time

from multifidelity.tables import Table

from strategies import CurveExtrapolation, History, State, Trial, parse_strategy
from strategies.replay import Replayed, replay

SHOWN = 0.4  # of a curve, when a verdict is timed


@dataclass(frozen=True, slots=True)
class Saving:
    """A search with a stopper beside the one without: epochs it took less, and how much worse a loss it found."""

    name: str
    seeds: int
    saved: float
    """Share of the epochs, the median over seeds."""
    regret: float
    """Of the loss found, the median configuration of the table being at 1; the mean over seeds."""
    paid: float
    """How much of that the search without the stopper would not have had."""
    missed: float
    """The share of searches that found something worse."""
    seconds: float


def saving(table: Table, searcher: str, stopper: str, seeds: int, trials: int) -> Saving:
    """Search with and without the stopper, from the same seeds and with as many trials."""
    with_it, seconds = _searches(table, f"{searcher}+{stopper}", seeds, trials)
    without, _ = _searches(table, searcher, seeds, trials)
    losses = [(float(one.best[-1]), float(other.best[-1])) for one, other in zip(with_it, without, strict=True)]
    return Saving(
        f"{searcher}+{stopper}",
        seeds,
        median(1 - one.epochs / other.epochs for one, other in zip(with_it, without, strict=True)),
        mean(table.regret(found) for found, _ in losses),
        mean(table.regret(found) - table.regret(full) for found, full in losses),
        mean(found > full for found, full in losses),
        seconds / seeds,
    )


def verdict_milliseconds(table: Table, count: int) -> float:
    """Return what a verdict on a running trial takes when all others are complete; the median of `count` curves.

    Those of trials that already beat the others are none, and left out.
    """
    recording, stopper = table.recording, CurveExtrapolation(interval=1)
    epochs = max(stopper.min_epochs, round(SHOWN * recording.max_epochs))
    complete = [
        Trial(row, params, State.COMPLETE, curve)
        for row, (params, curve) in enumerate(zip(recording.rows, recording.curves, strict=True))
    ]
    lowest = recording.best
    times = []
    for trial in _spread(complete, count):
        curve = trial.curve[:epochs]
        if min(curve) <= lowest:
            continue
        running = Trial(len(complete), trial.params, State.RUNNING, curve)
        trials = [*complete, running]
        history = History(recording.space, trials, {running.number: running}, recording.max_epochs)
        began = process_time()
        stopper.verdict(running, history)
        times.append(process_time() - began)
    return median(times) * 1e3


def _spread(trials: Sequence[Trial], count: int) -> Sequence[Trial]:
    return trials[:: max(1, len(trials) // count)][:count]


def _searches(table: Table, name: str, seeds: int, trials: int) -> tuple[list[Replayed], float]:
    strategy = parse_strategy(name)
    began = process_time()
    found = [
        replay(strategy, table.recording, seed=seed, n_trials=trials, sign=table.curves.sign) for seed in range(seeds)
    ]
    return found, process_time() - began
