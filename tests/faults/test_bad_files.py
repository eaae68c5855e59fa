"""Database files that are torn, damaged, another program's, or a newer program's: said, and not a byte is changed."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Said, environment
from trouble import Search

COMMANDS = {
    "run": lambda search, url: search.run(url),
    "resume": lambda search, url: search.resume(url),
    "show": lambda _search, url: ["show", "troubled", "--storage", url],
    "list": lambda _search, url: ["list", "--storage", url],
}


def torn(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096)


def without_its_beginning(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def full_of_garbage(path: Path) -> None:
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * (pages - 1))


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trials (trial_id INTEGER)")


def of_a_newer_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE hpo_alembic_version SET version_num = '9999'")
        connection.commit()


DAMAGES = {
    torn: "is cut short",
    without_its_beginning: "is not an SQLite database, or one whose beginning has been overwritten",
    full_of_garbage: "damaged",
    of_another_program: "holds the tables of another program",
    of_a_newer_program: "which is newer than this program's",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The content of a database with a study in it, and no log beside it."""
    folder = tmp_path_factory.mktemp("sound")
    search = Search(folder, trials=3, jobs=1, confirm=False)
    line = [sys.executable, "-m", "hpo", *map(str, search.run("sqlite:///hpo.db")), "--backend", "threading"]
    subprocess.run(line, cwd=folder, env=environment(), check=True, capture_output=True)
    with closing(sqlite3.connect(folder / "hpo.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return (folder / "hpo.db").read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_bad_file_is_told_and_left_alone(
    damage: Callable[[Path], None], command: str, sound: bytes, search: Search, here: Callable[..., Said]
) -> None:
    """Each command names the file and what is wrong with it; it fails, without a traceback, and changes nothing."""
    path = search.folder / "hpo.db"
    path.write_bytes(sound)
    damage(path)
    before = path.read_bytes()
    said = here(*COMMANDS[command](search, f"sqlite:///{path}"))
    assert said.code in (1, 2), said.err
    assert DAMAGES[damage] in said.err.replace("\n", " ")
    assert "hpo.db" in said.err
    assert "Traceback" not in said.err
    assert "should not have happened" not in said.err
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["resume", "show", "list"])
def test_an_empty_file_is_no_damaged_one(command: str, search: Search, here: Callable[..., Said]) -> None:
    """A file of no bytes is a database that nobody has begun: it is said how to begin."""
    path = search.folder / "hpo.db"
    path.touch()
    said = here(*COMMANDS[command](search, f"sqlite:///{path}"))
    assert (said.code, "holds no studies yet: start one with" in said.err) == (2, True), said.err
    assert path.read_bytes() == b""


def test_a_newer_schema_is_refused_on_every_database(any_url: str, search: Search, here: Callable[..., Said]) -> None:
    """A database that a newer release has upgraded is refused by every command, which says to upgrade the program."""
    from evidence import change

    from storage.database import Database

    Database(any_url, create=True).close()
    change(any_url, "UPDATE hpo_alembic_version SET version_num = '9999'")
    others = {
        "best": ["best", "troubled"],
        "trials": ["trials", "troubled"],
        "curves": ["curves", "troubled"],
        "why": ["why", "troubled", "0"],
        "confirm": ["confirm", "troubled"],
    }
    lines = [make(search, any_url) for make in COMMANDS.values()]
    lines += [[*line, "--storage", any_url] for line in others.values()]
    lines += [["db", "upgrade", "--storage", any_url]]
    for line in lines:
        said = here(*line)
        assert said.code in (1, 2), said
        assert "upgrade" in said.err or "no release of this program" in said.err, (line, said.err)
        assert "9999" in said.err
        assert "Traceback" not in said.err
