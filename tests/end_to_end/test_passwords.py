"""A database's password is in nobody's command line, in nobody's words, and not in the database."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from evidence import PATIENCE
from hosts import Host, Looker, ended, wait_for
from postgres_server import running

from storage.database import Database
from storage.schema.tables import confirmations, metadata

SECRET = "never-to-be-shown-71c4"  # noqa: S105 - of a server that lives as long as the tests here
RUN = ("run", "trainer.py:Objective", "--space", "space.toml", "--max-epochs", 9, "--trials", 12, "--seed", 5)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A server that asks the user ann for a password, and lets in the tests' own without."""
    with running() as server:
        with server.admin() as admin:
            admin.execute(f"CREATE ROLE ann LOGIN PASSWORD '{SECRET}'")
            rules = server.folder / "data" / "pg_hba.conf"
            rules.write_text(f"host all ann 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            admin.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def place(server: Any) -> str:
    """Where a database of ann's is: all of its URL but its user and password."""
    url = server.new_database()
    name = url.rpartition("/")[2]
    with server.admin() as admin:
        admin.execute(f"ALTER DATABASE {name} OWNER TO ann")
    return url.rpartition("@")[2]


def shown_by_ps() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


def test_a_search_keeps_its_password(place: str, tmp_path: Path) -> None:
    """Worker processes get it through a pipe: while they work `ps` shows it nowhere, afterwards no table holds it."""
    url = f"postgresql://ann:{SECRET}@{place}"
    with Host(tmp_path / "host", HPO_STORAGE=url) as host:
        slow = {"TRAINER_PAUSE": "0.3"}  # so long that both come before the end, however busy the machine is
        search = host.hpo(*RUN, "--jobs", 2, "--no-confirm", "--name", "s", **slow)
        wait_for(lambda: len(Looker(url).holders()) == 2, "two processes at work")
        assert not [line for line in shown_by_ps() if SECRET in line]
        said = [*ended(search)]
        for words in (("list",), ("show", "s"), ("best", "s"), ("sql", "SELECT 1"), ("resume", "s")):
            said += ended(host.hpo(*words))
    assert not [words for words in said if SECRET in words]
    assert "hpo best s\n" in said[0] + said[1], "the next command should not name the database of the environment"
    database = Database(url)
    with database.read() as connection:
        for table in metadata.tables.values():
            for row in connection.execute(sa.select(table)):
                assert SECRET not in str(tuple(row))
    database.close()


WARNING = "warning: a password in a command line can be read by every user of this machine"


def test_a_password_in_the_command_line(place: str, tmp_path: Path) -> None:
    """Given in --storage, it is hidden as soon as the command runs, with one warning; no process it starts has it."""
    url = f"postgresql://ann:{SECRET}@{place}"
    with Host(tmp_path / "host", TRAINER_PAUSE="0.05") as host:
        search = host.hpo(*RUN, "--trials", 999, "--storage", url, "--jobs", 2, "--no-confirm", "--name", "s")
        assert WARNING in search.stderr.readline()
        look = Looker(url)
        wait_for(lambda: len(look.holders()) == 2, "two processes at work")
        shown = shown_by_ps()
        search.send_signal(signal.SIGINT)
        said = [*ended(search, 130)]
        confirm = host.hpo("confirm", "s", "--storage", url, "--top", 2, "--seeds", 8, "--jobs", 2)
        said.append(confirm.stderr.readline())
        wait_for(lambda: look.count(confirmations) > 0, "a confirmation")
        shown += shown_by_ps()
        said += ended(confirm)
    assert not [line for line in shown if SECRET in line]
    assert [line for line in shown if line.startswith(f"hpo run {RUN[1]} ") and "://ann:***@" in line]
    assert not [words for words in said if SECRET in words]
    assert sum(words.count(WARNING) for words in said) == 1


@pytest.mark.parametrize(
    "spelled",
    [("--storage={}",), ("--storage", "{}"), ("--storage", "postgresql://{place}?user=ann&password={secret}")],
    ids=["joined", "apart", "as a setting"],
)
def test_however_it_is_spelled(place: str, tmp_path: Path, spelled: tuple[str, ...]) -> None:
    """With the option or behind it, in front of the host or as a setting: nobody sees it in `ps`."""
    url = f"postgresql://ann:{SECRET}@{place}"
    Database(f"postgresql://ann:{SECRET}@{place}", create=True).close()
    with Host(tmp_path / "host") as host:
        waiting = host.hpo("worker", *(word.format(url, place=place, secret=SECRET) for word in spelled))
        assert WARNING in waiting.stderr.readline()
        assert "waiting for open studies" in waiting.stderr.readline()
        shown = shown_by_ps()
        waiting.terminate()
        ended(waiting)
    assert not [line for line in shown if SECRET in line]


def test_without_a_password_nothing_is_said(place: str, tmp_path: Path) -> None:
    """A command line without a password is left as it is, and warns of nothing."""
    name = place.rpartition("/")[2]
    with Host(tmp_path / "host", PGPASSWORD=SECRET) as host:
        waiting = host.hpo("worker", "--storage", f"postgresql://ann@{place}")
        assert "waiting for open studies" in waiting.stderr.readline()
        shown = shown_by_ps()
        waiting.terminate()
        ended(waiting)
    assert [line for line in shown if "-m hpo worker" in line and line.strip().endswith(name)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda url: url.replace(SECRET, f"{SECRET}-wrong"), id="wrong password"),
        pytest.param(lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), id="unknown host"),
        pytest.param(lambda url: f"{url}-unknown", id="unknown database"),
        pytest.param(lambda url: url.replace("ann:", "nobody-of-that-name:"), id="unknown user"),
        pytest.param(lambda url: url.replace("postgresql", "mysql"), id="unknown kind"),
        pytest.param(lambda url: f"{url}?no_such_setting=1", id="unknown setting"),
        pytest.param(lambda url: url.replace(f"ann:{SECRET}@", "ann@") + f"-x?password={SECRET}", id="as a setting"),
    ],
)
def test_errors_keep_it_too(place: str, tmp_path: Path, change: Any) -> None:
    """Whatever is wrong with a database's URL, the error says so without the password in it."""
    with Host(tmp_path / "host", HPO_STORAGE=change(f"postgresql://ann:{SECRET}@{place}"), HPO_PATIENCE="0") as host:
        process = host.hpo("list")
        out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode in (1, 2)
    assert errors.startswith("error: ")
    assert "this should not have happened" not in errors
    assert "Traceback" not in errors
    assert SECRET not in out + errors


