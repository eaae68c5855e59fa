"""Where a database of a benchmark lies: a new file, or a new database of a PostgreSQL server started for it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NewUrl = Callable[[], str]


@contextmanager
def place(kind: str, folder: Path) -> Iterator[NewUrl]:
    """Give what makes the URL of another empty database, of SQLite or PostgreSQL."""
    if kind == "sqlite":
        yield lambda: f"sqlite:///{folder}/{uuid.uuid4().hex[:8]}.db"
        return
    from postgres_server import running

    with running(fsync="on", max_connections=200, shared_buffers="256MB", autovacuum_naptime="1min") as server:
        yield server.new_database


def for_optuna(url: str) -> str:
    """Return a URL as Optuna takes it."""
    return url.replace("postgresql://", "postgresql+psycopg://")
