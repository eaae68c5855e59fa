"""One study, several hosts: each with folders of its own, some with clocks or networks of their own."""

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import Host, Looker, cables, ended, has_namespaces, wait_for
from postgres_server import running

from storage.exchange.worklist import LEASE
from storage.schema.tables import jobs

MAKE = ("run", "trainer.py:Objective", "--space", "space.toml", "--strategy", "halving", "--max-epochs", 9, "--seed", 5)
FULL = ("--trials", 27, "--no-confirm", "--name", "s")
RESUME = ("resume", "s", "--jobs", 1, "--no-confirm")
MADE = """
import hpo
from hpo.sources import load_objective
space = hpo.Space(rate=hpo.Float(0.001, 0.99))
hpo.create_study("s", space=space, objective=load_objective("trainer.py:Objective"), strategy="halving", max_epochs=9,
                 n_trials=27, seed=5)
"""
SHORT_LEASE = """
import sys
import hpo
from hpo.launch import Launch, run_here
study = hpo.load_study("s", storage=sys.argv[1])
launch = Launch(sys.argv[1], "s", study.record.id, study.objective, 1, "loky", None, lease=3.0)
run_here(study.database, study.record, launch)
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the search leaves behind that one host does by itself."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{folder / 'hpo.db'}"
    with Host(folder / "host") as host:
        ended(host.hpo(*MAKE, *FULL, "--jobs", 1, "--backend", "threading", "--storage", url))
    return Looker(url).evidence("s")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make hosts; whatever runs on them is ended with the test."""
    made: list[Host] = []

    def make(url: str, **settings: Any) -> Host:
        made.append(Host(tmp_path / f"host-{len(made)}", HPO_STORAGE=url, **settings))
        return made[-1]

    yield make
    for host in made:
        host.__exit__()


def begun(host: Host) -> None:
    """Make the study there; nothing of it is done yet."""
    ended(host.start(sys.executable, "-c", MADE))


def test_several_hosts_work_on_one_study(hosts: Callable[..., Host], any_url: str, expected: Any) -> None:
    """Three hosts that share nothing but the database do together what one does alone; all of them take part."""
    crew = [hosts(any_url, TRAINER_PAUSE="0.1") for _ in range(3)]
    begun(crew[0])
    look = Looker(any_url)
    working = [host.hpo(*RESUME) for host in crew]
    wait_for(lambda: len(look.holders()) == 3, "all three at work")
    for process in working:
        ended(process)
    assert look.evidence("s") == expected
    assert (look.workers(), look.holders()) == (set(), set())


def test_a_host_that_shuts_down(hosts: Callable[..., Host], any_url: str, expected: Any) -> None:
    """SIGTERM to `hpo resume`: its jobs are given back at once, another host goes on, and nothing is lost."""
    leaving, staying = (hosts(any_url, TRAINER_PAUSE="0.1") for _ in range(2))
    begun(staying)
    look = Looker(any_url)
    process = leaving.hpo(*RESUME)
    wait_for(look.holders, "a job of the host's that is going to leave")
    process.terminate()
    ended(process, 130)
    assert (look.workers(), look.holders()) == (set(), set())
    assert look.states() == {"s": "open"}, "the signal came too late to test anything"
    began = time.monotonic()
    ended(staying.hpo(*RESUME, TRAINER_PAUSE="0"))
    assert time.monotonic() - began < LEASE, "the host waited for a lease to run out"
    assert look.evidence("s") == expected


@pytest.mark.parametrize("shift", ["+3d", "-3d"])
def test_clocks_that_disagree(hosts: Callable[..., Host], postgres: Any, expected: Any, shift: str) -> None:
    """A host whose clock is days off takes no other's jobs and loses none: no epoch is trained twice, the table is equal."""
    if importlib.util.find_spec("libfaketime") is None:
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("libfaketime is not installed")
        pytest.skip("libfaketime is not installed, which shifts a process's clock")
    import libfaketime

    _, preload = libfaketime.get_reload_information()
    url = postgres.new_database()
    right, wrong = hosts(url, TRAINER_PAUSE="0.05"), hosts(url, TRAINER_PAUSE="0.05", **preload, FAKETIME=shift)
    begun(right)
    told, _ = ended(wrong.start(sys.executable, "-c", "import time; print(time.time())"))
    assert abs(float(told) - time.time()) > 2 * 86400, "the clock has not been shifted"
    log = {"TRAINER_LOG": str(right.folder / "epochs")}
    look = Looker(url)
    working = [host.hpo(*RESUME, "--backend", "threading", **log) for host in (right, wrong)]
    wait_for(lambda: len(look.holders()) == 2, "both at work")
    leases = look.rows(jobs.select().with_only_columns(jobs.c.lease_until).where(jobs.c.state == "running"))
    assert all(abs(until - time.time()) < LEASE + 10 for (until,) in leases)
    for process in working:
        ended(process)
    assert look.evidence("s") == expected
    trained = (right.folder / "epochs").read_text().splitlines()
    assert len(trained) == len(set(trained)) == look.measured()


def test_a_host_s_cable_is_cut(hosts: Callable[..., Host], expected: Any) -> None:
    """A host without network for longer than its lease: another takes over, the lost one comes back, nothing is wrong."""
    if not has_namespaces():
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail("network namespaces cannot be made: iproute2 is missing, or the right to make them")
        pytest.skip("network namespaces cannot be made here: that takes Linux, its superuser and iproute2")
    with cables(2) as (one, two), running(listen_addresses=f"127.0.0.1,{one.here},{two.here}") as server:
        url = server.new_database()
        with (server.folder / "data" / "pg_hba.conf").open("a") as allowed:
            allowed.write(f"host all all {one.there}/32 trust\nhost all all {two.there}/32 trust\n")
        with server.admin() as admin:
            admin.execute("SELECT pg_reload_conf()")
        begun(hosts(url))
        look = Looker(url)
        behind = [url.replace("127.0.0.1", cable.here) for cable in (one, two)]
        slow = {"TRAINER_PAUSE": "0.15"}
        crew = [hosts(near, prefix=cable.prefix, **slow) for near, cable in zip(behind, (one, two), strict=True)]
        lost, other = (
            host.start(sys.executable, "-c", SHORT_LEASE, near) for host, near in zip(crew, behind, strict=True)
        )
        wait_for(lambda: len(look.holders()) == 2, "both at work")
        mine = {name for name in look.workers() if f":{lost.pid}:" in name}
        wait_for(lambda: mine & look.holders(), "a job of the host's that is going to be lost")
        one.cut()
        wait_for(lambda: not mine & look.holders(), "the other's taking over")
        assert look.states() == {"s": "open"}, "the cut came too late to test anything"
        one.mend()
        ended(lost)
        ended(other)
        assert look.evidence("s") == expected
