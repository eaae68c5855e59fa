"""Who works on a study: workers by name, asked to stop through their row, known to be dead when their process is.

A process is known by its node, its id there, and when it started, counted from the node's boot: a clock that is set
makes no process another. A node is where process ids mean the same: two containers of one host name are two nodes.
"""

import itertools
import os
import socket
import threading
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import psutil
import sqlalchemy as sa

from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import StudyNotFound
from storage.schema.tables import jobs, studies, workers

STOP: Final = "stop"

_count = itertools.count()
_count_lock = threading.Lock()
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_START: Final = 19  # of the fields of /proc/PID/stat after the process's name: clock ticks since the boot
_SLACK: Final = 2.0  # seconds by which a start may be reported differently where it is not counted from the boot


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker: a process, or a thread of one, on a node. `launcher` names the process that looks after it."""

    id: str
    launcher: str
    node: str
    pid: int
    process_started: float

    @classmethod
    def here(cls, launcher: str | None = None) -> "Worker":
        """Return a new worker in this process; its own launcher unless one is named."""
        with _count_lock:
            count = next(_count)
        name = process_name()
        return cls(f"{name}:{count}", launcher or name, _node(), os.getpid(), _started())


def process_name() -> str:
    """Return a name for this process that no other process has, now or later, here or elsewhere."""
    return f"{_node()}:{os.getpid()}:{_started():.2f}"


@persistent
def register(database: Database, study_id: int, worker: Worker) -> None:
    """Enter a worker that is about to claim jobs. Raises StudyNotFound when the study is gone."""
    with database.write() as connection:
        there = sa.select(studies.c.id).where(studies.c.id == study_id).with_for_update(read=True, key_share=True)
        if connection.execute(there).one_or_none() is None:
            raise StudyNotFound(
                f"the study has been deleted from {database.shown_url} before anybody worked on it here"
            )
        now = database.now(connection)
        row = {
            "id": worker.id,
            "study_id": study_id,
            "launcher": worker.launcher,
            "node": worker.node,
            "pid": worker.pid,
            "process_started": worker.process_started,
            "started_at": now,
            "seen_at": now,
        }
        connection.execute(sa.delete(workers).where(workers.c.id == worker.id))  # should it be entered already
        connection.execute(sa.insert(workers).values(row))


@persistent
def retire(database: Database, ids: Iterable[str]) -> None:
    """Take workers off the list: they have left."""
    gone = list(ids)
    if gone:
        with database.write() as connection:
            connection.execute(sa.delete(workers).where(workers.c.id.in_(gone)))


@persistent
def request_stop(database: Database, study_id: int, launcher: str | None = None) -> None:
    """Ask a study's workers (only those of one launcher, if named) to finish their epochs, checkpoint and leave."""
    chosen = workers.c.study_id == study_id
    if launcher is not None:
        chosen &= workers.c.launcher == launcher
    with database.write() as connection:
        connection.execute(sa.update(workers).where(chosen).values(request=STOP))


@persistent
def list_pids(database: Database, study_id: int, launcher: str) -> list[int]:
    """Return the process ids of a launcher's workers on this node: elsewhere they are other processes' ids."""
    with database.read() as connection:
        chosen = (workers.c.study_id == study_id) & (workers.c.launcher == launcher) & (workers.c.node == _node())
        return sorted(set(connection.execute(sa.select(workers.c.pid).where(chosen)).scalars()))


@persistent
def list_dead(
    database: Database, study_id: int, *, launched_by: str | None = None, but_by: str | None = None
) -> list[str]:
    """Return the ids of this node's workers whose process is no more: one launcher's, or those of others that are dead.

    A launcher that lives buries its own, and knows how they ended. Workers of other nodes are judged by their leases.
    """
    chosen = (workers.c.study_id == study_id) & (workers.c.node == _node())
    if launched_by is not None:
        chosen &= workers.c.launcher == launched_by
    if but_by is not None:
        chosen &= workers.c.launcher != but_by
    with database.read() as connection:
        columns = (workers.c.id, workers.c.launcher, workers.c.pid, workers.c.process_started)
        rows = connection.execute(sa.select(*columns).where(chosen)).all()
    dead = [row for row in rows if not _alive(row.pid, row.process_started)]
    return [row.id for row in dead if but_by is None or not lives_here(row.launcher)]


