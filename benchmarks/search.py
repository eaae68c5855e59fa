"""How good what a search finds is after 25, 50 and 100 evaluations: ours beside other people's.

    python benchmarks/search.py                     # all our searchers, beside the kept runs of the rivals
    python benchmarks/search.py --strategies tpe gp+median --problems branin digits --seeds 5
    python benchmarks/search.py --rivals            # the rivals' runs, as far as they are not kept yet

Nothing is trained: the problems are functions with a known minimum, and the recorded networks of `tables/`, of which
the best is looked for. Everyone has their defaults. Ours run anew each time; the rivals take hours, so that their runs
are kept in `search/rivals.json`. `--rivals` makes what is missing, in an environment that has their libraries (optuna
with torch, hyperopt, smac, scikit-optimize) and this package. It can be interrupted at any time. Of those that take a
tenth of a second a decision there are fewer runs than of others: the column `runs` says how many. Runs with another
release of a library, or on a problem that has changed, are made anew.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from search import report
from search.functions import FUNCTIONS
from search.ours import Contestant, contestants, searchers
from search.problems import Problem
from search.results import Results, run_rivals
from search.rivals import RIVALS, Rival
from search.runs import Run
from search.tables import tables

from strategies import HpoError

PROBLEMS = {problem.name: problem for problem in (*FUNCTIONS, *tables())}
RIVAL_NAMES = [rival.name for rival in RIVALS]


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="NAME")
    parser.add_argument("--strategies", nargs="+", metavar="NAME", help="as `hpo run --strategy` takes them")
    parser.add_argument("--seeds", type=int, default=20, help="the most runs of anyone on a problem (20)")
    parser.add_argument("--jobs", type=int, default=1, help="how many runs of ours side by side, in processes (1)")
    parser.add_argument("--rivals", nargs="*", choices=RIVAL_NAMES, metavar="NAME", help="run all rivals, or these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write our runs and all standings to this file")
    arguments = parser.parse_args()
    for name in ("seeds", "jobs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is {getattr(arguments, name)}, but must be at least 1")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent} to write {arguments.json.name} to")
    return arguments


def installed(names: Sequence[str]) -> list[Rival]:
    """Return the rivals of these names, all if there is none; exit when the library of one is missing."""
    rivals = [rival for rival in RIVALS if not names or rival.name in names]
    if missing := sorted({rival.package for rival in rivals if not rival.is_installed}):
        sys.exit(f"{' and '.join(missing)} cannot be imported: pip install {' '.join(missing)}, or name other rivals.")
    return rivals


def run_ours(ours: Sequence[Contestant], problem: Problem, seeds: int, jobs: int) -> dict[str, list[Run]]:
    """Return the runs of each, by name."""
    from joblib import Parallel, delayed

    runs = {}
    for contestant in ours:
        print(f"{contestant.name} on {problem.name}", file=sys.stderr)
        runs[contestant.name] = Parallel(n_jobs=jobs)(delayed(contestant.run)(problem, seed) for seed in range(seeds))
    return runs


def compare(problems: Sequence[Problem], ours: Sequence[Contestant], seeds: int, jobs: int) -> dict[str, object]:
    """Run ours, print where they stand beside the rivals' kept runs, and return both."""
    results = Results()
    kept = {
        problem.name: {rival.name: runs for rival in RIVALS if (runs := results.runs(problem, rival))}
        for problem in problems
    }
    own, standings = {}, {}
    for problem in problems:
        own[problem.name] = run_ours(ours, problem, seeds, jobs)
        standings[problem.name] = report.standings(problem, own[problem.name] | kept[problem.name])
        report.print_standings(problem.name, standings[problem.name], RIVAL_NAMES)
    if len(problems) > 1:
        standings["overall"] = report.overall(list(standings.values()))
        report.print_standings(
            "Overall: the mean of the above, of those who have run on all", standings["overall"], RIVAL_NAMES
        )
    print(f"\n{report.LEGEND}")
    return {
        "ours": {name: {one: [asdict(run) for run in runs] for one, runs in by.items()} for name, by in own.items()},
        "standings": {name: {one: asdict(it) for one, it in by.items()} for name, by in standings.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser)
    problems = [PROBLEMS[name] for name in arguments.problems]
    if arguments.rivals is not None:
        run_rivals(Results(), problems, installed(arguments.rivals), arguments.seeds)
        return
    try:
        ours = contestants(arguments.strategies or searchers(problems))
        measured = compare(problems, ours, arguments.seeds, arguments.jobs)
    except (HpoError, ValueError) as error:
        sys.exit(str(error))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
