"""The command `hpo`: its subcommands, and what becomes of errors.

Data go to stdout; progress, remarks and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, NoReturn

import typer

from hpo.cli.best import best
from hpo.cli.confirm import confirm
from hpo.cli.consoles import person
from hpo.cli.copy import copy
from hpo.cli.curves import curves
from hpo.cli.db import app as db
from hpo.cli.delete import delete
from hpo.cli.discard import discard
from hpo.cli.export import export
from hpo.cli.extend import extend
from hpo.cli.import_ import import_
from hpo.cli.list import list_
from hpo.cli.pause import pause
from hpo.cli.predict import predict
from hpo.cli.record import record
from hpo.cli.rename import rename
from hpo.cli.replay import replay
from hpo.cli.resume import resume
from hpo.cli.retry import retry
from hpo.cli.run import run
from hpo.cli.show import show
from hpo.cli.sql import sql
from hpo.cli.stop import stop
from hpo.cli.strategies import strategies
from hpo.cli.trail import trail
from hpo.cli.trials import trials
from hpo.cli.why import why
from hpo.cli.worker import worker

DEBUG: Final = "HPO_DEBUG"

app = typer.Typer(
    name="hpo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find good hyperparameters in little time, lose nothing, and question the history with plain SQL.",
    epilog="Begin with: hpo run digits",
)
_COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "run": run,
    "resume": resume,
    "worker": worker,
    "list": list_,
    "show": show,
    "best": best,
    "confirm": confirm,
    "trials": trials,
    "curves": curves,
    "why": why,
    "retry": retry,
    "discard": discard,
    "extend": extend,
    "pause": pause,
    "stop": stop,
    "rename": rename,
    "delete": delete,
    "trail": trail,
    "sql": sql,
    "export": export,
    "import": import_,
    "copy": copy,
    "predict": predict,
    "record": record,
    "replay": replay,
    "strategies": strategies,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(db, name="db")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's protocol of a callback
    if wanted:
        from hpo import __version__

        typer.echo(f"hpo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[  # noqa: ARG001 - its callback has done all
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help=f"Show the traceback of errors (also: {DEBUG}=1).")] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (of this process, unless given) and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Unicode is no reason to fail
    sys.exit(_flushed(_run(arguments)))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        app(None if arguments is None else list(arguments), prog_name="hpo")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except Exception as error:  # noqa: BLE001 - the last resort
        return _report(error)
    return 0


def _report(error: Exception) -> int:
    """Tell a person what went wrong; return the exit code."""
    from hpo.errors import HpoError, NetworkError, SearchFailed

    ours = isinstance(error, HpoError | NetworkError)
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        traceback.print_exception(error)
    if ours:
        person().print(f"error: {error}", style="red")
        return 1 if isinstance(error, SearchFailed) else 2
    person().print(f"error: this should not have happened: {type(error).__name__}: {error}", style="red")
    person().print("Please report it, with the traceback that the same command shows as `hpo --debug …`.")
    return 1


def _flushed(code: int) -> int:
    """Flush stdout, quietly if nobody reads it any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
    return code
