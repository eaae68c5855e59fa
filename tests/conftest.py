"""What holds for every test: one that measures has the machine to itself, also when others run side by side."""

import sys
from collections.abc import Iterator

import pytest

if sys.platform != "win32":
    import fcntl


@pytest.fixture(autouse=True)
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share the machine with other tests; a test marked `alone` waits until they have left, and keeps them out."""
    if sys.platform == "win32":
        yield
        return
    alone = request.node.get_closest_marker("alone") is not None
    place = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # one of several side by side: they share the folder above
        place = place.parent
    with (place / "gate").open("w") as gate, (place / "room").open("w") as inside:
        fcntl.flock(gate, fcntl.LOCK_EX)  # who wants to be alone waits inside the gate, so nobody passes by
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
