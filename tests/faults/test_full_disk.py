"""A disk that is full in the middle of a search: a real one, small, and filled up by another."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from command_line import Said
from evidence import TRAINER
from postgres_server import Server, programs
from trouble import Command, Search, found, rows

MEASURED = "SELECT count(*) FROM measurements"
LARGE = TRAINER.replace("size=8", "size=20_000")  # checkpoints of 160 kB: the database has to grow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk of some size; a visible skip where this user may not, and a failure in CI."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        line = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
        done = subprocess.run(line, capture_output=True, text=True, check=False) if sys.platform == "linux" else None
        if done is None or done.returncode:
            why = f"a small disk cannot be mounted here ({done.stderr.strip() if done else sys.platform})"
            pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Within: not a byte is free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    yield
    ballast.unlink()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple]]:
    """What a search with large checkpoints finds on a disk with room."""
    search = Search(tmp_path_factory.mktemp("roomy"), trials=27, jobs=3, confirm=False, trainer=LARGE)
    url = f"sqlite:///{search.folder / 'hpo.db'}"
    with Command(*search.run(url), cwd=search.folder) as command:
        assert command.end().code == 0, command.said()
    return found(url)


def ends_on_a_full_disk(search: Search, url: str, disk: Path) -> None:
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.05") as command:
        assert command.wait_for(lambda: has_measured(url, 5))
        with filled(disk):
            said = command.end()
        assert said.code == 1, said.err
        assert "disk is full" in said.err
        assert "hpo resume" in said.err
        assert "Traceback" not in said.err


def has_measured(url: str, least: int) -> bool:
    with suppress(Exception):  # not made yet
        return rows(url, MEASURED)[0][0] >= least
    return False


def test_sqlite_on_a_full_disk(
    disk: Callable[[str], Path], tmp_path: Path, expected: dict, here: Callable[..., Said]
) -> None:
    """The search ends with exit code 1 and names the disk; with room again, `hpo resume` ends it undisturbed."""
    place = disk("24m")
    search, url = Search(tmp_path, trials=27, jobs=3, confirm=False, trainer=LARGE), f"sqlite:///{place / 'hpo.db'}"
    ends_on_a_full_disk(search, url, place)
    assert here(*search.resume(url), "--backend", "threading").code == 0
    assert found(url) == expected


def test_postgresql_on_a_full_disk(
    disk: Callable[[str], Path], tmp_path: Path, expected: dict, here: Callable[..., Said]
) -> None:
    """Likewise where it is the server's disk."""
    binaries = programs()
    if binaries is None:
        pytest.fail("PostgreSQL is not installed") if os.environ.get("CI") else pytest.skip(
            "PostgreSQL is not installed"
        )
    place = disk("160m")
    place.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents[:3]):  # the server's account passes through
        folder.chmod(folder.stat().st_mode | 0o011)
    home = place / "server"
    home.mkdir()
    server = Server(home, binaries, shared_buffers="8MB", max_wal_size="32MB", min_wal_size="32MB")
    server.start()
    try:
        search, url = Search(tmp_path, trials=27, jobs=3, confirm=False, trainer=LARGE), server.new_database()
        ends_on_a_full_disk(search, url, place)
        assert here(*search.resume(url), "--backend", "threading").code == 0
        assert found(url) == expected
    finally:
        server.stop("immediate")
        shutil.rmtree(home)


LOG_ALONE = """
import os, resource, signal, sqlite3, sys
import hpo

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
study = hpo.create_study("s", space=hpo.Space(x=hpo.Float(0, 1)), storage="hpo.db")
trial = study.ask()
with_room = sqlite3.connect("hpo.db", isolation_level=None)
with_room.execute("PRAGMA wal_autocheckpoint=0")
with_room.execute("CREATE TABLE pad(a)")

def pad(pages):
    with_room.execute("BEGIN")
    with_room.executemany("INSERT INTO pad VALUES (zeroblob(4000))", [()] * pages)
    with_room.execute("COMMIT")

pad(2000)
with_room.execute("PRAGMA wal_checkpoint(TRUNCATE)")
resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat("hpo.db").st_size + 100_000,) * 2)
pad(1200)  # more than the database's file has room for
study.tell(trial, 0.5)
study.discard(0, reason="a fault of the data")
hpo.create_study("t", space=hpo.Space(x=hpo.Float(0, 1)), storage="hpo.db")
"""


def test_what_is_committed_is_no_error(tmp_path: Path) -> None:
    """Where the log finds room, but not what it is to be emptied into: all goes on, and all of it is there."""
    subprocess.run([sys.executable, "-c", LOG_ALONE], cwd=tmp_path, check=True)
    url = f"sqlite:///{tmp_path / 'hpo.db'}"
    assert rows(url, "SELECT state FROM trials") == [("discarded",)]
    assert rows(url, "SELECT name FROM studies ORDER BY name") == [("s",), ("t",)]
