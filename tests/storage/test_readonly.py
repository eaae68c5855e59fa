"""SQL of one's own: it answers, and whatever it says it changes nothing."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from storage.database import Database
from storage.errors import StorageError
from storage.questions.readonly import read_only_query
from storage.studies import StudySpec, create_study
from strategies import Float, Space, Strategy, Targets

ROOT = Path(__file__).parents[2]

HARMLESS = {
    "SELECT name FROM studies": [("digits",)],
    "select name from studies;": [("digits",)],
    "-- a comment\nSELECT 1 /* another */": [(1,)],
    "VALUES (1), (2)": [(1,), (2,)],
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3) SELECT x FROM n": [(1,), (2,), (3,)],
    "SELECT count(*) FROM digits_trials": [(0,)],
    "SELECT value FROM json_each('[7, 8]')": [(7,), (8,)],
    "SELECT name FROM pragma_table_info('checkpoints') WHERE cid = 0": [("study_id",)],
    "SELECT replace('insert', 'in', 'des')": [("dessert",)],
}

HOSTILE = [
    "INSERT INTO studies SELECT * FROM studies",
    "INSERT OR REPLACE INTO trials(study_id) VALUES (1)",
    "REPLACE INTO studies SELECT * FROM studies",
    "UPDATE studies SET name = 'mine'",
    "DELETE FROM studies",
    "delete/**/from studies",
    "WITH gone AS (SELECT 1) DELETE FROM studies",
    "WITH more AS (SELECT 1) INSERT INTO workers(id) SELECT * FROM more",
    "UPDATE studies SET name = 'mine' RETURNING name",
    "DROP TABLE studies",
    "DROP VIEW leaderboard",
    "ALTER TABLE studies RENAME TO mine",
    "ALTER TABLE studies ADD COLUMN mine",
    "CREATE TABLE mine(x)",
    "CREATE TEMP TABLE mine(x)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE TEMP VIEW mine AS SELECT 1",
    "CREATE INDEX mine ON studies(name)",
    "CREATE TRIGGER mine AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
    "CREATE VIRTUAL TABLE mine USING fts5(x)",
    "ATTACH 'hpo.db' AS mine",
    "ATTACH 'file:hpo.db?mode=rw' AS mine",
    "ATTACH 'new.db' AS mine",
    "ATTACH ':memory:' AS mine",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'new.db'",
    "REINDEX",
    "ANALYZE",
    "BEGIN IMMEDIATE",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "SAVEPOINT mine",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode",
    "PRAGMA writable_schema = 1",
    "PRAGMA query_only = 0",
    "PRAGMA user_version = 9",
    "PRAGMA application_id = 9",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA temp_store_directory = '.'",
    "PRAGMA optimize",
    "UPDATE sqlite_master SET sql = ''",
    "INSERT INTO sqlite_master VALUES ('table', 'mine', 'mine', 2, 'CREATE TABLE mine(x)')",
    "SELECT load_extension('mine')",
    "SELECT writefile('new.txt', 'mine')",
    "SELECT fts3_tokenizer('mine', x'00')",
    "SELECT 1; DELETE FROM studies",
    "SELECT 1; -- \nDROP TABLE studies",
    "EXPLAIN DELETE FROM studies",
    "",
    "  ",
    "-- nothing",
    ";",
    "SELECT 'a\x00b'",
    "SELECT '\ud800'",
]


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The URL of a database with one study, in a folder with nothing else."""
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///hpo.db", create=True)
    create_study(database, StudySpec("digits", Space(x=Float(0, 1)), Strategy(), {"kind": "none"}, 1, Targets(1)))
    database.close()
    return "sqlite:///hpo.db"


def ask(url, query, **options):
    with read_only_query(url, query, **options) as answer:
        return list(answer.rows)


@pytest.mark.parametrize("query", HARMLESS)
def test_reading_answers(url, query):
    """What reads is answered: queries, comments, recursion, JSON, the schema."""
    assert ask(url, query) == HARMLESS[query]


def test_plans_can_be_explained(url):
    """EXPLAIN of a query is reading, too."""
    assert ask(url, "EXPLAIN QUERY PLAN SELECT * FROM studies")
    assert ask(url, "EXPLAIN SELECT * FROM studies")


@pytest.mark.parametrize("query", HOSTILE)
def test_nothing_else_passes(url, query, tmp_path):
    """Whatever is no single reading statement is refused; no byte changes and no file appears."""
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StorageError):
        ask(url, query)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("query", ["DELETE FROM studies", "VACUUM", "SELECT load_extension('x')", "ATTACH 'x' AS x"])
