"""The rivals' runs, kept in a file: they take hours, and change only when a rival or a problem does."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.problems import Problem
from search.rivals import RIVALS, Rival
from search.runs import CHECKPOINTS, Run, rounded, run

KEPT = Path(__file__).with_name("rivals.json")
COMMAND = "python benchmarks/search.py --rivals"


class Results:
    """The runs of each rival on each problem, by seed. `path` is written after every run, and may not exist before."""

    def __init__(self, path: Path = KEPT) -> None:
        self._path = path
        kept = json.loads(path.read_text()) if path.exists() else {"problems": {}, "runs": []}
        self._probes: dict[str, list[float]] = kept["problems"]
        self._lines: dict[tuple[str, str], dict[str, Any]] = {
            (line["problem"], line["rival"]): line for line in kept["runs"]
        }

    def runs(self, problem: Problem, rival: Rival) -> list[Run]:
        """Return what is kept, seed 0 first. Raises ValueError when the problem is no longer what it was then."""
        line = self._lines.get((problem.name, rival.name))
        if line is None:
            return []
        if not problem.is_same(self._probes[problem.name]):
            raise ValueError(f"{problem.name!r} has changed since the rivals' runs on it were kept: run {COMMAND}")
        return [Run(tuple(values), seconds) for values, seconds in zip(line["values"], line["seconds"], strict=True)]

    def made_with(self, problem: Problem, rival: Rival) -> str | None:
        """Return the release of its library that the runs were made with."""
        line = self._lines.get((problem.name, rival.name))
        return line and line["with"]

    def drop_outdated(self, problems: Sequence[Problem], rivals: Sequence[Rival]) -> None:
        """Forget the runs on a problem that has changed, and those with another release than the one installed."""
        for problem in problems:
            if problem.name in self._probes and not problem.is_same(self._probes[problem.name]):
                self._lines = {key: line for key, line in self._lines.items() if key[0] != problem.name}
            for rival in rivals:
                if self.made_with(problem, rival) not in (None, rival.version):
                    del self._lines[problem.name, rival.name]

    def add(self, problem: Problem, rival: Rival, made: Run) -> None:
        """Keep the run with the next seed."""
        start = {"problem": problem.name, "rival": rival.name, "with": rival.version, "values": [], "seconds": []}
        line = self._lines.setdefault((problem.name, rival.name), start)
        line["values"].append(made.values)
        line["seconds"].append(rounded(made.seconds, 3))
        self._probes[problem.name] = problem.probes
        self._write()

    def _write(self) -> None:
        order = {rival.name: place for place, rival in enumerate(RIVALS)}
        lines = sorted(self._lines.values(), key=lambda line: (line["problem"], order.get(line["rival"], len(order))))
        about = {
            "command": COMMAND,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "evaluations": CHECKPOINTS,
            "problems": self._probes,
        }
        head = json.dumps(about)[1:-1]
        body = ",\n".join(json.dumps(line) for line in lines)
        beside = self._path.with_suffix(".part")
        beside.write_text(f'{{{head}, "runs": [\n{body}\n]}}\n')
        beside.replace(self._path)


def run_rivals(results: Results, problems: Sequence[Problem], rivals: Sequence[Rival], seeds: int) -> None:
    """Make every run that is not kept yet, `seeds` of each at most: rival by rival, seed by seed on all problems."""
    results.drop_outdated(problems, rivals)
    for rival in rivals:
        for seed in range(min(rival.seeds, seeds)):
            for problem in problems:
                if len(results.runs(problem, rival)) > seed:
                    continue
                made = run(rival.on(problem.space, seed), problem, seed)
                results.add(problem, rival, made)
                print(f"{rival.version}: {rival.name} on {problem.name}, seed {seed}: {made.values}", flush=True)
