"""What holds for every test: one that measures has the machine to itself, and none fails because that is busy."""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from postgres_server import Server, running
from threadpoolctl import threadpool_limits

if sys.platform != "win32":
    import fcntl

settings.register_profile("busy", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Share the machine with other tests; a test marked `alone` waits until they have left, and keeps them out."""
    place = item.config._tmp_path_factory.getbasetemp()
    if hasattr(item.config, "workerinput"):  # one of several side by side: they share the folder above
        place = place.parent
    with _room(place, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(autouse=True, scope="module")
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let BLAS compute small things on one thread: many threads of many tests side by side wait for each other."""
    if request.path.parent.name not in ("network", "laws", "strategies"):
        yield  # what is about studies limits the threads itself, which is tested
        return
    import scipy.linalg  # noqa: F401 - it brings a BLAS of its own, which is limited only once it is loaded

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, shared by the tests of a process."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Make databases of a kind, of each kind: a call returns the URL of a new one, with our schema in it or `empty`."""
    made: list[str] = []

    def in_a_file(*, empty: bool = False) -> str:
        from storage.database import Database

        made.append(f"sqlite:///{tmp_path / (f'hpo-{len(made)}.db' if made else 'hpo.db')}")
        if not empty:
            Database(made[-1], create=True).close()
        return made[-1]

    def on_a_server(*, empty: bool = False) -> str:
        made.append(server.new_database() if empty else server.lend())
        return made[-1]

    if request.param == "sqlite":
        yield in_a_file
        return
    server = request.getfixturevalue("postgres")
    yield on_a_server
    for each in made:
        server.take_back(each)


@pytest.fixture
def any_url(new_url: Callable[..., str]) -> str:
    """The URL of an empty database of its own, of each kind."""
    return new_url(empty=True)


@pytest.fixture
def url(new_url: Callable[..., str]) -> str:
    """The URL of a database of its own with our schema in it, of each kind."""
    return new_url()


@contextmanager
def _room(place: Path, *, alone: bool) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    with (place / "gate").open("w") as gate, (place / "room").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)  # who wants to be alone waits inside the gate, so nobody passes by
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        if alone:
            os.sync()  # an installation just before may still be on its way to the disk
        yield
