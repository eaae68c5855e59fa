"""Whether learning curves end where they are said to, and what stopping them early saves: on recorded curves.

    python benchmarks/extrapolation.py                       # the kept tables, some minutes
    python benchmarks/extrapolation.py --mcmc 5              # and the reference engine on 5 curves a cut-off: slow
    python benchmarks/extrapolation.py my.npz --parts calibration

From the first 10, 20, 40 and 80 % of each curve its last value is predicted, on the scale that the stopper uses. Then
searches of as many trials are replayed with and without a stopper, from the same seeds: epochs saved, regret paid; the
median rule beside it. Nothing is trained.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from extrapolation import report
from extrapolation.calibration import SHARES, Case, Outcome, calibration, cases, outcomes, pooled
from extrapolation.savings import saving, verdict_milliseconds
from multifidelity import tables
from multifidelity.tables import Table

from hpo import HpoError
from strategies.models import curve_bank, curve_mcmc

PARTS = ("calibration", "savings")
SEARCHES = (("random", "median"), ("random", "curves"), ("tpe", "median"), ("tpe", "curves"))
VERDICTS = 40


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("tables", nargs="*", type=Path, metavar="FILE.npz", help="instead of those in tables/")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="these instead of all")
    parser.add_argument("--metric", help="another metric on record, as accuracy")
    parser.add_argument("--curves", type=int, help="at most so many curves of a table")
    parser.add_argument("--mcmc", type=int, default=0, metavar="N", help="so many curves also by the reference (0)")
    parser.add_argument("--seeds", type=int, default=10, help="searches of each on a table (10)")
    parser.add_argument("--trials", type=int, default=50, help="of a search (50)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    for name, least in {"curves": 2, "mcmc": 0, "seeds": 1, "trials": 1}.items():
        if (value := getattr(arguments, name)) is not None and value < least:
            parser.error(f"--{name} is {value}, but must be at least {least}")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent} to write {arguments.json.name} to")
    return arguments


def calibrated(table: Table, most: int | None, by_mcmc: int) -> dict[str, object]:
    """Predict the ends of a table's full curves, and print how that went; of some also by the reference engine."""
    horizon = table.recording.max_epochs
    curves = [curve for curve in table.recording.curves if len(curve) == horizon and curve[-1] < float("inf")]
    by_share = {share: list(cases(curves, share))[:most] for share in SHARES}
    found = {share: outcomes(curve_bank.extrapolate, given, horizon) for share, given in by_share.items()}
    measured = {"bank": _told(f"{table.name} ({table.curves.metric}), the bank", found)}
    if by_mcmc:
        some = {share: _spread(given, by_mcmc) for share, given in by_share.items()}
        kept = {share: [found[share][case.row] for case in given] for share, given in some.items()}
        reference = {share: outcomes(curve_mcmc.extrapolate, given, horizon) for share, given in some.items()}
        measured["bank, some"] = _told(f"{table.name}, the bank on {by_mcmc} of these", kept)
        measured["mcmc"] = _told(f"{table.name}, the reference (MCMC) on the same", reference)
    return measured


def _told(title: str, found: dict[float, list[Outcome | None]]) -> dict[str, object]:
    figures = {f"{share:.0%}": calibration(each) for share, each in found.items() if any(each)}
    figures["all"] = pooled(found)
    report.print_calibration(title, figures)
    return {share: asdict(each) for share, each in figures.items()}


def _spread(given: list[Case], count: int) -> list[Case]:
    return given[:: max(1, len(given) // count)][:count]


def saved(table: Table, seeds: int, trials: int) -> dict[str, object]:
    """Replay searches with and without stoppers, and print what that saved."""
    most = min(trials, len(table.recording.rows))
    found = []
    for searcher, stopper in SEARCHES:
        print(f"{searcher}+{stopper} on {table.name}", file=sys.stderr)
        found.append(saving(table, searcher, stopper, seeds, most))
    verdict = verdict_milliseconds(table, VERDICTS)
    report.print_savings(f"{table.name} ({table.curves.metric}): searches of {most} trials", found, verdict)
    return {"verdict ms": verdict, "savings": [asdict(one) for one in found]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser)
    try:
        known = tables.load(arguments.tables)
        if arguments.metric is not None:
            known = [Table(table.curves.on(arguments.metric)) for table in known]
    except HpoError as error:
        sys.exit(str(error))
    if not known:
        sys.exit(f"There is no table in {tables.KEPT}: record one with `hpo record`, and name its file.")
    result: dict[str, dict[str, object]] = {table.name: {} for table in known}
    for table in known:
        if "calibration" in arguments.parts:
            result[table.name]["calibration"] = calibrated(table, arguments.curves, arguments.mcmc)
        if "savings" in arguments.parts:
            result[table.name]["savings"] = saved(table, arguments.seeds, arguments.trials)
    if "calibration" in arguments.parts:
        print(f"\n{report.LEGEND}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
