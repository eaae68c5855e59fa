"""The options that several commands share."""

from enum import StrEnum
from typing import Annotated, Final

import typer


class Format(StrEnum):
    """How an answer is written: for people, or in full precision for programs."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Backend(StrEnum):
    """What a worker is: a process, a thread, or a task of a cluster."""

    LOKY = "loky"
    THREADING = "threading"
    DASK = "dask"
    RAY = "ray"


StudyName = Annotated[str, typer.Argument(metavar="NAME", help="The study's name: see hpo list.", show_default=False)]

MOST: Final = 2**31 - 1
"""The largest number that a trial can have, or that counts rows of a listing."""

Trials = Annotated[
    list[int] | None,
    typer.Argument(metavar="[TRIAL]...", min=0, max=MOST, help="The trials' numbers.", show_default=False),
]
SomeTrials = Annotated[
    list[int], typer.Argument(metavar="TRIAL...", min=0, max=MOST, help="The trials' numbers.", show_default=False)
]

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="The database: an SQLAlchemy URL, or an SQLite file's path (default: HPO_STORAGE, else sqlite:///hpo.db).",
        show_default=False,
    ),
]

Formatted = Annotated[
    Format, typer.Option("--format", "-f", help="For people; or csv or json on stdout, in full precision.")
]

TrialsToReach = Annotated[
    int | None,
    typer.Option(
        "--trials",
        metavar="N",
        help="The total of trials to start (a new study: 60; a network without --strategy: 243; a grid: all).",
        show_default=False,
    ),
]
Budget = Annotated[
    int | None, typer.Option("--budget", metavar="EPOCHS", help="A bound on epochs in all.", show_default=False)
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="A bound on time: 90, 90s, 10m, 2h, 1h30m.", show_default=False),
]
Confirm = Annotated[
    bool | None,
    typer.Option(
        "--confirm/--no-confirm",
        help="Train the best three again from fresh seeds at the end (default: yes).",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="X",
        help="End when going on can be expected to improve the best value by less than X.",
        show_default=False,
    ),
]
TrialTimeout = Annotated[
    str | None,
    typer.Option(
        "--trial-timeout",
        metavar="TIME",
        help="A trial that trains longer without a pause fails, its process is ended: 90s, 10m (default: never).",
        show_default=False,
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries",
        metavar="K",
        help="How often a trial that crashed its worker is tried again (a new study: 2).",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="J", help="Workers side by side (default: one a core).", show_default=False),
]
OnBackend = Annotated[
    Backend | None,
    typer.Option(
        "--backend",
        help="Workers are processes (loky), threads, or on a cluster of Dask's or Ray's (default: loky).",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="The cluster: tcp://HOST:8786 of dask, HOST:6379 of ray (default: DASK_SCHEDULER_ADDRESS, RAY_ADDRESS).",
        show_default=False,
    ),
]
