"""Workers by name: no two alike, the dead told from the living, and requests that reach whom they are meant for."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from crew import new_study
from evidence import change, rows

from storage.database import Database
from storage.errors import StudyNotFound
from storage.exchange.workers import STOP, Worker, list_dead, list_pids, process_name, register, request_stop, retire

ROOT = Path(__file__).parents[2]
LIVING = """
import sys
from storage.database import Database
from storage.exchange.workers import Worker, process_name, register
worker = Worker.here(sys.argv[2] or None)
register(Database(sys.argv[1]), 1, worker)
print(worker.id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def database(url):
    """A database with one study."""
    new_study(url)
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def hired(database):
    """Start worker processes, under a launcher of another name if given; they live until they are killed."""
    crew = []

    def hire(launcher=""):
        line = [sys.executable, "-c", LIVING, database.given_url, launcher]
        process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        crew.append(process)
        return process, process.stdout.readline().strip()

    yield hire
    for process in crew:
        process.kill()
        process.communicate()


def test_no_two_workers_have_one_id():
    """However many threads ask at once, each gets a worker of its own, of this process, launched by it unless said."""
    found = []
    threads = [threading.Thread(target=lambda: found.extend(Worker.here() for _ in range(20))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({worker.id for worker in found}) == 200
    assert {worker.launcher for worker in found} == {process_name()}
    assert Worker.here("another").launcher == "another"


def test_another_process_has_another_name():
    """Names tell processes apart, and are the same whenever a process asks."""
    program = "from storage.exchange.workers import process_name; print(process_name())"
    line = [sys.executable, "-c", program]
    others = [
        subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)
    ]
    assert len({process_name(), *others}) == 3
    assert process_name() == process_name()


def test_the_dead_are_told_from_the_living(database, hired):
    """A killed process is dead at once, even if nobody has fetched its exit code; a living one is not.

    Nor is one of another node, where its process id means nothing here; a later process that has got the id is another.
    """
    victim, dead = hired()
    _, alive = hired()
    here = Worker.here()
    strangers = [
        replace(here, id="elsewhere", node="elsewhere", pid=victim.pid),
        replace(here, id="an earlier process of this id", process_started=here.process_started - 60),
    ]
    for worker in (here, *strangers):
        register(database, 1, worker)
    victim.kill()
    os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)  # it is over, and its exit code is still there
    assert set(list_dead(database, 1)) == {dead, "an earlier process of this id"}
    victim.wait()
    assert set(list_dead(database, 1)) == {dead, "an earlier process of this id"}
    retire(database, list_dead(database, 1))
    assert list_dead(database, 1) == []
    left = {name for (name,) in rows(database.given_url, "SELECT id FROM workers")}
    assert left == {alive, here.id, "elsewhere"}


def elsewhere(*prefix):
    """Return the name of a process that runs under `prefix`."""
    program = "from storage.exchange.workers import process_name; print(process_name())"
    done = subprocess.run(
        [*prefix, sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["pid", "time"])
def test_containers_of_one_name_are_two_nodes(kind):
    """Where process ids (or their starts) mean something else, the node is another, though host and boot are one."""
    prefix = ("unshare", f"--{kind}", "--fork", *(("--mount-proc",) if kind == "pid" else ()))
    if not (there := elsewhere(*prefix)):
        pytest.skip(f"no {kind} namespace can be made here: that takes Linux and its superuser")
    node, other = process_name().rsplit(":", 2)[0], there.rsplit(":", 2)[0]
    assert node != other
    assert node.split("/")[:2] == other.split("/")[:2], "this is about one host and one boot"
    assert elsewhere().rsplit(":", 2)[0] == node


def test_a_clock_that_is_set_kills_nobody(database, hired):
    """A process is known by when it started since the boot: whatever a host's clock says meanwhile, it is the same."""
    process, name = hired()
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("only Linux counts from the boot")
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    ((started,),) = rows(database.given_url, "SELECT process_started FROM workers")
    assert (name.split(":")[2], started) == (f"{started:.2f}", ticks / os.sysconf("SC_CLK_TCK"))
    assert list_dead(database, 1) == []


def test_process_ids_of_other_nodes_are_nobody_s_here(database):
    """A launcher never takes a process id of another host's for one of its own: whoever it would end is a stranger."""
    here = Worker.here("me")
    register(database, 1, here)
    register(database, 1, replace(here, id="there", node="there", pid=1))
    assert list_pids(database, 1, "me") == [os.getpid()]


def test_a_launcher_finds_its_own(database, hired):
    """Workers are asked for by launcher: the dead of one, the dead of all others, the process ids of one."""
    mine, my_id = hired("me")
    other, other_id = hired("you")
    assert list_pids(database, 1, "me") == [mine.pid]
    for process in (mine, other):
        process.kill()
        process.wait()
    assert list_dead(database, 1, launched_by="me") == [my_id]
    assert list_dead(database, 1, but_by="me") == [other_id]
    assert list_dead(database, 2) == []


def test_a_request_to_stop_reaches_whom_it_is_for(database):
    """All workers of a study, or only those of one launcher; nobody else's."""
    mine, yours = Worker.here("me"), Worker.here("you")
    for worker in (mine, yours):
        register(database, 1, worker)

    def asked():
        return {name for (name,) in rows(database.given_url, "SELECT id FROM workers WHERE request = ?", STOP)}

    request_stop(database, 2)
    assert asked() == set()
    request_stop(database, 1, launcher="me")
    assert asked() == {mine.id}
    request_stop(database, 1)
    assert asked() == {mine.id, yours.id}


def test_who_comes_to_a_deleted_study_is_told(database):
    """A worker that is about to begin on a study that is gone hears just that, and is not on the list."""
    change(database.given_url, "DELETE FROM studies")
    with pytest.raises(StudyNotFound, match=r"the study has been deleted from \w+.*://"):
        register(database, 1, Worker.here())
    assert rows(database.given_url, "SELECT id FROM workers") == []


def test_retiring_nobody_writes_nothing(database):
    """No ids, no transaction: who has nobody to take off the list waits for nobody."""
    begun = []
    sa.event.listen(database.engine, "begin", begun.append)
    retire(database, [])
    assert begun == []
    retire(database, ["nobody"])
    assert begun
