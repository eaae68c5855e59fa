"""hpo worker: work on whatever is open."""

import signal
import sys
from math import inf
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import Jobs, Storage


def worker(
    *,
    study: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this study; several: once for each.", show_default=False),
    ] = None,
    jobs: Jobs = None,
    idle_exit: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Leave after so long without an open study: 90s, 10m.", show_default=False),
    ] = None,
    storage: Storage = None,
) -> None:
    """Work on the open studies of a database, whoever began them, and wait for new ones.

    Start it on as many machines as you like. Ctrl-C or SIGTERM lets the running epochs end, gives the rest back, and
    leaves: with exit code 130 after a Ctrl-C, with 0 after SIGTERM, by which services are ended in good order.
    """
    from hpo.cli.durations import parse_duration
    from hpo.cli.search import Limits, stdout_for_the_outcome
    from hpo.places import open_database
    from hpo.standby import Standby

    n_jobs = Limits.of(jobs=jobs).jobs
    seconds = inf if idle_exit is None else parse_duration(idle_exit)
    sys.path.append(str(Path.cwd()))  # where an objective MODULE:NAME may live

    def say(line: str) -> None:
        person().print(printable(line), soft_wrap=True)

    before = signal.signal(signal.SIGTERM, _leave)  # where nothing is to be saved first
    try:
        database = open_database(storage or "default", create=True)
        try:
            with stdout_for_the_outcome():
                Standby(database, study or (), n_jobs, say).run(seconds)
        finally:
            database.close()
        say(f"left: no open study for {idle_exit}")
    except KeyboardInterrupt as asked:
        say("left, as asked; what was measured is saved")
        if signal.SIGTERM not in asked.args:
            raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(number)