def test_the_refusal_says_why(url, query):
    """An attempt to write is told that this only reads."""
    with pytest.raises(StorageError, match="only reads"):
        ask(url, query)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM digits_trial", r"no such table: digits_trial; did you mean digits_trials"),
        ("SELECT * FROM zzz", "there are: .*leaderboard"),
        ("SELECT valeu FROM digits_trials", r"no such column: valeu; did you mean value\b"),
        ("SELECT t.valeu FROM digits_trials t", r"no such column: t.valeu; did you mean value\b"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("", "no statement to run"),
    ],
)
def test_mistakes_are_explained(url, query, message):
    """A mistake is named, with the nearest names that exist."""
    with pytest.raises(StorageError, match=message):
        ask(url, query)


@pytest.mark.parametrize(
    ("url", "content", "message"),
    [
        ("sqlite:///none.db", None, "there is no database at none.db"),
        ("sqlite:///text.db", b"not a database at all, but long enough to be one", "text.db is not an SQLite database"),
        ("nonsense", None, "not a database URL"),
    ],
)
def test_what_cannot_be_asked(url, content, message, tmp_path, monkeypatch):
    """What is no database is named; nothing is made in its place."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("text.db").write_bytes(content)
    before = set(tmp_path.iterdir())
    with pytest.raises(StorageError, match=message):
        ask(url, "SELECT * FROM studies")
    assert set(tmp_path.iterdir()) == before


def test_reading_beside_a_writer(url):
    """While another connection is in the middle of writing, a query sees what was committed."""
    writer = sqlite3.connect("hpo.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE studies SET name = 'later'")
    assert ask(url, "SELECT name FROM studies") == [("digits",)]
    writer.execute("COMMIT")
    assert ask(url, "SELECT name FROM studies") == [("later",)]
    writer.close()


def test_ctrl_c_ends_a_query(url):
    """A query that would run for ever ends with KeyboardInterrupt soon after SIGINT."""
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask(url, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")


@pytest.mark.parametrize("query", ["SELECT max(x) FROM n", "SELECT x FROM n WHERE x < 0"])
def test_a_query_has_a_time_limit(any_url, query):
    """On both databases a query that takes longer than it may is ended, and the message says what to do."""
    Database(any_url, create=True).close()
    endless = f"WITH RECURSIVE n(x) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT x + 1 FROM n) {query}"
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"not answered after 0.5 s: ask for less, or .*--timeout"):
        ask(any_url, endless, timeout=0.5)
    assert 0.4 < time.monotonic() - began < 10


def test_a_quoted_name_is_no_text(any_url):
    """A quoted name that there is not is told, with the nearest one, and not taken for a text; one that there is, is read."""
    Database(any_url, create=True).close()
    with pytest.raises(StorageError, match=r"no such column: .?nmae.?.*name"):
        ask(any_url, 'SELECT "nmae" FROM studies')
    query = """SELECT 'it''s "a" text' AS "a ""b"" `c`", count(*) /* "d" */ AS "e" FROM "studies" -- "f"\n"""
    with read_only_query(any_url, query) as answer:
        assert answer.columns == ['a "b" `c`', "e"]
        assert list(answer.rows) == [('it\'s "a" text', 0)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(randomblob(900000000))",
        "SELECT length(hex(zeroblob(400000000)))",
    ],
)
def test_no_function_makes_gigabytes(url, query):
    """What one call would build, for seconds in which nobody can end it, is refused."""
    with pytest.raises(StorageError, match="too big"):
        ask(url, query)


def test_time_spent_on_the_answer_is_not_the_querys(any_url):
    """Only the database's own work counts towards the limit: who pages through an answer slowly gets all of it."""
    Database(any_url, create=True).close()
    count = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) SELECT x FROM n"
    with read_only_query(any_url, count, timeout=0.5) as answer:
        first = next(answer.rows)
        time.sleep(0.6)
        assert [first, *answer.rows] == [(x,) for x in range(1, 5001)]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_nobody_may_write(url):
    """A database in a folder that may only be read can be asked all the same."""
    program = (
        "import os, sys\n"
        "from storage.questions.readonly import read_only_query\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "with read_only_query(sys.argv[1], 'SELECT name FROM studies') as answer: print(list(answer.rows))"
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy("hpo.db", folder)
        Path(copy).chmod(0o444)
        Path(folder).chmod(0o555)
        line = [sys.executable, "-c", program, f"sqlite:///{copy}"]
        place = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(line, env=place, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[('digits',)]\n", "")
