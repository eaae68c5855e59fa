"""Clusters: workers placed on many hosts by Dask or Ray, through joblib's own backends.

A cluster's worker is handed a launch and reaches the database by its URL itself. What it needs beforehand is this
package, the objective's files, and a way to the database; a scheduler of Dask's needs the package, too.
"""

import logging
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from hpo.errors import HpoError, SettingError, WorkerError
from storage.database import Database

CLUSTERS: Final = ("dask", "ray")
"""The backends whose workers may be on other hosts."""

_CONNECT: Final = 10.0  # seconds until a cluster that does not answer is given up
_LOOK_EVERY: Final = 0.5  # seconds between two looks whether a cluster's worker is about to leave


@contextmanager
def joined(backend: str, address: str | None) -> Iterator[None]:
    """Within: this process is connected to the cluster at `address`, else the one that the environment names.

    Raises SettingError when none is named, WorkerError when it does not answer. Other backends need no connection.
    """
    if backend not in CLUSTERS:
        if address is not None:
            raise SettingError(f"a scheduler's address is for --backend {' or '.join(CLUSTERS)}, not for {backend!r}")
        yield
    elif backend == "dask":
        with _dask_client(address):
            yield
    else:
        _join_ray(address)
        try:
            yield
        finally:
            _ray().shutdown()


def check_cluster(backend: str, database: Database, n_jobs: int) -> None:
    """Raise SettingError or WorkerError when this process is in no cluster, or the cluster cannot do the work."""
    if backend not in CLUSTERS:
        return
    hosts = _dask_hosts() if backend == "dask" else _ray_hosts(n_jobs)
    strangers = sorted(hosts - _addresses_here())
    if database.path is not None and strangers:
        raise SettingError(
            f"{database.shown_url} is a file of this host, and the cluster has workers on {', '.join(strangers)}: "
            "give the study a database that all of them reach, postgresql://…"
        )


@contextmanager
def placing(backend: str) -> Iterator[None]:
    """Within, in this thread: joblib's Parallel places its tasks with the cluster. Errors of the cluster are explained.

    A Ray worker whose process dies is begun anew, as a Dask worker's task is; each takes one of its cluster's CPUs.
    """
    if backend not in CLUSTERS:
        yield
        return
    from joblib import parallel_config

    settings: dict[str, Any] = {}
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
        logging.getLogger("ray.util.multiprocessing.pool").setLevel(logging.ERROR)  # joblib's settings mean it nothing
        settings["ray_remote_args"] = {"num_cpus": 1, "max_restarts": -1, "max_task_retries": -1}
    try:
        with parallel_config(backend=backend, **settings):
            yield
    except HpoError:
        raise
    except Exception as error:
        raise _explained(backend, error) from error


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something on its way to a cluster's worker: nobody else opens it, so what it needs is needed there alone."""

    data: bytes = field(repr=False)

    @classmethod
    def of(cls, content: Any) -> "Parcel":
        """Pack; what a script defines is packed whole."""
        from joblib.externals.loky.backend.reduction import dumps

        return cls(bytes(dumps(content)))

    def opened(self) -> Any:
        """Return what is in it. Raises whatever its loading does."""
        return pickle.loads(self.data)  # noqa: S301 - joblib's tasks are pickles as well


