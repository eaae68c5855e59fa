"""What the measurements look like on a terminal."""

from collections.abc import Sequence

from training import ours
from training.comparison import PRODUCT, Comparison
from training.growth import Growth
from training.memory import Memory
from training.peers import xla
from training.rounds import ratio

MOST_EVALUATION = 0.1  # of an epoch
TOLERANCE = 1.15  # of what grows no faster than the arithmetic, on a noisy machine


def print_comparison(comparison: Comparison) -> None:
    """Print a cell's contestants, one a line."""
    rounds, peak = len(comparison.times[PRODUCT].rounds), comparison.peak / 1e9
    print(
        f"\n{comparison.cell}: an epoch of one network, {comparison.flops / 1e6:.0f} Mflop; sgemm {peak:.0f} Gflop/s; "
        f"medians of {rounds} rounds"
    )
    print(f"  {'':24}{'ms':>8}  {comparison.reference} / it (lowest to highest)")
    for name in comparison.contestants:
        times = comparison.times[name]
        notes = [f"first run {times.start_up:.1f} s longer"] if times.start_up > 0.5 else []
        if name in comparison.profiles:
            share = comparison.profiles[name].evaluation
            notes.append(f"{comparison.of_peak(name).median:.0%} of sgemm's peak")
            notes.append(f"evaluation {share:.1%}{'' if share <= MOST_EVALUATION else ', more than a tenth'}")
        if comparison.sketch.get(name):
            notes.insert(0, f"sketch {comparison.sketch[name]:g}")
        print(f"  {name:24}{times.milliseconds:8.3f}  {comparison.speed(name)!s:24} {'; '.join(notes)}")


def print_summary(comparisons: Sequence[Comparison], networks: int) -> None:
    """Print the ratios of all dense cells."""
    alone, stacked, jax = ours.name(1), ours.name(networks), xla.name(networks)
    print(
        f"\nscikit-learn's epoch / ours, a network; and JAX's in a stack of {networks} / ours in a stack of {networks}"
    )
    print(f"  {'':10}{'alone':>24} sketch {f'stack of {networks}':>24} sketch {'JAX / ours':>22}")
    for one in comparisons:
        against = ratio(one.times[jax], one.times[stacked])
        print(
            f"  {one.cell:10}{one.speed(alone)!s:>24} {one.sketch[alone]:6g} {one.speed(stacked)!s:>24} "
            f"{one.sketch[stacked]:6g} {against!s:>22}"
        )


def print_parts(comparisons: Sequence[Comparison], name: str) -> None:
    """Print where the time of a step goes, a column each cell."""
    profiles = [one.profiles[name] for one in comparisons]
    lines = {
        part: [profile.parts.get(part, 0.0) for profile in profiles]
        for part in dict.fromkeys(part for profile in profiles for part in profile.parts)
    }
    lines["rest, and the stopwatch"] = [profile.rest for profile in profiles]
    lines["all"] = [profile.total for profile in profiles]
    lines["all, no stopwatch"] = [one.times[name].milliseconds / 1e3 for one in comparisons]
    print(f"\nWhere a step's time goes, {name}: microseconds a network, and share")
    print(f"  {'':30}" + "".join(f"{one.cell:>18}" for one in comparisons))
    for label, seconds in lines.items():
        columns = zip(seconds, comparisons, profiles, strict=True)
        print(
            f"  {label:30}"
            + "".join(f"{own / one.steps * 1e6:11.2f} {own / profile.total:6.1%}" for own, one, profile in columns)
        )


def print_memory(cell: str, measured: dict[int, Memory]) -> None:
    """Print the peaks, a line each size of stack."""
    print(
        f"\nMemory, {cell}: the peak of building and training; four copies of the parameters and a step's activations"
    )
    for networks, memory in measured.items():
        peak, plain = memory.peak / 2**20, memory.plain / 2**20
        print(f"  {networks:4} networks: {peak:8.2f} MiB, {plain:8.2f} MiB, ratio {peak / plain:.2f}")


def print_growth(title: str, growths: Sequence[Growth]) -> None:
    """Print whether the time grew faster than the arithmetic."""
    print(f"\n{title}")
    for growth in growths:
        within = growth.time.median <= growth.arithmetic * TOLERANCE
        print(
            f"  {growth.start:5} to {growth.stop:5}: time {growth.time!s:24} arithmetic {growth.arithmetic:5.2f}  "
            f"{'no faster' if within else 'FASTER'} than the arithmetic"
        )
