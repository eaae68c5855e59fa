"""Results of another tool as the beginning of a study: the second half of hpo import."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpo.cli.consoles import person, printable
from hpo.cli.studies import next_command, opened

if TYPE_CHECKING:
    from hpo.results import Findings
    from hpo.study import Study
    from strategies import Space


class Role(StrEnum):
    """What results of another tool become."""

    TRIALS = "trials"
    GUESSES = "guesses"


@dataclass(frozen=True)
class Wanted:
    """Where results come from, and what becomes of them."""

    source: str
    optuna_study: str | None
    value: str
    ignore: Sequence[str]
    role: Role
    best: int
    skip_unfit: bool

    def read(self, space: "Space | None") -> "Findings":
        """Return what the source tells."""
        from hpo.results import read_findings

        return read_findings(self.source, space, optuna_study=self.optuna_study, value=self.value, ignore=self.ignore)


def begin_study(name: str, wanted: Wanted, storage: str | None) -> None:
    """Let the study of that name begin with the results."""
    from hpo.results import begin_with, guess_from

    with opened(name, storage) as study:
        findings = wanted.read(study.space)
        if wanted.role is Role.GUESSES:
            count = guess_from(study, findings, wanted.best, skip_unfit=wanted.skip_unfit)
        else:
            count = begin_with(study, findings, skip_unfit=wanted.skip_unfit)
        _tell(study, findings, wanted, count)


def make_study(name: str, wanted: Wanted, space: Path | None, objective: str | None, settings: dict[str, Any]) -> None:
    """Make a study that begins with the results, checked before anything is written."""
    from hpo.results import begin_with, best_of, check_direction, fitted
    from hpo.space_file import load_space
    from hpo.study import create_study

    given = None if space is None else load_space(space)
    findings = wanted.read(given)
    searched = given or _derived(findings)
    settings["direction"] = settings["direction"] or findings.direction or "minimize"
    if settings["max_epochs"] is None:
        settings["max_epochs"] = findings.max_epochs
        findings = findings.comparable
    check_direction(findings, settings["direction"])
    guesses: list[dict[str, Any]] = []
    if wanted.role is Role.GUESSES:
        guesses = best_of(findings, searched, settings["direction"], wanted.best, skip_unfit=wanted.skip_unfit)
    else:
        fitted(findings, searched, settings["max_epochs"], skip_unfit=wanted.skip_unfit)
    study = create_study(name, space=searched, objective=_objective(objective), guesses=guesses, **settings)
    try:
        count = len(guesses) or begin_with(study, findings, skip_unfit=wanted.skip_unfit)
        _tell(study, findings, wanted, count)
    finally:
        study.database.close()


def _objective(reference: str | None) -> Any:
    if reference is None:
        return None
    from hpo.sources import load_objective

    sys.path.append(str(Path.cwd()))  # where MODULE:NAME is looked for, after all that is installed
    return load_objective(reference)


def _derived(findings: "Findings") -> "Space":
    from hpo.errors import SettingError

    if findings.read_space is None:
        raise SettingError(f"{findings.origin} tells no ranges: give a space with --space FILE.toml")
    return findings.read_space()


def _tell(study: "Study", findings: "Findings", wanted: Wanted, count: int) -> None:
    from hpo.errors import ObjectiveError

    say = person().print
    for note in findings.notes:
        say(printable(f"note: {note}"), soft_wrap=True)
    if wanted.role is Role.GUESSES:
        say(f"study {printable(study.name)} tries the best {count:,} points of {printable(findings.origin)} first")
    else:
        left_out = len(findings.results) - count
        without = f"; {left_out:,} that did not fit are left out" if left_out else ""
        say(f"study {printable(study.name)} begins with {count:,} results of {printable(findings.origin)}{without}")
        _tell_total(study)
    try:
        found = study.objective.source.get("shown")
        say(
            f"go on with: {next_command(study.database, 'resume', study.name)}   ({printable(str(found))})",
            soft_wrap=True,
        )
    except ObjectiveError as error:
        say(printable(str(error)), soft_wrap=True)


def _tell_total(study: "Study") -> None:
    total = study.spec.targets.n_trials
    if total is not None:
        left = max(0, total - study.overview().trials)
        person().print(f"they count among its {total:,} trials: {left:,} are left to start")
