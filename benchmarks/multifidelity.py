"""Which method wins where: epochs until a search has found the best, on recorded learning curves.

    python benchmarks/multifidelity.py                                    # all, on the kept tables: hours
    python benchmarks/multifidelity.py --strategies halving asha --seeds 5
    python benchmarks/multifidelity.py my.npz --jobs 2 --markdown table.md  # a table that `hpo record` has written

Nothing is trained: everyone meets the same curves, and searches until all configurations have been tried or the
strategy ends. Who decides slowly (by a Gaussian process, by curves carried on, by freeze-thaw) has fewer seeds, and a
bound on epochs. The rivals are Optuna's pruners and Syne Tune's schedulers, in the same program, as far as they are
installed (optuna, syne-tune).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from multifidelity import report, tables
from multifidelity.ours import RANDOM, Contestant, contestants, excuse
from multifidelity.rivals import RIVALS, Rival
from multifidelity.runs import TRAININGS, Run
from multifidelity.tables import Table

from hpo import HpoError
from strategies import StrategyError


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("tables", nargs="*", type=Path, metavar="FILE.npz", help="instead of those in tables/")
    parser.add_argument("--strategies", nargs="+", metavar="NAME", help="as `hpo run --strategy` takes them")
    parser.add_argument("--seeds", type=int, default=20, help="searches of each on a table (20)")
    parser.add_argument("--slow-seeds", type=int, default=5, help="searches of those who decide slowly (5)")
    parser.add_argument("--budget", type=int, metavar="N", help="at most N full trainings' worth of epochs a search")
    parser.add_argument("--slow-budget", type=int, default=60, metavar="N", help="of those who decide slowly (60)")
    parser.add_argument("--workers", type=int, default=1, help="trials in training side by side, in ours (1)")
    parser.add_argument("--no-rivals", action="store_true", help="ours alone")
    parser.add_argument("--jobs", type=int, default=1, help="searches side by side, in processes (1)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the ratios as a Markdown table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all runs and standings to this file")
    arguments = parser.parse_args()
    for name in ("seeds", "slow_seeds", "budget", "slow_budget", "workers", "jobs"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} is {value}, but must be at least 1")
    for name in ("markdown", "json"):
        path = getattr(arguments, name)
        if path is not None and not path.parent.is_dir():
            parser.error(f"--{name}: there is no folder {path.parent} to write {path.name} to")
    return arguments


def searched(one: Contestant | Rival, table: Table, arguments: argparse.Namespace) -> list[Run] | str:
    """Return the runs of a contestant, or why it cannot search the table."""
    from joblib import Parallel, delayed

    print(f"{one.name} on {table.name}", file=sys.stderr)
    seeds = min(arguments.slow_seeds, arguments.seeds) if one.is_slow else arguments.seeds
    trainings = arguments.slow_budget if one.is_slow else arguments.budget
    if arguments.budget is not None and trainings is not None:
        trainings = min(trainings, arguments.budget)
    budget = None if trainings is None else trainings * table.recording.max_epochs
    try:
        runs = Parallel(n_jobs=arguments.jobs)(
            delayed(one.run)(table, seed, budget, arguments.workers) for seed in range(seeds)
        )
    except StrategyError as error:
        return excuse(error)
    return list(runs)


def compare(
    everyone: Sequence[Contestant | Rival], known: Sequence[Table], arguments: argparse.Namespace
) -> dict[str, object]:
    """Run all on every table, print where they stand, and return both."""
    runs, standings = {}, {}
    for table in known:
        runs[table.name] = {one.name: searched(one, table, arguments) for one in everyone}
        standings[table.name] = report.standings(runs[table.name], RANDOM.name)
        report.print_standings(table, standings[table.name])
    print(f"\n{report.LEGEND.format(few=TRAININGS[0], many=TRAININGS[1])}")
    if arguments.markdown is not None:
        arguments.markdown.write_text(report.markdown(known, standings))
    return {
        "runs": {
            name: {one: each if isinstance(each, str) else [asdict(run) for run in each] for one, each in by.items()}
            for name, by in runs.items()
        },
        "standings": {name: {one: asdict(it) for one, it in by.items()} for name, by in standings.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser)
    others = [] if arguments.no_rivals else [rival for rival in RIVALS if rival.is_installed]
    if missing := sorted({rival.package for rival in RIVALS if not arguments.no_rivals and not rival.is_installed}):
        print(f"{' and '.join(missing)} cannot be imported, and so not be compared with", file=sys.stderr)
    try:
        known = tables.load(arguments.tables)
        everyone = [*contestants(arguments.strategies), *others]
        if not known:
            sys.exit(f"There is no table in {tables.KEPT}: record one with `hpo record`, and name its file.")
        measured = compare(everyone, known, arguments)
    except HpoError as error:
        sys.exit(str(error))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
