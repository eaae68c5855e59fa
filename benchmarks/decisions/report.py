"""What the measurements look like on a terminal."""

from collections.abc import Sequence

from decisions.measured import PATIENCE, Decided, Duel, Growth

TOLERANCE = 1.15  # of what grows no faster than the arithmetic, on a noisy machine
MOST = 1.0  # milliseconds of a decision in a long search


def print_duel(duel: Duel) -> None:
    """Print a line for each contestant."""
    rounds = len(next(iter(duel.times.values())).rounds)
    print(f"\n{duel.title}: CPU milliseconds to decide and take in a result, medians of {rounds} rounds")
    print(f"  {'':20}{'ms':>9}   it / hpo (lowest to highest)")
    for name, times in duel.times.items():
        print(f"  {name:20}{times.milliseconds:9.2f}   {duel.ratios.get(name, '')}")


def print_growth(growths: Sequence[Growth]) -> None:
    """Print whether a model's decisions grew faster than its arithmetic."""
    for one in growths:
        before, after = one.milliseconds
        within = one.time <= one.arithmetic * TOLERANCE
        print(
            f"  {one.name:20}{one.start:6} to {one.stop:5} observations: {before:8.2f} to {after:8.2f} ms, "
            f"time {one.time:5.2f}, arithmetic {one.arithmetic:4.2f}: {'no faster' if within else 'FASTER'}"
        )


def print_decided(decisions: Sequence[Decided], workers: int) -> None:
    """Print a line for each component, the slowest first; mark those above the bar."""
    side = "one worker" if workers == 1 else f"{workers} workers"
    print(f"\nA decision of a running search, {side}, the engine included: CPU milliseconds")
    print(f"  (with fewer trials than the others: where it was after {PATIENCE:g} s)")
    print(f"  {'':20}{'':11}{'trials':>7}{'median':>9}{'95 % below':>12}")
    for one in sorted(decisions, key=lambda each: -each.median):
        if one.excuse:
            print(f"  {one.name:20}{one.kind:11}cannot: {one.excuse}")
            continue
        mark = "" if one.median < MOST else f"   NOT under {MOST:g} ms"
        print(f"  {one.name:20}{one.kind:11}{one.trials:7}{one.median:9.3f}{one.high:12.3f}{mark}")
