"""Workers placed by Dask and by Ray: real schedulers, real workers, each a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from evidence import PATIENCE
from hosts import Host, Looker, ended, wait_for

import hpo
from hpo.clusters import check_cluster
from storage.database import Database

SECRET = "never-to-be-shown-5e3c"  # noqa: S105 - the password of a server that asks for none
RUN = ("run", "trainer.py:Objective", "--space", "space.toml", "--strategy", "halving", "--max-epochs", 9, "--seed", 5)
SMALL = (*RUN, "--trials", 18, "--no-confirm", "--name", "s")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def available(package: str) -> None:
    """Skip where a cluster's package is not installed; in CI it has to be."""
    try:
        __import__(package)
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed")
        pytest.skip(f"{package} is not installed: pip install 'hpo[{package}]'")


@pytest.fixture
def secret_url(postgres: Any) -> str:
    """A database whose URL has a password in it."""
    return postgres.new_database().replace("tester@", f"tester:{SECRET}@")


@pytest.fixture
def expected(tmp_path: Path) -> Any:
    """What the search leaves behind that nobody has disturbed, with one worker."""
    url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    with Host(tmp_path / "undisturbed") as host:
        ended(host.hpo(*SMALL, "--jobs", 1, "--backend", "threading", "--storage", url))
    return Looker(url).evidence("s")


class Dask:
    """A scheduler and two workers, on hosts of their own but for the network; what they say goes to files."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.folder = folder
        self.hosts: list[Host] = []
        self.processes: list[subprocess.Popen[str]] = []

    def begin(self, name: str, *words: object, **environ: str) -> "subprocess.Popen[str]":
        host = Host(self.folder / name)
        self.hosts.append(host)
        script = 'exec "$0" "$@" > log 2>&1'
        self.processes.append(
            host.start(
                "sh", "-c", script, sys.executable, "-m", "distributed.cli." + str(words[0]), *words[1:], **environ
            )
        )
        return self.processes[-1]

    def said(self) -> str:
        return "".join((host.folder / "work" / "log").read_text() for host in self.hosts)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    """A cluster of two workers, a process each, which nobody begins anew."""
    available("distributed")
    cluster = Dask(tmp_path / "dask")
    try:
        port = cluster.address.rpartition(":")[2]
        cluster.begin("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        for number in range(2):
            begin_worker(cluster, number)
        yield cluster
    finally:
        for host in cluster.hosts:
            host.__exit__()


def begin_worker(cluster: Dask, number: int, **environ: str) -> "subprocess.Popen[str]":
    words = ("--no-nanny", "--nthreads", 1, "--no-dashboard", "--name", number)
    return cluster.begin(f"worker-{number}", "dask_worker", cluster.address, *words, TRAINER_PAUSE="0.12", **environ)


def test_dask_places_the_workers(dask: Dask, tmp_path: Path, secret_url: str, expected: Any) -> None:
    """Two workers of a cluster search as one does alone; no password is in anybody's words or command line."""
    with Host(tmp_path / "launcher", HPO_STORAGE=secret_url) as host:
        search = host.hpo(*SMALL, "--jobs", 2, "--backend", "dask", "--scheduler", dask.address)
        look = Looker(secret_url)
        wait_for(lambda: len(look.holders()) == 2, "both workers at work")
        pids = {int(worker.split(":")[1]) for worker in look.workers()}
        assert pids == {process.pid for process in dask.processes[1:]}
        assert not [line for line in command_lines() if SECRET in line]
        said = "".join(ended(search))
    assert look.evidence("s") == expected
    assert SECRET not in said + dask.said()


def test_a_dask_worker_is_killed(dask: Dask, tmp_path: Path, any_url: str, expected: Any) -> None:
    """A worker of the cluster that is killed in the middle costs nothing but time: another does its work."""
    with Host(tmp_path / "launcher", HPO_STORAGE=any_url) as host:
        search = host.hpo(*SMALL, "--jobs", 2, "--backend", "dask", DASK_SCHEDULER_ADDRESS=dask.address)
        look = Looker(any_url)
        wait_for(lambda: look.measured() > 3 and len(look.holders()) == 2, "both workers at work")
        dask.processes[1].kill()
        assert look.states() == {"s": "open"}, "the kill came too late to test anything"
        ended(search)
    assert look.evidence("s") == expected


def test_a_dask_worker_that_leaves_saves(dask: Dask, tmp_path: Path, any_url: str, expected: Any) -> None:
    """A worker of the cluster that is told to end gives back its jobs; nothing waits for a lease."""
    with Host(tmp_path / "launcher", HPO_STORAGE=any_url) as host:
        search = host.hpo(*SMALL, "--jobs", 2, "--backend", "dask", "--scheduler", dask.address)
        look = Looker(any_url)
        wait_for(lambda: look.measured() > 3 and len(look.holders()) == 2, "both workers at work")
        leaving = dask.processes[1]
        leaving.terminate()
        wait_for(lambda: not any(f":{leaving.pid}:" in worker for worker in look.workers()), "its leaving")
        ended(search)
    assert look.evidence("s") == expected


