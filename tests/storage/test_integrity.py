"""Is a database sound? A sound one is said to be, and whatever is wrong is found, named and told apart."""

import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from crew import SPACE, Hand, content, new_study
from evidence import change, rows
from test_upgrading import Falling

import hpo
from storage.connection.engines import parse
from storage.database import Database
from storage.errors import StorageError
from storage.upkeep.integrity import examine
from strategies import Strategy, SuccessiveHalving

WRONG = {
    "UPDATE trials SET epochs = epochs + 1 WHERE number = 2": ("curves", "crew, trial 2", "its number of epochs"),
    "UPDATE trials SET value = value + 1 WHERE number = 3": ("curves", "crew, trial 3", "its value is not the best"),
    "UPDATE trials SET best_epoch = 7 WHERE number = 4": ("curves", "crew, trial 4", "its best epoch"),
    "DELETE FROM measurements WHERE epoch = 1 AND trial = (SELECT MIN(trial) FROM checkpoints)": (
        "curves",
        "crew, trial ",
        "not those of epochs 1, 2",
    ),
    "UPDATE checkpoints SET sha256 = 'abc'": ("checkpoints", "crew, trial ", "does not match its SHA-256"),
    "UPDATE checkpoints SET format = 'pickle'": ("checkpoints", "crew, trial ", "its format is 'pickle'"),
    "UPDATE checkpoints SET epoch = 99": ("checkpoints", "crew, trial ", "it is of epoch 99, and"),
    "DELETE FROM jobs WHERE number = 1": ("numbers", "crew", "25 jobs are numbered 0 to 25"),
    "UPDATE jobs SET outcome = NULL WHERE number = 3": ("jobs", "crew, job 3", "has left no outcome"),
    "UPDATE jobs SET state = 'lost' WHERE number = 3": ("jobs", "crew, job 3", "in no state that there is"),
    "UPDATE jobs SET state = 'running', worker = NULL WHERE number = 3": ("jobs", "crew, job 3", "nobody holds it"),
    "UPDATE jobs SET until_epoch = -1 WHERE number = 3": ("jobs", "crew, job 3", "before it begins"),
    "UPDATE jobs SET state = 'ready', worker = NULL WHERE number = 25": (
        "trials",
        "crew, trial ",
        "a job that is not done",
    ),
    "UPDATE trials SET state = 'running' WHERE number = 5": ("trials", "crew, trial 5", "no job that is running"),
    "DROP VIEW leaderboard": ("views", "leaderboard", "a view of the program does not answer"),
    "DROP VIEW crew_trials": ("views", "crew_trials", "the view of study 'crew' does not answer"),
    "DROP INDEX trials_paused": ("schema", "schema", "add index trials_paused is needed"),
    "ALTER TABLE workers ADD COLUMN mine TEXT": ("schema", "schema", "mine is needed"),
}
"""By what somebody does by hand: the check that finds it, where, and what it says."""


@pytest.fixture(scope="module")
def done(tmp_path_factory, postgres):
    """A database of each kind with a search by halving, done: to be copied."""
    urls = {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('done')}/hpo.db", "postgresql": postgres.new_database()}
    settings = {"space": SPACE, "objective": Falling, "strategy": "halving", "seed": 4, "max_epochs": 9}
    for url in urls.values():
        study = hpo.create_study("crew", storage=url, n_trials=18, **settings)
        study.optimize()
        study.database.close()
    return urls


@pytest.fixture(params=["sqlite", "postgresql"])
def searched(request, done, tmp_path, postgres):
    """The URL of a copy of one of them."""
    source = parse(done[request.param]).database
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(source, tmp_path)}"
    return postgres.new_database(source)


def faults(url):
    """Every fault by its check."""
    return [(each.check, fault) for each in examine(url) for fault in each.faults]


def test_a_sound_database_is_sound(searched):
    """After a search nothing is wrong; every check says what it looked at; nothing changes."""
    before = content(searched)
    examined = list(examine(searched))
    assert [each.check for each in examined if each.faults] == []
    assert len({each.about for each in examined}) == len(examined) >= 10
    assert content(searched) == before


@pytest.mark.parametrize("deed", WRONG)
def test_what_is_wrong_is_found(searched, deed):
    """Whatever somebody has done to the tables by hand is found by its check, named, and told what to do about."""
    change(searched, deed)
    check, where, what = WRONG[deed]
    found = [fault for name, fault in faults(searched) if name == check]
    assert any(fault.where.startswith(where) and what in fault.what for fault in found), faults(searched)
    assert all(fault.advice and not fault.harmless for fault in found)


def test_another_tools_tables_are_no_fault(searched):
    """Tables of somebody else in the same database are not looked at."""
    change(searched, "CREATE TABLE customers(name TEXT)")
    assert faults(searched) == []


def test_orphans_are_found(searched):
    """Rows that belong to nothing are counted, on both databases."""
    if searched.startswith("sqlite"):
        with closing(sqlite3.connect(parse(searched).database)) as connection:
            connection.execute("DELETE FROM trials WHERE number = 17")
            connection.commit()
    else:
        change(searched, "SET session_replication_role = replica; DELETE FROM trials WHERE number = 17")
    found = {fault.where: fault.what for name, fault in faults(searched) if name == "references"}
    assert "1 rows belong to no row of trials" in found["jobs"]
    assert "belong to no row of trials" in found["measurements"]


