"""An older database: refused with what to do, upgraded by an explicit command, and then searched on as if nothing had been."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command as alembic
from alembic.config import Config
from command_line import command_here
from crew import SPACE
from evidence import evidence, rows
from test_schema import shape

import hpo
import storage.migrations
from storage.database import Database
from storage.errors import StorageError
from storage.tables import SCHEMA, VERSION_TABLE
from storage.views import STABLE_VIEWS

FOLDER = Path(storage.migrations.__file__).parent
VERSIONS = {"first": "0001", "second": "0002"}
NEW_IN = {
    "0001": {"tables": {"confirmations", "interventions"}, "views": {"confirmed"}},
    "0002": {"tables": {"interventions"}, "views": set()},
}
"""By version: what later ones have added."""


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


def searched(path, **targets):
    """A search of 18 trials by halving, in the file at `path`, as far as the targets go."""
    settings = {"space": SPACE, "objective": Falling, "strategy": "halving", "seed": 4, "max_epochs": 9}
    study = hpo.create_study("crew", storage=path, n_trials=18, **settings)
    study.optimize(**targets)
    study.database.close()


def made_old(path, version, source):
    """Make a database of an older version, and put into it all the rows of `source` that it has columns for."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, version)
    engine.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS source", (str(source),))
        ask = lambda query: [row[0] for row in connection.execute(query)]  # noqa: E731 - a name for a method call
        for table in ask("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            if table != VERSION_TABLE:
                columns = ", ".join(ask(f"SELECT name FROM pragma_table_info('{table}', 'main')"))
                connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table}")
        for name in {*STABLE_VIEWS, "crew_trials"} - NEW_IN[version]["views"]:
            (text,) = ask(f"SELECT sql FROM source.sqlite_master WHERE name = '{name}'")
            connection.execute(text)


def content(path):
    """Every row of every table of the first version, column by column."""
    tables = ("studies", "trials", "jobs", "measurements", "checkpoints", "workers", "sqlite_sequence")
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A database of this version, with a search half done."""
    path = tmp_path_factory.mktemp("half") / "hpo.db"
    searched(path, budget=12)
    return path


@pytest.fixture(params=VERSIONS.values(), ids=VERSIONS.keys())
def old(request, half, tmp_path):
    """The same in a database of an older version."""
    made_old(tmp_path / "old.db", request.param, half)
    return tmp_path / "old.db", request.param


def test_an_older_database_is_refused_and_not_touched(old):
    """Neither reading nor writing migrates behind anybody's back; the message is the command that does."""
    path, version = old
    before = path.read_bytes()
    for create in (False, True):
        with pytest.raises(StorageError, match=f"has schema {version}, which is older than this program's") as refused:
            Database(f"sqlite:///{path}", create=create)
        assert f"hpo db upgrade --storage sqlite:///{path}" in str(refused.value)
    assert path.read_bytes() == before


def test_an_upgrade_keeps_every_row(old, half):
    """What was in the tables is in them still; what is new is empty; the schema is that of a database just made."""
    path, version = old
    before = content(path)
    database = Database(f"sqlite:///{path}", older=True)
    assert database.upgrade() == version
    database.close()
    after = content(path)
    for table, kept in before.items():
        found = [{name: row[name] for name in row if name in (kept[0] if kept else ())} for row in after[table]]
        assert found == kept
        new = {"retries": 2, "edition": 0}
        assert all(row[name] == new.get(name) for row in after[table] for name in row.keys() - kept[0].keys())
    assert all(rows(path, f"SELECT count(*) FROM {table}") == [(0,)] for table in NEW_IN[version]["tables"])
    assert shape(path) == shape(half)


def test_the_views_work_after_an_upgrade(old, half):
    """Every stable view and the study's own typed one answer as in a database of this version."""
    path, _ = old
    Database(f"sqlite:///{path}", older=True).upgrade()
    for name in (*STABLE_VIEWS, "crew_trials"):
        query = f"SELECT * FROM {name} ORDER BY 1, 2, 3"
        assert rows(path, query) == rows(half, query)
    assert rows(path, "SELECT typeof(x), count(*) FROM crew_trials") == [("real", len(content(path)["trials"]))]


def test_a_search_goes_on_after_an_upgrade(old, tmp_path):
    """Begun in the old database and finished after the upgrade, it is bit for bit the search that knew no upgrade."""
    path, _ = old
    Database(f"sqlite:///{path}", older=True).upgrade()
    study = hpo.load_study("crew", storage=path, objective=Falling)
    begun = len(study.trials)
    study.optimize(budget=1000)
    searched(tmp_path / "whole.db", budget=1000)
    assert begun < len(study.trials) == 18
    assert evidence(path) == evidence(tmp_path / "whole.db")
    assert study.confirm(2, 3)[0].mean is not None


def test_an_upgrade_that_fails_changes_nothing(old, monkeypatch):
    """Whatever goes wrong on the way, the database is as it was before, and can be upgraded afterwards."""
    path, version = old
    before = content(path)
    monkeypatch.setitem(STABLE_VIEWS, "leaderboard", "no SQL")
    database = Database(f"sqlite:///{path}", older=True)
    with pytest.raises(StorageError, match="syntax error"):
        database.upgrade()
    assert content(path) == before
    monkeypatch.undo()
    assert database.upgrade() == version
    database.close()


def test_the_command(old, capsys, monkeypatch):
    """`hpo db upgrade` upgrades the database that --storage or HPO_STORAGE names, and says so; again, that there is nothing to do."""
    path, version = old
    monkeypatch.setenv("HPO_STORAGE", str(path))
    refused = command_here(capsys, "show", "crew")
    assert (refused.code, refused.out) == (2, "")
    (line,) = [part for part in refused.err.partition("upgrade it: hpo ")[2:] if part]
    said = command_here(capsys, *line.split())
    assert (said.code, said.out) == (0, "")
    assert f"upgraded from schema {version} to {SCHEMA}" in said.err
    again = command_here(capsys, "db", "upgrade")
    assert again.code == 0
    assert "nothing to do" in again.err
    assert command_here(capsys, "show", "crew").code == 0


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
    assert rows(path, f"SELECT * FROM {VERSION_TABLE}") == [(version,)]


def test_no_database_is_made_by_an_upgrade(tmp_path, capsys):
    """Where there is none, the command says so and makes none."""
    said = command_here(capsys, "db", "upgrade", "--storage", tmp_path / "hpo.db")
    assert said.code == 2
    assert "there is no database at" in said.err
    assert list(tmp_path.iterdir()) == []
