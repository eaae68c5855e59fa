"""SIGKILL at any moment of a search's life, to any of its processes: the search ends as if nothing had been.

Twenty moments, or as many as the environment variable MOMENTS says.
"""

import os
import random
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from command_line import command_here
from trouble import Command, Search, eventually, found, rows

MOMENTS = int(os.environ.get("MOMENTS", "20"))
SEARCHES = {
    "halving": {"strategy": "halving"},
    "hyperband": {"strategy": "hyperband", "trials": 16},
    "adaptive": {"strategy": "tpe+asha"},
    "stacks": {"strategy": "hyperband", "subject": "iris", "trials": 24},
}
VICTIMS = ("worker", "launcher", "everybody")
MEASURED, CONFIRMED = "measurements", "confirmations"


@dataclass(frozen=True)
class Life:
    """An undisturbed search: what it has found, and the seconds until its first measurement."""

    found: dict[str, list[tuple]]
    start_up: float


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life]:
    """The undisturbed lives that were needed so far."""
    return {}


def undisturbed(name: str, folder: Path) -> Life:
    search, url = Search(folder, **SEARCHES[name]), f"sqlite:///{folder / 'undisturbed.db'}"
    with Command(*search.run(url), cwd=folder) as command:
        began = time.monotonic()
        command.wait_for(lambda: count(url, MEASURED) > 0)
        start_up = time.monotonic() - began
        assert command.end().code == 0, command.said()
    return Life(found(url), start_up)


def count(url: str, table: str) -> int:
    """The number of rows; 0 where there is no such table yet."""
    try:
        return rows(url, f"SELECT count(*) FROM {table}")[0][0]
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0


def wait_for_moment(share: float, life: Life, command: Command, url: str) -> None:
    """Wait until so much of a search's life is over: a third for starting up, a third each for its two parts."""
    part, within = divmod(3 * share, 1)
    if part == 0:
        time.sleep(within * life.start_up)  # at any time is the point
        return
    table = (MEASURED, CONFIRMED)[int(part) - 1]
    so_many = 1 + within * len(life.found[table])
    command.wait_for(lambda: count(url, table) >= so_many)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_search_that_is_killed_goes_on(
    moment: int,
    lives: dict[str, Life],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever is killed and when: after `hpo resume` trials, curves and confirmations equal the undisturbed search's.

    Nothing is unfinished then, and no process of the killed search is left.
    """
    name, victim = list(SEARCHES)[moment % 4], VICTIMS[moment % 3]
    url = f"sqlite:///{tmp_path / 'hpo.db'}"
    if moment // 4 % 2:
        url = request.getfixturevalue("postgres").new_database()
    search = Search(tmp_path, **SEARCHES[name])
    life = lives.get(name) or lives.setdefault(name, undisturbed(name, tmp_path))
    with Command(*search.run(url), cwd=tmp_path) as command:
        wait_for_moment((moment * 0.618034 + 0.05) % 1, life, command, url)
        if victim == "everybody":
            command.strike()
        elif victim == "launcher":
            command.process.kill()
        elif workers := command.workers():
            command.strike(random.Random(moment).choice(workers))
        said = command.end()
        assert "Traceback" not in said.err
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            again = command_here(capsys, *search.resume(url), "--backend", "threading")
            if again.code == 2:
                assert "hpo run" in again.err or "no study" in again.err, again.err
                again = command_here(capsys, *search.run(url), "--backend", "threading")
        assert again.code == 0, again.err
        assert found(url) == life.found
        eventually(lambda: not command.group())
