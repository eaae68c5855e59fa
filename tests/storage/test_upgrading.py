"""An older database: refused with what to do, upgraded by an explicit command, and then searched on as if nothing had been."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command as alembic
from alembic.config import Config
from command_line import command_here, environment
from crew import SPACE, content
from evidence import PATIENCE, change, evidence, rows, wait_until
from test_schema import shape

import hpo
import storage.schema.migrations
from storage.connection.engines import open_engine, parse
from storage.database import Database
from storage.errors import StorageError
from storage.schema.tables import SCHEMA, VERSION_TABLE, metadata
from storage.schema.views import STABLE_VIEWS, create_view
from storage.upkeep.integrity import examine

ROOT = Path(__file__).parents[2]
FOLDER = Path(storage.schema.migrations.__file__).parent
VERSIONS = {"first": "0001", "second": "0002"}
NEW_IN = {
    "0001": {"tables": {"confirmations", "interventions"}, "views": {"confirmed", "best_by_choice"}},
    "0002": {"tables": {"interventions"}, "views": {"best_by_choice"}},
}
"""By version: what later ones have added."""

NEW_COLUMNS = {"retries": 2, "edition": 1}
"""What is in the columns that are not empty after an upgrade: it makes another edition of each study."""

UPGRADE = "import sys; from storage.database import Database; Database(sys.argv[1], older=True).upgrade()"
SEARCH = "import sys, hpo; from slow import Slow; hpo.load_study('crew', storage=sys.argv[1], objective=Slow).optimize(n_jobs=1)"
SLOW = """
import time

class Slow:
    def __init__(self, params, seed):
        self.value = params["x"]
    def train_epoch(self):
        time.sleep(0.05)
        return self.value
    def state(self):
        return {}
    def restore(self, state):
        pass
"""


class Falling:
    """An objective that can pause: its value falls, by steps that depend on its seed."""

    def __init__(self, params, seed):
        self.value, self.step = params["x"], 1 + seed % 7

    def train_epoch(self):
        self.value -= self.step / 100
        return {"value": self.value, "step": self.step}

    def state(self):
        return {"value": self.value}

    def restore(self, state):
        self.value = state["value"]


def searched(place, **targets):
    """A search of 18 trials by halving, in the database at `place`, as far as the targets go."""
    settings = {"space": SPACE, "objective": Falling, "strategy": "halving", "seed": 4, "max_epochs": 9}
    study = hpo.create_study("crew", storage=place, n_trials=18, **settings)
    study.optimize(**targets)
    study.database.close()


def made_old(url, version, source):
    """Make a database of an older version at `url`, and put into it all the rows of `source` that it has columns for."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = open_engine(parse(url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, version)
        views = STABLE_VIEWS[connection.dialect.name]
        for name in views.keys() - NEW_IN[version]["views"]:
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {views[name]}")
        connection.exec_driver_sql(create_view(connection.dialect, "crew_trials", 1, SPACE))
        sign = "?" if connection.dialect.name == "sqlite" else "%s"
        for table in metadata.sorted_tables:
            if table.name in NEW_IN[version]["tables"]:
                continue
            columns = [column["name"] for column in sa.inspect(connection).get_columns(table.name)]
            old_rows = rows(source, f"SELECT {', '.join(columns)} FROM {table.name}")
            if old_rows:
                into = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(sign for _ in columns)})"
                connection.connection.cursor().executemany(into, old_rows)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT setval('studies_id_seq', 1)")
    engine.dispose()


def version_in(url):
    """The schema's version."""
    return rows(url, f"SELECT version_num FROM {VERSION_TABLE}")


def kept_in(url, version):
    """Every row of every table of a version, by the columns that the version has."""
    engine = open_engine(parse(url))
    with engine.connect() as connection:
        names = [table.name for table in metadata.sorted_tables if table.name not in NEW_IN[version]["tables"]]
        columns = {name: [column["name"] for column in sa.inspect(connection).get_columns(name)] for name in names}
    engine.dispose()
    return {name: ask(url, name, columns[name]) for name in names}, columns