@persistent
def list_held(database: Database, study_id: int) -> list[tuple[int, str]]:
    """Return the trials that somebody works on, each with the id of the worker."""
    held = sa.select(jobs.c.trial, jobs.c.worker).where(
        jobs.c.study_id == study_id, jobs.c.state == "running", sa.text("jobs.state <> 'done'")
    )
    with database.read() as connection:
        return [(row.trial, row.worker) for row in connection.execute(held.order_by(jobs.c.trial))]


@persistent
def vouch(database: Database, study_id: int, launcher: str, lease: float) -> None:
    """Renew the leases that a launcher's workers on this node have let run half out, of those whose process lives.

    Compiled code may keep the interpreter to itself: then nobody else there can say that its job is being trained.
    """
    mine = (workers.c.study_id == study_id) & (workers.c.launcher == launcher) & (workers.c.node == _node())
    running = (jobs.c.study_id == study_id) & (jobs.c.state == "running") & sa.text("jobs.state <> 'done'")
    with database.read() as connection:
        late = running & (jobs.c.lease_until < database.now(connection) + lease / 2)
        columns = (workers.c.id, workers.c.pid, workers.c.process_started)
        rows = connection.execute(sa.select(*columns).join(jobs, jobs.c.worker == workers.c.id).where(mine, late)).all()
    silent = [row.id for row in rows if _alive(row.pid, row.process_started)]
    if silent:
        with database.write() as connection:
            held = running & jobs.c.worker.in_(silent)
            connection.execute(sa.select(jobs.c.number).where(held).order_by(jobs.c.number).with_for_update()).all()
            until = database.now(connection) + lease
            connection.execute(sa.update(jobs).where(held).values(lease_until=until))


def host_of(worker: str) -> str:
    """Return the name of the host in a worker's id."""
    return worker.partition("/")[0]


def pid_of(worker: str) -> int:
    """Return the process id in a worker's id."""
    return int(worker.rsplit(":", 3)[1])


def lives_here(name: str) -> bool:
    """Tell whether a worker or a launcher, by its name, is a living process of this node."""
    node, _, process = name.partition(":")
    try:
        pid, started = process.split(":")[:2]
        return node == _node() and _alive(int(pid), float(started))
    except ValueError:  # a name of another kind
        return False


def _alive(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        alive = process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return alive and abs(_started(pid) - started) < _SLACK
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return False
    except (psutil.AccessDenied, PermissionError):  # somebody else's process: it exists
        return True


def _started(pid: int | None = None) -> float:
    """Return when a process (or this one) started: in seconds since the node's boot if known, else since 1970."""
    if not _BOOT.exists():
        return psutil.Process(pid).create_time()
    _, _, fields = Path(f"/proc/{pid or 'self'}/stat").read_text().rpartition(")")  # a name may hold anything
    return int(fields.split()[_START]) / os.sysconf("SC_CLK_TCK")


@cache
def _node() -> str:
    """Return a name for where process ids and their starts are unique: host, boot, namespaces of processes and time."""
    parts = [socket.gethostname()]
    try:
        parts.append(_BOOT.read_text().strip())
        parts.extend(_namespace(kind) for kind in ("pid", "time"))
    except OSError:  # no Linux: then hosts of one name differ in their network card
        parts.append(f"{uuid.getnode():x}")
    return "/".join(parts)


def _namespace(kind: str) -> str:
    with suppress(OSError):  # older kernels know none of time
        return Path(f"/proc/self/ns/{kind}").readlink().name.rpartition(":")[2].strip("[]")
    return "-"
