"""hpo db and hpo sql: what a database needs, how much room it takes, and what can be asked of it."""

import csv
import io
import json
import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command_line import command_here
from evidence import change, rows

import hpo
from storage.connection.engines import parse
from storage.database import Database
from storage.schema.tables import metadata


class Heavy:
    """An objective whose state takes a mebibyte, all of it noise."""

    def __init__(self, params, seed):
        self.x, self.seed = params["x"], seed
        self.state_of = np.random.default_rng(seed).bytes(1 << 20)

    def train_epoch(self):
        return self.x

    def state(self):
        return {"noise": np.frombuffer(self.state_of, np.uint8)}

    def restore(self, state):
        pass


class Light(Heavy):
    """The same with next to no state."""

    def state(self):
        return {"x": self.x}


SPACE = hpo.Space(x=hpo.Float(0, 1))


def searched(url, objective=Light, name="crew", n_trials=20, **settings):
    """Search by halving; close the database."""
    study = hpo.create_study(
        name, storage=url, space=SPACE, objective=objective, strategy="halving", n_trials=n_trials, max_epochs=9, seed=1
    )
    study.optimize(**settings)
    study.database.close()


def bytes_of(url):
    """How large a database is: its file, or its tables on the server."""
    if url.startswith("sqlite"):
        return Path(parse(url).database).stat().st_size
    tables = ", ".join(f"'{name}'" for name in metadata.tables)
    return int(rows(url, f"SELECT SUM(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ({tables})")[0][0])


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_check_says_that_it_is_sound(any_url, capsys, form):
    """Each check says what holds; exit code 0."""
    searched(any_url)
    said = command_here(capsys, "db", "check", "--storage", any_url, "--format", form)
    assert (said.code, said.err.splitlines()[-1]) == (0, "sound")
    assert "every checkpoint matches its hash" in said.out
    if form == "json":
        assert {row["verdict"] for row in json.loads(said.out)} == {"sound"}


def test_check_tells_each_fault(any_url, capsys):
    """Each fault is told with its place and what to do; exit code 1; a remark alone is no fault."""
    searched(any_url)
    change(any_url, "UPDATE trials SET value = value + 1 WHERE number = 3")
    said = command_here(capsys, "db", "check", "--storage", any_url, "--format", "json")
    assert said.code == 1
    (fault,) = [row for row in json.loads(said.out) if row["verdict"] == "FAULT"]
    assert (fault["check"], fault["where"]) == ("curves", "crew, trial 3")
    assert "its value is not the best of its curve" in fault["what"]
    assert "1 faults" in said.err


def test_check_where_there_is_nothing(tmp_path, capsys):
    """No database, or another program's: wrong use, exit code 2, and nothing is made."""
    said = command_here(capsys, "db", "check", "--storage", tmp_path / "none.db")
    assert (said.code, said.out) == (2, "")
    assert "there is no database at" in said.err
    assert list(tmp_path.iterdir()) == []


def test_sizes_add_up(any_url, capsys):
    """The bytes of two studies are those of the tables they are in; the larger study takes more; rows are counted."""
    searched(any_url, name="small", n_trials=5)
    searched(any_url, name="large", n_trials=60)
    said = command_here(capsys, "db", "size", "--storage", any_url, "--format", "json")
    sizes = {row["study"]: row for row in json.loads(said.out)}
    counted = dict(
        rows(any_url, "SELECT s.name, count(*) FROM trials t JOIN studies s ON s.id = t.study_id GROUP BY s.name")
    )
    assert {name: row["trials"] for name, row in sizes.items()} == counted
    assert sizes["large"]["bytes"] > 2 * sizes["small"]["bytes"]
    assert 0.3 * bytes_of(any_url) < sum(row["bytes"] for row in sizes.values()) <= bytes_of(any_url)
    parts = command_here(capsys, "db", "size", "large", "--storage", any_url, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(parts.out)))
    assert sum(int(row["bytes"]) for row in table) == sizes["large"]["bytes"]
    assert [row["table"] for row in table] == ["trials", "jobs", "measurements", "checkpoints", "confirmations"]
    shown = command_here(capsys, "db", "size", "--storage", any_url)
    assert "kB" in shown.out


def test_the_size_of_a_study_that_is_not_there(any_url, capsys):
    """An unknown name is answered with the nearest."""
    searched(any_url, n_trials=2)
    said = command_here(capsys, "db", "size", "crow", "--storage", any_url)
    assert said.code == 2
    assert "did you mean 'crew'" in said.err


def test_a_large_checkpoint_is_counted_as_such(any_url, capsys):
    """A mebibyte in a checkpoint is a mebibyte in the sizes, once what was deleted takes no room any more."""
    searched(any_url, objective=Heavy, n_trials=4)
    assert command_here(capsys, "db", "shrink", "--storage", any_url).code == 0
    said = command_here(capsys, "db", "size", "--storage", any_url, "--format", "json")
    (row,) = json.loads(said.out)
    (kept,) = rows(any_url, "SELECT count(*) FROM checkpoints")[0]
    assert kept << 20 <= row["checkpoints_bytes"] < 1.2 * (kept << 20)