def ask(url, table, columns):
    return rows(url, f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2")


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A database of this version, with a search half done."""
    path = tmp_path_factory.mktemp("half") / "hpo.db"
    searched(path, budget=12)
    return path


@pytest.fixture(params=VERSIONS.values(), ids=VERSIONS.keys())
def old(request, half, any_url):
    """The same in a database of an older version, of each kind."""
    made_old(any_url, request.param, half)
    return any_url, request.param


def upgraded(url):
    """Upgrade a database; return the version that it had."""
    with closing(Database(url, older=True)) as database:
        return database.upgrade()


def test_an_older_database_is_refused_and_not_touched(old):
    """Neither reading nor writing migrates behind anybody's back; the message is the command that does."""
    url, version = old
    before = kept_in(url, version)
    for create in (False, True):
        with pytest.raises(StorageError, match=f"has schema {version}, which is older than this program's") as refused:
            Database(url, create=create)
        assert "hpo db upgrade --storage " in str(refused.value)
    assert kept_in(url, version) == before
    assert version_in(url) == [(version,)]


def test_an_upgrade_keeps_every_row(old, half):
    """What was in the tables is in them still; what is new is empty; the schema is that of a database just made."""
    url, version = old
    before, columns = kept_in(url, version)
    assert upgraded(url) == version
    for table, kept in before.items():
        assert ask(url, table, columns[table]) == kept
    fresh = [column.name for column in metadata.tables["studies"].c if column.name not in columns["studies"]]
    (values,) = rows(url, f"SELECT {', '.join(fresh)} FROM studies")
    assert dict(zip(fresh, values, strict=True)) == dict.fromkeys(fresh) | NEW_COLUMNS
    assert all(rows(url, f"SELECT count(*) FROM {table}") == [(0,)] for table in NEW_IN[version]["tables"])
    assert [each.check for each in examine(url) if each.faults] == []
    if url.startswith("sqlite"):
        assert shape(parse(url).database) == shape(half)


def test_the_views_work_after_an_upgrade(old, half):
    """Every stable view and the study's own typed one answer as in a database of this version."""
    url, _ = old
    upgraded(url)
    for name in (*STABLE_VIEWS["sqlite"], "crew_trials"):
        query = f"SELECT * FROM {name} ORDER BY 1, 2, 3"
        assert rows(url, query) == rows(half, query)


def test_a_search_goes_on_after_an_upgrade(old, tmp_path):
    """Begun in the old database and finished after the upgrade, it is bit for bit the search that knew no upgrade."""
    url, _ = old
    upgraded(url)
    study = hpo.load_study("crew", storage=url, objective=Falling)
    begun = len(study.trials)
    study.optimize(budget=1000)
    searched(tmp_path / "whole.db", budget=1000)
    assert begun < len(study.trials) == 18
    assert evidence(url) == evidence(tmp_path / "whole.db")
    assert study.confirm(2, 3)[0].mean is not None
    study.database.close()


def test_an_upgrade_that_fails_changes_nothing(old, monkeypatch):
    """Whatever goes wrong on the way, the database is as it was before, and can be upgraded afterwards."""
    url, version = old
    before = kept_in(url, version)
    for views in STABLE_VIEWS.values():
        monkeypatch.setitem(views, "leaderboard", "no SQL")
    with pytest.raises(StorageError, match="syntax error"):
        upgraded(url)
    assert (kept_in(url, version), version_in(url)) == (before, [(version,)])
    monkeypatch.undo()
    assert upgraded(url) == version


def writing(url):
    """Whether somebody is in the middle of writing: on PostgreSQL, held up by a lock."""
    if not url.startswith("sqlite"):
        return rows(url, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0
    with closing(sqlite3.connect(parse(url).database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_an_upgrade_that_is_killed_changes_nothing(old):
    """SIGKILL in the middle of an upgrade: the database is the old one, whole, and can be upgraded afterwards."""
    url, version = old
    before = kept_in(url, version)
    reader = None
    if not url.startswith("sqlite"):  # the upgrade has begun when it waits for this reader
        reader = psycopg.connect(url)
        reader.execute("SELECT * FROM trials")
    process = subprocess.Popen([sys.executable, "-c", UPGRADE, url], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not writing(url):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.wait()
    if reader is not None:
        reader.close()
    assert (kept_in(url, version), version_in(url)) == (before, [(version,)])
    assert upgraded(url) == version


def test_two_upgrades_at_once(old):
    """Of two upgrades side by side one does the work, and both succeed."""
    url, version = old
    before, columns = kept_in(url, version)
    line = [sys.executable, "-m", "hpo", "db", "upgrade", "--storage", url]
    crew = [subprocess.Popen(line, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE)[1] for process in crew]
    assert [process.returncode for process in crew] == [0, 0], said
    assert any(f"upgraded from schema {version}" in line for line in said)
    assert {table: ask(url, table, columns[table]) for table in before} == before
    assert version_in(url) == [(SCHEMA,)]


@pytest.fixture
def at_work(any_url, tmp_path):
    """A database with a process that searches in it, and that process."""
    study = hpo.create_study("crew", storage=any_url, space=SPACE, objective=Falling, n_trials=200, max_epochs=20)
    study.database.close()
    (tmp_path / "slow.py").write_text(SLOW)
    place = environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path)]))
    process = subprocess.Popen([sys.executable, "-c", SEARCH, any_url], env=place, stderr=subprocess.PIPE, text=True)
    wait_until(any_url, "SELECT count(*) FROM measurements", 3)
    yield any_url, process
    process.kill()
    process.wait()
    process.stderr.close()


def test_no_upgrade_while_somebody_works(at_work):
    """While a worker is at work an upgrade is refused and changes nothing; the search goes on."""
    url, process = at_work
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '0002'")  # as if the worker were of that version
    with pytest.raises(StorageError, match=r"workers are at work in .*, on 'crew': stop them first"):
        upgraded(url)
    assert version_in(url) == [("0002",)]
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '{SCHEMA}'")
    (so_far,) = rows(url, "SELECT count(*) FROM measurements")[0]
    wait_until(url, "SELECT count(*) FROM measurements", so_far + 3)
    assert process.poll() is None


def test_a_worker_of_an_older_version_notices(at_work):
    """Upgraded under a worker's feet, the database takes what it has measured; it ends, and says what to do."""
    url, process = at_work
    measured = content(url)["measurements"]
    change(url, "ALTER TABLE trials ADD COLUMN novelty INTEGER NOT NULL DEFAULT 7")  # what a later version may do …
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    change(url, "UPDATE studies SET edition = edition + 1")  # … and what every upgrade does
    said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode != 0
    assert "schema 9999, which is newer than this program's" in said
    assert "pip install --upgrade hpo" in said
    change(url, "ALTER TABLE trials DROP COLUMN novelty") if not url.startswith("sqlite") else None
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '{SCHEMA}'")
    assert set(measured) <= set(content(url)["measurements"])
    faults = [fault for each in examine(url) for fault in each.faults if each.check != "schema" and not fault.harmless]
    assert faults == []


def test_the_command(old, capsys, monkeypatch):
    """`hpo db upgrade` upgrades the database that --storage or HPO_STORAGE names, and says so; again, that there is nothing to upgrade."""
    url, version = old
    monkeypatch.setenv("HPO_STORAGE", url)
    refused = command_here(capsys, "show", "crew")
    assert (refused.code, refused.out) == (2, "")
    (line,) = [part for part in refused.err.partition("upgrade it: hpo ")[2:] if part]
    said = command_here(capsys, *line.split())
    assert (said.code, said.out) == (0, "")
    assert f"upgraded from schema {version} to {SCHEMA}" in said.err
    again = command_here(capsys, "db", "upgrade")
    assert again.code == 0
    assert "nothing to upgrade" in again.err
    assert command_here(capsys, "show", "crew").code == 0


def test_a_view_that_is_gone_is_made_anew(any_url, capsys):
    """`hpo db check` tells of it, and of the command that makes it; nothing else of the database changes."""
    searched(any_url)
    before = content(any_url)
    change(any_url, "DROP VIEW best_by_choice")
    told = command_here(capsys, "db", "check", "--storage", any_url, "--format", "json")
    assert told.code == 1
    assert "`hpo db upgrade` makes the view anew" in told.out
    assert command_here(capsys, "db", "upgrade", "--storage", any_url).code == 0
    assert command_here(capsys, "db", "check", "--storage", any_url).code == 0
    assert content(any_url) == before


@pytest.mark.parametrize(
    ("version", "said"), [("9999", "pip install --upgrade hpo"), ("0000", "hpo db upgrade --storage")]
)
def test_questions_are_for_this_versions_schema(url, capsys, version, said):
    """A newer schema and an older one are refused by `hpo sql` as by every command: its views are not those described."""
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
    asked = command_here(capsys, "sql", "SELECT 1", "--storage", url)
    checked = command_here(capsys, "db", "check", "--storage", url)
    assert (asked.code, asked.out, asked.err) == (2, "", checked.err)
    assert f"has schema {version}" in asked.err
    assert said in asked.err


@pytest.mark.parametrize(
    ("version", "fragments"),
    [("9999", ["9999", "newer than", "pip install --upgrade hpo"]), ("0000", ["0000", "no release", "restore"])],
)
def test_what_cannot_be_upgraded(half, tmp_path, capsys, version, fragments):
    """A newer schema, and one that no release has made, are refused by the command, and left as they were."""
    path = tmp_path / "hpo.db"
    with closing(sqlite3.connect(half)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))
        target.commit()
    before = content(path)
    said = command_here(capsys, "db", "upgrade", "--storage", path)
    assert (said.code, said.out) == (2, "")
    for fragment in fragments:
        assert fragment in said.err
    assert content(path) == before
    assert version_in(path) == [(version,)]


def test_no_database_is_made_by_an_upgrade(tmp_path, capsys):
    """Where there is none, the command says so and makes none."""
    said = command_here(capsys, "db", "upgrade", "--storage", tmp_path / "hpo.db")
    assert said.code == 2
    assert "there is no database at" in said.err
    assert list(tmp_path.iterdir()) == []
