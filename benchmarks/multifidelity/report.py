"""Where everyone stands, on a terminal and in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

from multifidelity.runs import TRAININGS, Run
from multifidelity.tables import GOALS, Table

LEGEND = """\
* a rival: what its sampler proposes is tried as the nearest configuration of the table that has not been tried.
Epochs are the median over seeds, beside the share of searches that got there before they ended; most of those that stop
trials early end long before all epochs are spent. Ratios are of random search's median to theirs. Regret: how far the
lowest loss after {few} and {many} full trainings' worth of epochs is above the best on record, the table's median
configuration being at 1; the mean over seeds. CPU seconds of a search."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contestant does on a table."""

    runs: int
    epochs_to: tuple[float, ...]
    reached: tuple[float, ...]
    speeds: tuple[float, ...]
    """Random search's epochs to each goal by its own; not a number where neither gets there."""
    regrets: tuple[float, ...]
    seconds: float
    excuse: str = ""


Runs = Mapping[str, Sequence[Run] | str]
"""By name: runs, or why there are none."""


def standings(runs: Runs, reference: str) -> dict[str, Standing]:
    """Return the standing of each; speeds are relative to `reference`."""
    baseline = _epochs_to(runs[reference])
    return {name: _standing(each, baseline) for name, each in runs.items()}


def _standing(runs: Sequence[Run] | str, baseline: Sequence[float]) -> Standing:
    if isinstance(runs, str):
        return Standing(0, (), (), (), (), 0.0, runs)
    epochs_to = _epochs_to(runs)
    return Standing(
        len(runs),
        epochs_to,
        tuple(sum(map(isfinite, each)) / len(runs) for each in zip(*(run.epochs_to for run in runs), strict=True)),
        tuple(base / own if isfinite(own) else 0.0 for base, own in zip(baseline, epochs_to, strict=True)),
        tuple(sum(each) / len(runs) for each in zip(*(run.regrets for run in runs), strict=True)),
        median(run.seconds for run in runs),
    )


def _epochs_to(runs: Sequence[Run] | str) -> tuple[float, ...]:
    if isinstance(runs, str):
        return ()
    return tuple(median(each) for each in zip(*(run.epochs_to for run in runs), strict=True))


def title(table: Table) -> str:
    """Return what the table is, and what is searched for in it."""
    recording = table.recording
    near = ", ".join(f"{table.near(loss)} {goal}" for goal, loss in zip(GOALS, table.goals, strict=True))
    return (
        f"{table.name}: {len(recording.rows)} configurations of {recording.max_epochs} epochs, the lowest "
        f"{table.curves.metric} {table.curves.sign * recording.best:.4g}; {near}"
    )


def print_standings(table: Table, standing: Mapping[str, Standing]) -> None:
    """Print a line for each contestant, those who are first among the best 2 % on top."""
    few, many = TRAININGS
    print(f"\n{title(table)}")
    print(f"  {'':27}    " + "".join(f"{goal:>23}" for goal in GOALS) + f"{'regret after':>15}{'CPU':>7}")
    print(f"  {'':27}runs" + f"{'epochs':>9}{'there':>6}{'ratio':>8}" * len(GOALS) + f"{few:>8}{many:>7}{'s':>7}")
    for name, one in _sorted(standing):
        if one.excuse:
            print(f"  {name:27}cannot: {one.excuse}")
            continue
        goals = "".join(
            f"{_number(epochs):>9}{there:>6.0%}{_ratio(speed):>8}"
            for epochs, there, speed in zip(one.epochs_to, one.reached, one.speeds, strict=True)
        )
        regrets = "".join(f"{regret:7.3f}" for regret in one.regrets)
        print(f"  {name:27}{one.runs:4}{goals} {regrets}{one.seconds:7.1f}")


def markdown(known: Sequence[Table], by_table: Mapping[str, Mapping[str, Standing]]) -> str:
    """Return a table for each recording: how much sooner than random search, and the regrets."""
    return "\n".join(f"{title(table)}.\n\n" + _markdown(by_table[table.name]) for table in known)


def _markdown(standing: Mapping[str, Standing]) -> str:
    head = ["strategy", *GOALS, *(f"regret after {count}" for count in TRAININGS), "seeds"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name, one in _sorted(standing):
        figures = [_ratio(speed) for speed in one.speeds] + [f"{regret:.3f}" for regret in one.regrets]
        rows.append([name, *(figures or [f"cannot: {one.excuse}", *[""] * (len(head) - 3)]), str(one.runs)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _sorted(standing: Mapping[str, Standing]) -> list[tuple[str, Standing]]:
    return sorted(standing.items(), key=lambda item: (bool(item[1].excuse), item[1].epochs_to[::-1]))


def _number(epochs: float) -> str:
    return f"{epochs:.0f}" if isfinite(epochs) else "never"


def _ratio(speed: float) -> str:
    if speed == 0:
        return "never"
    return f"{speed:.1f}×" if isfinite(speed) else "∞"
