"""What the measurements look like on a terminal."""

from collections.abc import Mapping, Sequence

from extrapolation.calibration import CENTRAL, Calibration
from extrapolation.savings import Saving

LOWEST, HIGHEST = 0.85, 0.95  # coverage of honest intervals, with some leeway

LEGEND = """\
Coverage: the share of last values within the central 90 % of what was predicted, its noise included; "worse" and
"better" are the shares beyond either end. Log likelihood: of the last value on the scale from 0 to 1, in nats."""


def print_calibration(title: str, by_share: Mapping[str, Calibration]) -> None:
    """Print a line for each cut-off; mark those whose intervals are too narrow, or too wide."""
    print(f"\n{title}")
    print(
        f"  {'seen':>6}{'curves':>8}{'none':>6}{'coverage':>10}{'worse':>8}{'better':>8}{'log likelihood':>16}"
        f"{'median':>8}{'CPU ms':>9}"
    )
    for share, one in by_share.items():
        mark = _mark(one.coverage)
        print(
            f"  {share:>6}{one.predictions:8}{one.none:6}{one.coverage:10.1%}{one.below:8.1%}{one.above:8.1%}"
            f"{one.log_likelihood:16.2f}{one.typical:8.2f}{one.milliseconds:9.1f}{mark}"
        )


def _mark(coverage: float) -> str:
    if LOWEST <= coverage <= HIGHEST:
        return ""
    return "   too narrow" if coverage < CENTRAL else "   too wide"


def print_savings(title: str, savings: Sequence[Saving], verdict: float) -> None:
    """Print a line for each search with a stopper."""
    print(f"\n{title}")
    print(f"  {'':16}{'seeds':>6}{'epochs saved':>14}{'regret':>9}{'of it paid':>12}{'worse found in':>16}{'CPU s':>8}")
    for one in savings:
        print(
            f"  {one.name:16}{one.seeds:6}{one.saved:14.1%}{one.regret:9.3f}{one.paid:12.3f}{one.missed:16.0%}"
            f"{one.seconds:8.1f}"
        )
    print(f"  A verdict of `curves`: {verdict:.1f} CPU ms")