class Lookout:
    """Watches over the tasks that a cluster is given from now on."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._before = set(self._failed())

    def check(self) -> None:
        """Raise what a task could not begin with, or what ended its worker again and again.

        joblib would wait for it for ever: it is told of what a task raises, not of what becomes of a task of Dask's.
        """
        for key, error in self._failed().items():
            if key not in self._before:
                raise error if isinstance(error, HpoError) else _explained(self._backend, error) from error

    def _failed(self) -> dict[str, BaseException]:
        if self._backend != "dask":
            return {}
        futures = _dask().default_client().futures
        return {key: state.exception for key, state in list(futures.items()) if state.status == "error"}


def _explained(backend: str, error: BaseException) -> WorkerError:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return WorkerError(
        f"{backend}: {': '.join([type(error).__name__, *lines[-1:]])}; scheduler and workers need this package in one "
        "release, the workers the objective's files and a way to the database as well"
    )


@contextmanager
def guest(backend: str, stopping: threading.Event) -> Iterator[None]:
    """Within, in a cluster's worker: `stopping` is set when that is about to leave, or nobody wants the task any more.

    Ray ends a worker's process instead: its jobs are taken over.
    """
    if backend != "dask":
        yield
        return
    unwanted, over = _dask_task_unwanted(), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY):
            if unwanted():
                stopping.set()
                return

    threading.Thread(target=watch, name="guest", daemon=True).start()
    try:
        yield
    finally:
        over.set()


# --- Dask ---------------------------------------------------------------------------------------------------------


def _dask() -> Any:
    return _imported("distributed", "dask")


@contextmanager
def _dask_client(address: str | None) -> Iterator[None]:
    distributed = _dask()
    import dask

    address = address or dask.config.get("scheduler-address", None)
    if address is None:
        raise SettingError(
            "the backend dask needs a scheduler: give --scheduler tcp://HOST:8786, or set DASK_SCHEDULER_ADDRESS"
        )
    try:
        client = distributed.Client(address, timeout=_CONNECT)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}): start one with `dask scheduler`, and on "
            f"each host `dask worker {address}`"
        ) from error
    with client:
        yield


def _dask_hosts() -> set[str]:
    distributed = _dask()
    try:
        client = distributed.default_client()
    except ValueError as error:
        raise SettingError(
            "backend='dask' needs a client: with distributed.Client('tcp://HOST:8786'): study.optimize(…); or, as a "
            "command, hpo … --backend dask --scheduler tcp://HOST:8786"
        ) from error
    try:
        client.wait_for_workers(1, timeout=_CONNECT)
    except TimeoutError as error:
        address = client.scheduler.address
        raise WorkerError(f"the Dask scheduler at {address} has no workers: start `dask worker {address}`") from error
    return {worker["host"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()}


def _dask_task_unwanted() -> Callable[[], bool]:
    """Return what tells whether the task that is running in this thread should come to an end."""
    from distributed import Status, get_worker
    from distributed.worker import thread_state

    worker, key = get_worker(), thread_state.key

    def unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return worker.status not in (Status.running, Status.paused) or task is None or task.state == "cancelled"

    return unwanted


# --- Ray ----------------------------------------------------------------------------------------------------------


def _ray() -> Any:
    return _imported("ray", "ray")


def _join_ray(address: str | None) -> None:
    ray = _ray()
    address = address or os.environ.get("RAY_ADDRESS") or "auto"
    missing = WorkerError(
        f"no Ray cluster answers at {address!r}: start one with `ray start --head`, and on each further host "
        "`ray start --address HOST:6379`; then give --scheduler HOST:6379, or set RAY_ADDRESS"
    )
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()
        except OSError as error:  # Ray itself would try for minutes
            raise missing from error
    try:
        ray.init(address=address, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise missing from error


def _ray_hosts(n_jobs: int) -> set[str]:
    ray = _ray()
    if not ray.is_initialized():
        raise SettingError(
            "backend='ray' needs a connection: ray.init(address='auto'), then study.optimize(…); or, as a command, "
            "hpo … --backend ray --scheduler HOST:6379"
        )
    cpus = int(ray.cluster_resources().get("CPU", 0))
    if n_jobs > cpus:
        raise SettingError(f"{n_jobs} workers take a CPU each, and the Ray cluster has {cpus}: use fewer")
    return {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


# --- hosts --------------------------------------------------------------------------------------------------------


def _addresses_here() -> set[str]:
    import psutil

    found = {address.address.partition("%")[0] for card in psutil.net_if_addrs().values() for address in card}
    with suppress(OSError):  # a name that leads nowhere
        found.add(socket.gethostbyname(socket.gethostname()))
    return found | {"localhost", socket.gethostname()}


def _imported(module: str, extra: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise WorkerError(f"the backend {extra} is not installed here: pip install 'hpo[{extra}]'") from error
