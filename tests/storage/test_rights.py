"""PostgreSQL: a schema of one's own, and what a role must be allowed to do."""

import gc
from contextlib import closing

import psycopg
import pytest
from command_line import command_here
from crew import SPACE
from evidence import wait_until
from test_upgrading import Falling

import hpo
from storage.database import Database
from storage.errors import StorageError
from storage.questions.readonly import read_only_query
from storage.upkeep.integrity import examine
from storage.upkeep.shrinking import shrink

WORKING = """
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""
READING = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
MAKING = "GRANT CREATE ON SCHEMA public TO {role}"


@pytest.fixture
def url(postgres):
    """The URL of an empty database on the server, which is dropped in the end."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)


def run_as(url, role, *statements):
    """Make a role, allow it what the statements say, and return the URL by which it connects."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(f"CREATE ROLE {role} LOGIN")
        for statement in statements:
            connection.execute(statement.format(role=role))
    return url.replace("tester@", f"{role}@")


def made(url, name, n_trials=6):
    """Make a study, search, and close the database; return the best value."""
    settings = {"space": SPACE, "objective": Falling, "strategy": "halving", "seed": 4, "max_epochs": 9}
    study = hpo.create_study(name, storage=url, n_trials=n_trials, **settings)
    study.optimize()
    study.database.close()
    return study.best_value


def asked(url, query):
    with read_only_query(url, query) as answer:
        return list(answer.rows)


def test_a_schema_of_ones_own(url, capsys):
    """With a search_path in the URL everything lives in that schema: tables, views, upgrades, checks, sizes, questions."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA team")
    theirs = f"{url}?options=-csearch_path%3Dteam"
    assert made(theirs, "crew") == made(url, "crew")
    with psycopg.connect(url) as connection:
        count = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = %s::regnamespace"
        counts = [connection.execute(count, (schema,)).fetchone() for schema in ("team", "public")]
    assert counts[0] == counts[1]
    assert [each.check for each in examine(theirs) if each.faults] == []
    assert asked(theirs, "SELECT count(*) FROM crew_trials") == [(6,)]
    assert made(theirs, "second") is not None
    assert asked(theirs, "SELECT count(*) FROM studies") == [(2,)]
    assert asked(url, "SELECT count(*) FROM studies") == [(1,)]
    for command in ("check", "size", "shrink"):
        assert command_here(capsys, "db", command, "--storage", theirs).code == 0


def test_who_may_write_rows_works_on_studies(url):
    """Without the right to create anything a role resumes a search, asks and tells; a new study is refused, and says why."""
    settings = {"space": SPACE, "objective": Falling, "strategy": "halving", "seed": 4, "max_epochs": 9, "n_trials": 6}
    hpo.create_study("crew", storage=url, **settings).database.close()
    theirs = run_as(url, "works", WORKING)
    study = hpo.load_study("crew", storage=theirs, objective=Falling)
    study.optimize()
    assert len(study.trials) == 6
    study.database.close()
    with pytest.raises(StorageError, match=r"this user may not do that.*permission denied for schema public"):
        made(theirs, "second")
    assert asked(url, "SELECT name FROM studies") == [("crew",)]


def test_who_owns_no_table_shrinks_none(url):
    """PostgreSQL passes over what a role may not rewrite, with a warning: that is no success."""
    made(url, "crew")
    refused = pytest.raises(StorageError, match=r"not all of it was rewritten .*only the owner of the tables can")
    with closing(Database(run_as(url, "works", WORKING))) as theirs, refused:
        shrink(theirs)
    with closing(Database(url)) as ours:
        before, after = shrink(ours)
    assert 0 < after <= before


def test_somebody_s_own_view_is_named(url):
    """A view over ours, which PostgreSQL keeps: what would make ours anew says which is in the way, and changes nothing."""
    made(url, "crew")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE VIEW mine AS SELECT number, value FROM crew_trials")
        connection.execute("CREATE VIEW dashboard AS SELECT * FROM leaderboard")
    with hpo.load_study("crew", storage=url) as study:
        said = "somebody's own view shows it: drop that one, and make it again afterwards .*view {} depends on view {}"
        with pytest.raises(StorageError, match=said.format("mine", "crew_trials")):
            study.rename("other")
        with pytest.raises(StorageError, match=said.format("dashboard", "leaderboard")):
            study.database.upgrade()
        assert hpo.load_study("crew", storage=url).interventions == []


def test_a_study_that_is_dropped_hangs_up(url):
    """Its place on the server is free at once, not when Python happens to look for cycles; `close` frees it as well."""
    made(url, "crew")
    lines = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hpo' AND datname = current_database()"
    gc.disable()
    try:
        for _ in range(5):
            assert hpo.load_study("crew", storage=url).best_value is not None
        kept = [hpo.load_study("crew", storage=url) for _ in range(3)]
        wait_until(url, f"SELECT 4 - ({lines})", 1)
        for study in kept:
            study.close()
        wait_until(url, f"SELECT 1 - ({lines})", 1)
        assert kept[0].best_value is not None
    finally:
        gc.enable()


def test_who_may_create_makes_studies(url):
    """With the right to create in the schema as well, a role makes studies of its own."""
    made(url, "crew")
    assert made(run_as(url, "makes", WORKING, MAKING), "second") is not None
    assert asked(url, "SELECT count(*) FROM second_trials") == [(6,)]


def test_who_may_read_looks(url, capsys, tmp_path):
    """With the right to read a role can list, show, ask, check and take copies; a search is refused, and says why."""
    made(url, "crew")
    theirs = run_as(url, "reads", READING)
    for words in (
        ("list",),
        ("show", "crew"),
        ("trials", "crew"),
        ("sql", "SELECT * FROM leaderboard"),
        ("db", "check"),
        ("export", "crew", "--output", tmp_path / "crew.hpo"),
        ("copy", "crew", "--to", f"sqlite:///{tmp_path / 'copy.db'}"),
    ):
        said = command_here(capsys, *words, "--storage", theirs)
        assert said.code == 0, said
    study = hpo.load_study("crew", storage=theirs, objective=Falling)
    with pytest.raises(StorageError, match=r"this user may not do that.*permission denied for table"):
        study.optimize(n_trials=9)
    study.database.close()


def test_who_may_nothing_is_told(url):
    """A role without any right is told that it may not, and which table that is about."""
    made(url, "crew")
    with pytest.raises(StorageError, match=r"this user may not do that.*permission denied"):
        Database(run_as(url, "nobody"))
