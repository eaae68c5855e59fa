"""hpo confirm: whether the leaders are as good as they look."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hpo.cli.consoles import answers, person, printable
from hpo.cli.options import Format, Formatted, Jobs, Storage, StudyName
from hpo.cli.output import write_rows
from hpo.cli.studies import interruptible, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpo.confirmation import Confirmed
    from hpo.study import Study


def confirm(
    name: StudyName,
    *,
    top: Annotated[int, typer.Option(min=1, help="How many of the best trials.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="How many fresh seeds for each.")] = 10,
    jobs: Jobs = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Train the leaders again from fresh seeds.

    The best of many noisy trials is partly the luckiest. The means over seeds that the search never saw rank the
    leaders honestly; hpo best, and the network that it saves, is then the one with the best mean.
    """
    from hpo.cli.search import Limits, stdout_for_the_outcome

    sys.path.append(str(Path.cwd()))  # where an objective MODULE:NAME may live
    limits = Limits.of(jobs=jobs)
    with opened(name, storage) as study, interruptible(study, "confirm"):
        with stdout_for_the_outcome():
            found = study.confirm(top, seeds, n_jobs=limits.jobs, backend="loky")
        if form is Format.TABLE:
            tell_confirmed(found, study)
        else:
            write_rows(list(_COLUMNS), [_row(each) for each in found], form)


_ERRORS: Final = 3  # of a trial's trainings, that are told
_COLUMNS = ("trial", "searched", "mean", "low", "high", "seeds", "failed")


def tell_confirmed(found: "Sequence[Confirmed]", study: "Study") -> None:
    """Tell a person how the leaders did on fresh seeds."""
    say = answers().print
    metric = printable(study.spec.metric)
    say(f"confirmed  {metric} on fresh seeds: the mean and its 95 % interval")
    for each in found:
        again = f"{each.mean:.6g}" if each.mean is not None else "failed every time"
        interval = f" [{each.low:.6g}, {each.high:.6g}]" if each.low is not None else ""
        failed = f", {each.failed} failed" if each.failed and each.values else ""
        say(
            f"  trial {each.trial:<5} {again}{interval}  "
            f"(in the search {each.value:.6g}; seeds: {len(each.values)}{failed})",
            highlight=False,
        )
        for error in each.errors[:_ERRORS]:
            say(f"    {printable(error)}", soft_wrap=True)


def confirm_after(study: "Study", jobs: int, backend: str, *, top: int, seeds: int) -> "list[Confirmed]":
    """Confirm the best trials of a search that has just ended, if that can tell anything; a Ctrl-C leaves the rest."""
    from hpo.confirmation import first_heir, leaders

    chosen = leaders(study.database, study.record, top) if study.objective.seeded else []
    if not chosen or first_heir(chosen) is not None:
        return []
    person().print(f"confirming the best {len(chosen)} with {seeds} fresh seeds each (--no-confirm leaves this out)")
    return study.confirm(top, seeds, n_jobs=jobs, backend="loky" if backend == "loky" else None)


def _row(each: "Confirmed") -> list[Any]:
    return [each.trial, each.value, each.mean, each.low, each.high, len(each.values), each.failed]