def test_damaged_json_is_found(searched):
    """A value that was to be JSON and is not, which SQLite lets happen."""
    if searched.startswith("sqlite"):
        change(searched, "UPDATE jobs SET reason = 'no json' WHERE number < 3")
        assert [(name, fault.where, fault.what) for name, fault in faults(searched)][:1] == [
            ("json", "jobs.reason", "3 values are no JSON")
        ]
    else:
        with pytest.raises(Exception, match="invalid input syntax for type json"):
            change(searched, "UPDATE jobs SET reason = 'no json' WHERE number < 3")


def test_what_a_dead_worker_left_is_no_damage(any_url):
    """Leases that have run out are remarked on, with the command that mends it: they are no faults."""
    study = new_study(any_url)
    hand = Hand(any_url, study)
    hand.one()
    assert faults(any_url) == []
    change(any_url, "UPDATE jobs SET lease_until = lease_until - 3600")
    change(any_url, "UPDATE workers SET seen_at = seen_at - 3600")
    found = faults(any_url)
    assert {name for name, _ in found} == {"workers"}
    assert len(found) == 2
    assert all(fault.harmless and fault.advice == "hpo resume crew" for _, fault in found)
    hand.database.close()


def test_workers_do_not_disturb(any_url):
    """While a worker writes, each look sees one consistent state: nothing half done is taken for a fault."""
    study = new_study(any_url, Strategy(scheduler=SuccessiveHalving(eta=2)), n_trials=40)
    hand = Hand(any_url, study)
    reports, looks = [], 0
    while claims := hand.exchange(reports, jobs=3):
        reports = [hand.report(claim) for claim in claims.values()]
        looks += 1
        if looks % 5 == 0:
            assert faults(any_url) == []
    assert faults(any_url) == []
    hand.database.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The path of a database file of half a megabyte, closed: to be copied."""
    path = tmp_path_factory.mktemp("large") / "hpo.db"
    study = hpo.create_study("crew", storage=path, space=SPACE, objective=Falling, n_trials=300, max_epochs=20)
    study.optimize()
    study.database.close()
    assert not path.with_name("hpo.db-wal").exists()
    return path


@pytest.fixture
def file(large, tmp_path):
    """The path of a copy of it."""
    return shutil.copy(large, tmp_path / "hpo.db")


def damaged(path, name):
    """Damage a file in one way."""
    data = path.read_bytes()
    if name == "cut to half":
        path.write_bytes(data[: len(data) // 2])
    elif name == "cut within a page":
        path.write_bytes(data[:-100])
    elif name == "first page zeroed":
        path.write_bytes(bytes(4096) + data[4096:])
    elif name == "garbage at the beginning":
        path.write_bytes(b"\xa5" * 512 + data[512:])
    elif name == "garbage in the middle":
        path.write_bytes(data[: len(data) // 2] + b"\xa5" * 40_000 + data[len(data) // 2 + 40_000 :])
    else:
        path.write_bytes(bytes(len(data)))


DAMAGES = {
    "cut to half": "is cut short: its last [0-9,]+ bytes are missing; restore a copy",
    "cut within a page": "is cut short: its last 100 bytes are missing",
    "first page zeroed": "overwritten with zeros: restore a copy",
    "garbage at the beginning": "is not an SQLite database",
    "garbage in the middle": None,
    "all zeros": "overwritten with zeros",
}
"""By damage: what is said when the file is opened; None where that shows only later."""


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_told(file, name):
    """A torn or overwritten file is a fault of the file, told with how to save what can be read; its bytes are left alone."""
    damaged(file, name)
    before = file.read_bytes()
    (examined,) = examine(f"sqlite:///{file}")
    assert examined.check == "file"
    assert examined.faults
    assert all("restore a copy" in fault.advice and ".recover" in fault.advice for fault in examined.faults)
    if DAMAGES[name]:
        with pytest.raises(StorageError, match=DAMAGES[name]):
            Database(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_an_empty_file_and_another_programs_are_no_damage(tmp_path):
    """They are told as what they are."""
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as connection:
        connection.execute("CREATE TABLE studies(x)")
    for name, message in {
        "empty": "holds no studies yet",
        "foreign": "another program",
        "none": "no database at",
    }.items():
        with pytest.raises(StorageError, match=message):
            list(examine(f"sqlite:///{tmp_path}/{name}.db"))


def test_a_lost_log_is_no_damage(file, tmp_path):
    """A file copied without its log is what was written down before: older, and sound."""
    database = Database(f"sqlite:///{file}")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET revision = revision + 1")
    assert file.with_name("hpo.db-wal").stat().st_size > 0
    copy = tmp_path / "copy.db"
    copy.write_bytes(subprocess.run(["cat", file], capture_output=True, check=True).stdout)
    database.close()
    assert faults(f"sqlite:///{copy}") == []
    assert rows(copy, "SELECT count(*) FROM trials") == [(300,)]