@pytest.mark.parametrize("how", ["PGPASSFILE", "PGPASSWORD", "service"])
def test_a_password_may_come_from_elsewhere(place: str, tmp_path: Path, how: str) -> None:
    """A password file, the environment or a service's entry give it: to the command and to its worker processes."""
    address, _, name = place.partition("/")
    host_name, _, port = address.partition(":")
    kept = tmp_path / "kept"
    storage = f"postgresql://ann@{place}"
    if how == "PGPASSFILE":
        kept.write_text(f"{host_name}:{port}:{name}:ann:{SECRET}\n")
        environ = {"PGPASSFILE": str(kept)}
    elif how == "PGPASSWORD":
        environ = {"PGPASSWORD": SECRET}
    else:
        lines = f"host={host_name}\nport={port}\ndbname={name}\nuser=ann\npassword={SECRET}\n"
        kept.write_text(f"[hpo]\n{lines}")
        environ, storage = {"PGSERVICEFILE": str(kept)}, "postgresql:///?service=hpo"
    kept.touch()
    kept.chmod(0o600)
    with Host(tmp_path / "host", **environ) as host:
        said = ended(host.hpo(*RUN, "--storage", storage, "--jobs", 1, "--no-confirm", "--name", "s"))
    assert SECRET not in "".join(said)
    assert Looker(f"postgresql://ann:{SECRET}@{place}").states() == {"s": "complete"}