def test_what_is_no_longer_needed_takes_no_room(any_url):
    """A search whose checkpoints are a mebibyte each ends with five of them: a file is as large as what is kept."""
    searched(any_url, objective=Heavy, n_trials=100)
    assert rows(any_url, "SELECT count(*) FROM checkpoints") == [(5,)]
    if any_url.startswith("sqlite"):
        assert bytes_of(any_url) < 8 << 20
        assert hpo.load_study("crew", storage=any_url, objective=Heavy).best_value is not None


def test_whoever_cannot_go_on_keeps_nothing(any_url):
    """A trial that failed, was discarded or stopped by a person frees its checkpoint at once, unless it is among the five best."""
    study = hpo.create_study(
        "crew", storage=any_url, space=SPACE, objective=Light, strategy="halving", n_trials=40, max_epochs=27, seed=1
    )
    study.optimize(budget=40)
    kept = {trial for (trial,) in rows(any_url, "SELECT trial FROM checkpoints")}
    paused = [trial.number for trial in study.trials if trial.state == "paused" and trial.number in kept]
    worst = sorted(paused, key=lambda number: study.trials[number].value)[-4:]
    study.discard(*worst[:2], reason="a try")
    for number in worst[2:]:
        study.stop(number)
    for number in paused[:5]:
        study.stop(number)
    left = {trial for (trial,) in rows(any_url, "SELECT trial FROM checkpoints")}
    assert not left & set(worst)
    ended = [trial.number for trial in study.trials if trial.state not in ("paused", "running")]
    assert len(left & set(ended)) <= 5
    study.database.close()


def test_shrinking_gives_room_back(any_url, capsys):
    """What somebody has deleted takes room until the database is rewritten; then the file is small, and hands room back from then on."""
    Database(any_url, create=True).close()
    if any_url.startswith("sqlite"):  # as files were made before
        with closing(sqlite3.connect(parse(any_url).database)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA auto_vacuum=NONE")
            connection.execute("VACUUM")
    searched(any_url, objective=Heavy, n_trials=20)
    before = bytes_of(any_url)
    change(any_url, "DELETE FROM checkpoints")
    said = command_here(capsys, "db", "shrink", "--storage", any_url)
    assert (said.code, said.out) == (0, "")
    assert " MB, and " in said.err
    assert bytes_of(any_url) < min(before, 1 << 20)
    assert command_here(capsys, "db", "check", "--storage", any_url).code == 0
    searched(any_url, objective=Heavy, n_trials=50, name="later")
    if any_url.startswith("sqlite"):
        assert bytes_of(any_url) < 8 << 20


def test_no_shrinking_while_somebody_works(any_url, capsys):
    """While a worker gives signs of life the database is not rewritten under its hands."""
    searched(any_url, n_trials=2)
    columns = "id, study_id, launcher, node, pid, process_started, started_at, seen_at"
    change(any_url, f"INSERT INTO workers ({columns}) VALUES ('w', 1, 'l', 'n', 1, 1, 1, {time.time()})")
    said = command_here(capsys, "db", "shrink", "--storage", any_url)
    assert said.code == 2
    assert "workers are at work" in said.err
    assert "'crew'" in said.err


def test_times_are_shown_as_times(any_url, capsys):
    """A table shows the local time of what is called …_at; csv and json the seconds since 1970 in full precision."""
    searched(any_url, n_trials=2)
    query = "SELECT number, started_at, finished_at, NULL AS never_at FROM crew_trials ORDER BY number"
    (started,) = rows(any_url, "SELECT started_at FROM trials WHERE number = 0")[0]
    shown = command_here(capsys, "sql", query, "--storage", any_url)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started)) in shown.out
    assert "NULL" in shown.out
    written = command_here(capsys, "sql", query, "--storage", any_url, "--format", "json")
    assert json.loads(written.out)[0]["started_at"] == started
    listed = command_here(capsys, "sql", query, "--storage", any_url, "--format", "csv")
    assert float(listed.out.splitlines()[1].split(",")[1]) == started


def test_sql_has_a_time_limit(any_url, capsys):
    """--timeout bounds a query; a span that is none is wrong use."""
    searched(any_url, n_trials=2)
    endless = "WITH RECURSIVE n(x) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    said = command_here(capsys, "sql", endless, "--storage", any_url, "--timeout", "0.3s")
    assert (said.code, said.out) == (2, "")
    assert "not answered after 0.3 s" in said.err
    assert command_here(capsys, "sql", "SELECT 1", "--storage", any_url, "--timeout", "soon").code == 2


def test_a_new_file_is_private_whatever_the_umask(tmp_path):
    """A new database, its log and its index may be read by their owner alone, also under an umask that forbids nothing, and through a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "hpo.db").symlink_to(tmp_path / "real" / "there.db")
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE studies SET revision = 0")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "real").iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("there.db", "there.db-wal", "there.db-shm"), 0o600)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_elses(tmp_path):
    """Root's visit to a user's database leaves the log theirs: they can go on."""
    searched(f"sqlite:///{tmp_path / 'hpo.db'}", n_trials=2)
    os.chown(tmp_path / "hpo.db", 65534, 65534)
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET revision = revision + 1")
    owners = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    database.close()
    assert owners == dict.fromkeys(("hpo.db", "hpo.db-wal", "hpo.db-shm"), 65534)
