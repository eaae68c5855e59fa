"""What a decision costs: ours beside Optuna and scikit-optimize, as observations grow, and in long searches.

    python benchmarks/decisions.py                        # all, in some minutes
    python benchmarks/decisions.py --parts duels          # beside the peers alone
    python benchmarks/decisions.py --parts long --workers 8 --only asha metamax

Duels: everyone has observed the same random points, in memory, and takes turns in this process; a turn is a decision
and the taking in of its result, as some fit when told and others when asked. Growth: our strategies that fit a model,
beside what their arithmetic grows by. Long: every searcher (trained in full) and every scheduler (of random points)
that fits no model and is not slow, run from its first trial on by the engine, which is included. Nothing is trained:
the curves are a formula's. Seconds are the processor's, on one thread: quote the ratios.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from decisions import peers, report
from decisions.measured import SUBJECTS, decided, duels, growth, quick_components

PARTS = ("duels", "growth", "long")


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="these instead of all")
    parser.add_argument("--rounds", type=int, default=9, help="how often each turn comes (9)")
    parser.add_argument("--trials", type=int, default=10_000, help="of a long search (10,000)")
    parser.add_argument("--decisions", type=int, default=200, help="how many are timed then (200)")
    parser.add_argument("--workers", type=int, default=1, help="of a long search (1)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=quick_components(), help="long: these components")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements to this file")
    arguments = parser.parse_args()
    for name in ("rounds", "trials", "decisions", "workers"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is {getattr(arguments, name)}, but must be at least 1")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent} to write {arguments.json.name} to")
    return arguments


def beside_peers(rounds: int) -> list[dict[str, object]]:
    """Measure and print the duels; exit when a peer is missing."""
    if missing := peers.missing():
        sys.exit(f"The duels need {' and '.join(missing)}: pip install {' '.join(missing)}, or choose other --parts.")
    found = duels(rounds, gp_size=100, tpe_size=1000)
    for duel in found:
        report.print_duel(duel)
    return [asdict(duel) for duel in found]


def as_observations_grow(rounds: int) -> list[dict[str, object]]:
    """Measure and print how decisions by a model grow."""
    print("\nGrowth with the number of observations: CPU milliseconds to decide and take in a result")
    found = []
    for subject in SUBJECTS:
        found.append(growth(subject, rounds))
        report.print_growth(found[-1])
    return [asdict(one) for each in found for one in each]


def in_a_long_search(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Measure and print decisions in long searches."""
    names = arguments.only or quick_components()
    found = []
    for name in names:
        print(f"{name}: {arguments.trials} trials", file=sys.stderr)
        found.append(decided(name, arguments.trials, arguments.workers, arguments.decisions))
    report.print_decided(found, arguments.workers)
    return [asdict(one) for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser)
    result: dict[str, object] = {}
    if "duels" in arguments.parts:
        result["duels"] = beside_peers(arguments.rounds)
    if "growth" in arguments.parts:
        result["growth"] = as_observations_grow(arguments.rounds)
    if "long" in arguments.parts:
        result["long"] = in_a_long_search(arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