def test_what_a_dask_worker_cannot_load_is_told(dask: Dask, tmp_path: Path, secret_url: str) -> None:
    """An objective that a worker of the cluster cannot load ends the search with the reason; no password is shown."""
    with Host(tmp_path / "launcher", HPO_STORAGE=secret_url) as host:
        path = host.folder / "work" / "trainer.py"
        path.write_text(
            "import os\nif 'LAUNCHER' not in os.environ:\n    raise RuntimeError('not here')\n" + path.read_text()
        )
        search = host.hpo(*SMALL, "--jobs", 2, "--backend", "dask", "--scheduler", dask.address, LAUNCHER="1")
        _, errors = ended(search, 2)
    assert "not here" in errors
    assert "Traceback" not in errors
    assert SECRET not in errors + dask.said()


def test_within_a_client(dask: Dask, tmp_path: Path, any_url: str) -> None:
    """In Python, `optimize(backend="dask")` uses the client that is there; without one it says what to do."""
    script = f"""
import hpo, distributed
from hpo.sources import load_objective
space = hpo.Space(rate=hpo.Float(0.001, 0.99))
study = hpo.create_study("s", space=space, objective=load_objective("trainer.py:Objective"), max_epochs=2, strategy="random")
try:
    study.optimize(4, n_jobs=2, backend="dask")
except hpo.SettingError as error:
    print(error)
with distributed.Client({dask.address!r}):
    study.optimize(4, n_jobs=2, backend="dask")
print(len(study.trials), study.is_complete)
"""
    with Host(tmp_path / "launcher", HPO_STORAGE=any_url) as host:
        out, _ = ended(host.start(sys.executable, "-c", script))
    assert out.splitlines()[0].startswith("backend='dask' needs a client: with distributed.Client(")
    assert out.splitlines()[1:] == ["4 True"]


def test_a_file_is_no_database_for_other_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a cluster has workers on other hosts, an SQLite file is refused, naming them."""
    monkeypatch.setattr("hpo.clusters._dask_hosts", lambda: {"127.0.0.1", "198.51.100.7"})
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
    with pytest.raises(hpo.SettingError, match=r"is a file of this host.*198\.51\.100\.7: .*postgresql://"):
        check_cluster("dask", database, 2)
    monkeypatch.setattr("hpo.clusters._dask_hosts", lambda: {"127.0.0.1"})
    check_cluster("dask", database, 2)
    database.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backend", "dask"), "give --scheduler tcp://HOST:8786, or set DASK_SCHEDULER_ADDRESS"),
        (("--backend", "dask", "--scheduler", "tcp://127.0.0.1:1"), "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (("--backend", "ray", "--scheduler", "127.0.0.1:1"), "no Ray cluster answers at '127.0.0.1:1'"),
        (("--scheduler", "tcp://127.0.0.1:1"), "a scheduler's address is for --backend dask or ray"),
    ],
)
def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """A missing or wrong address is told in a line, with what to do; exit code 2."""
    available("ray" if "ray" in words else "distributed")
    with Host(tmp_path / "launcher") as host:
        _, errors = ended(host.hpo(*SMALL, "--jobs", 2, *words), 2)
    assert message in errors
    assert "Traceback" not in errors


# --- Ray ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ray_address() -> Iterator[str]:
    """A Ray cluster of one host and two CPUs; all its processes are ended by their ids."""
    available("ray")
    port = free_port()
    before = set(ray_processes())
    words = ("--head", "--port", port, "--num-cpus", 2, "--include-dashboard=false", "--disable-usage-stats")
    line = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--min-worker-port=0", "--max-worker-port=0"]
    more = ("--node-ip-address", "127.0.0.1", "--object-store-memory", 80_000_000)
    environ = os.environ | {"PYTHONPATH": str(Path(hpo.__file__).parents[1]), "TRAINER_PAUSE": "0.03"}
    started = subprocess.run(
        [*map(str, line), *map(str, more)], env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    try:
        assert started.returncode == 0, started.stderr + started.stdout
        yield f"127.0.0.1:{port}"
    finally:
        for process in ray_processes().keys() - before:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def ray_processes() -> dict[int, str]:
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if (
            "ray/core/src/ray" in line
            or "/ray/_private/" in line
            or line.startswith("ray::")
            or "/ray/dashboard" in line
            or "/ray/autoscaler" in line
        ):
            found[process.pid] = line
    return found


def test_ray_places_the_workers(ray_address: str, tmp_path: Path, secret_url: str, expected: Any) -> None:
    """Two workers of a Ray cluster search as one does alone, though one is killed in the middle; no word of a password."""
    with Host(tmp_path / "launcher", HPO_STORAGE=secret_url, TRAINER_PAUSE="0.12") as host:
        search = host.hpo(*SMALL, "--jobs", 2, "--backend", "ray", "--scheduler", ray_address)
        look = Looker(secret_url)
        wait_for(lambda: look.measured() > 3 and len(look.holders()) == 2, "both workers at work")
        victims = [int(worker.split(":")[1]) for worker in look.workers()]
        assert set(victims) <= ray_processes().keys()
        assert not [line for line in command_lines() if SECRET in line]
        os.kill(victims[0], signal.SIGKILL)
        assert look.states() == {"s": "open"}, "the kill came too late to test anything"
        said = "".join(ended(search))
    assert look.evidence("s") == expected
    assert SECRET not in said
    logs = Path(tempfile.gettempdir(), "ray", "session_latest", "logs")
    assert not [path for path in logs.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def command_lines() -> list[str]:
    """Return the command line of every process, as `ps` shows it to everybody."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines
