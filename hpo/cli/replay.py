"""hpo replay: what other strategies would have found, on curves that are on record."""

import sys
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from hpo.cli.consoles import answers, person, printable
from hpo.cli.options import Format, Formatted, Storage
from hpo.cli.output import write_rows
from hpo.cli.studies import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hpo.recordings import RecordedCurves
    from strategies.replay import Replayed


def replay(
    subject: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE.npz", help="A study, or what hpo record has written.", show_default=False),
    ],
    *,
    strategy: Annotated[
        list[str] | None,
        typer.Option("--strategy", "-s", help="Names joined by plus signs; once for each to compare."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each, from seeds 0, 1, 2 …")] = 20,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of a search (default: all on record).")] = None,
    budget: Annotated[int | None, typer.Option(min=1, metavar="EPOCHS", help="Epochs of a search in all.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials in training side by side.")] = 1,
    metric: Annotated[str | None, typer.Option(help="Another metric on record to search for.")] = None,
    within: Annotated[float, typer.Option(min=0, metavar="PERCENT", help="How near the best on record is near.")] = 1.0,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Search recorded curves again, by other strategies, in seconds.

    Every strategy meets the same curves. One that asks for what was not recorded is told so, never served an invention:
    record configurations in full with hpo record.
    """
    curves = _curves(subject, storage)
    curves = curves if metric is None else curves.on(metric)
    _check_names(strategy or ())
    rows = []
    for name in strategy or ["random", "halving"]:
        found = _searched(name, curves, _Plan(seeds, trials, budget, workers))
        if found is not None:
            rows.append(_row(name, found, curves, within))
    near = f"epochs to {within:g} %"
    header = ["strategy", f"best {curves.metric}", "trials", "epochs", near, "searches that got there"]
    write_rows(header, rows, form)
    if form is Format.TABLE:
        best, sign = curves.recording().best, curves.sign
        answers().print(
            f"\nMedians of {seeds} searches on {len(curves.rows)} configurations of {printable(curves.name)}; "
            f"the best on record is {curves.metric} {sign * best:.6g}."
        )
    if not rows:
        raise typer.Exit(1)


def _check_names(names: "Iterable[str]") -> None:
    """Raise StrategyError for a strategy that there is not, before any is replayed."""
    from strategies import AUTO, StrategyError, parse_strategy

    for name in names:
        if name == AUTO:
            raise StrategyError("'auto' chooses by circumstances that a table does not have: name a strategy")
        parse_strategy(name)


@dataclass(frozen=True, slots=True)
class _Plan:
    seeds: int
    trials: int | None
    budget: int | None
    workers: int


def _curves(subject: str, storage: str | None) -> "RecordedCurves":
    from hpo.recordings import load_recording, recorded_curves

    if subject.endswith(".npz"):
        return load_recording(Path(subject))
    with opened(subject, storage) as study:
        return recorded_curves(study)


def _searched(name: str, curves: "RecordedCurves", plan: _Plan) -> "list[Replayed] | None":
    """Return the searches by a strategy; None, with the reason told, when it cannot search these curves."""
    from strategies import StrategyError, parse_strategy
    from strategies.replay import replay as search

    chosen, recording = parse_strategy(name), curves.recording()
    try:
        return [
            search(
                chosen,
                recording,
                seed=seed,
                n_trials=plan.trials,
                budget=plan.budget,
                workers=plan.workers,
                sign=curves.sign,
            )
            for seed in range(plan.seeds)
        ]
    except StrategyError as error:
        sys.stdout.flush()
        person().print(f"{name}: {error}", style="yellow")
        return None


def _row(name: str, found: "list[Replayed]", curves: "RecordedCurves", within: float) -> list[object]:
    best = curves.recording().best
    goal = best + abs(best) * within / 100
    reached = [search.epochs_to(goal) for search in found]
    typical, lowest = median(reached), median(float(search.best[-1]) if search.epochs else inf for search in found)
    return [
        name,
        curves.sign * lowest if isfinite(lowest) else None,
        round(median(search.trials for search in found)),
        round(median(search.epochs for search in found)),
        round(typical) if isfinite(typical) else None,
        f"{sum(map(isfinite, reached))} of {len(reached)}",
    ]
