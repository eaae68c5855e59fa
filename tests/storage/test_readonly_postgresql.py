"""SQL of one's own on PostgreSQL: it answers, and whatever it says, even a superuser's, it only reads."""

import os
import signal
import threading
import time

import psycopg
import pytest

from storage.database import Database
from storage.errors import StorageError
from storage.questions.readonly import read_only_query
from storage.schema.tables import metadata
from storage.studies import StudySpec, create_study
from strategies import Float, Space, Strategy, Targets

HARMLESS = {
    "SELECT name FROM studies": [("digits",)],
    "select name from studies;": [("digits",)],
    "-- a comment\nSELECT 1 /* another */": [(1,)],
    "VALUES (1), (2)": [(1,), (2,)],
    "(SELECT 1) UNION ALL SELECT 2 ORDER BY 1": [(1,), (2,)],
    "SELECT name FROM (TABLE studies) AS s": [("digits",)],
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT x FROM n": [(1,), (2,), (3,)],
    "SELECT count(*) FROM digits_trials": [(0,)],
    "SELECT objective ->> 'kind', objective FROM studies": [("none", '{"kind":"none"}')],
    "SELECT 'delete from studies; drop table studies', $$pg_sleep(1)$$, E'\\'pg_sleep(1)'": [
        ("delete from studies; drop table studies", "pg_sleep(1)", "'pg_sleep(1)")
    ],
    "SELECT 0.5::numeric, 7::numeric, 'x'::bytea, true, null, '{1,2}'::int[], '2026-01-02'::date": [
        (0.5, 7, b"x", True, None, "{1,2}", "2026-01-02")
    ],
    "SELECT random() < 1, clock_timestamp() > '2000-01-01', pg_database_size(current_database()) > 0": [(True,) * 3],
    "SELECT 1 % 2, '%s', '%'": [(1, "%s", "%")],
    "SELECT current_setting('transaction_read_only')": [("on",)],
}

HOSTILE = [
    "INSERT INTO studies SELECT * FROM studies",
    "UPDATE studies SET name = 'mine'",
    "DELETE FROM studies",
    "delete/**/from studies",
    "MERGE INTO studies s USING studies t ON false WHEN NOT MATCHED THEN DO NOTHING",
    "WITH gone AS (DELETE FROM studies RETURNING *) SELECT * FROM gone",
    "WITH gone AS (SELECT 1) DELETE FROM studies",
    "SELECT * INTO mine FROM studies",
    "SELECT * INTO TEMP mine FROM studies",
    "CREATE TABLE mine AS SELECT 1",
    "SELECT * FROM studies FOR UPDATE",
    "SELECT * FROM studies FOR SHARE",
    "TRUNCATE studies",
    "DROP TABLE studies",
    "CREATE TEMP TABLE mine(x int)",
    "COPY studies TO PROGRAM 'touch {folder}/mine'",
    "COPY studies TO '{folder}/mine'",
    "COPY studies FROM '/etc/passwd'",
    "COPY (SELECT 1) TO STDOUT",
    "DO $$BEGIN DELETE FROM studies; END$$",
    "CALL nothing()",
    "SET transaction_read_only = off",
    "SET ROLE tester",
    "RESET ROLE",
    "SET SESSION AUTHORIZATION DEFAULT",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "VACUUM",
    "LOCK TABLE studies",
    "LISTEN mine",
    "NOTIFY mine",
    "LOAD 'mine'",
    "PREPARE mine AS DELETE FROM studies",
    "EXECUTE mine",
    "DECLARE mine CURSOR FOR SELECT 1",
    "FETCH ALL FROM hpo_sql",
    "CLOSE hpo_sql",
    "SHOW data_directory",
    "CHECKPOINT",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "SELECT 1; DELETE FROM studies",
    "SELECT 1; COMMIT; DELETE FROM studies",
    "SELECT 1; -- \nDROP TABLE studies",
    "SELECT E'\\'; DELETE FROM studies; --'; DELETE FROM studies",
    "SELECT '\\'; DELETE FROM studies; --'",
    "SELECT 1 /* /* */ ; DELETE FROM studies */; DELETE FROM studies",
    "SELECT pg_sleep(60)",
    "SELECT pg_sleep_for('1 minute')",
    "SELECT PG_SLEEP(60)",
    'SELECT "pg_sleep"(60)',
    "SELECT pg_catalog.pg_sleep/* quietly */ (60)",
    'SELECT "pg_catalog" . "pg_sleep"\n(60)',
    'SELECT U&"\\0070g_sleep"(60)',
    "SELECT U&\"!0070g_sleep\" UESCAPE '!' (60)",
    "SELECT E'a'\n'\\', pg_sleep(60), '",
    "SELECT * FROM pg_sleep(60)",
    "SELECT * FROM ROWS FROM (pg_ls_dir('.'))",
    "SELECT 1 ORDER BY pg_sleep(60)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_ls_waldir()",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_file_settings",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '{folder}/mine')",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'mine')",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT set_config('role', 'tester', false)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('mine')",
    "SELECT pg_logical_emit_message(false, 'mine', 'mine')",
    "SELECT pg_notify('mine', 'mine')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT nextval('interventions_id_seq')",
    "SELECT setval('interventions_id_seq', 9)",
    "SELECT query_to_xml('DELETE FROM studies', true, true, '')",
    "SELECT query_to_xml('SELECT pg_sleep(60)', true, true, '')",
    "SELECT table_to_xml('slow', true, true, '')",
    "SELECT schema_to_xml('public', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT ts_stat('SELECT pg_sleep(60)')",
    "SELECT acting()",
    "SELECT running_sql('SELECT pg_sleep(60)')",
    "SELECT s.of_row FROM studies s",
    "SELECT (s).of_row FROM studies s",
    "SELECT of_row(s) FROM studies s",
    "EXPLAIN DELETE FROM studies",
    "EXPLAIN ANALYZE DELETE FROM studies",
    "EXPLAIN (ANALYZE) WITH gone AS (DELETE FROM studies RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE SELECT pg_sleep(60)",
    "EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1",
    "EXPLAIN ANALYZE EXECUTE mine",
    "EXPLAIN (COSTS off",
    "EXPLAIN",
    "SELECT (1",
    "",
    "  ",
    "-- nothing",
    ";",
    "SELECT 'a\x00b'",
    "SELECT '\ud800'",
]

OWN_FUNCTIONS = """
    CREATE FUNCTION acting() RETURNS int LANGUAGE sql AS 'DELETE FROM studies RETURNING 1';
    CREATE FUNCTION running_sql(text) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN 1; END';
    CREATE FUNCTION of_row(studies) RETURNS int LANGUAGE sql AS 'DELETE FROM studies RETURNING 1';
    CREATE VIEW slow AS SELECT pg_sleep(60)::text;
"""


@pytest.fixture(scope="module")
def url(postgres):
    """The URL of a database with one study and a few functions, on a superuser's connection."""
    url = postgres.new_database()
    database = Database(url, create=True)
    create_study(database, StudySpec("digits", Space(x=Float(0, 1)), Strategy(), {"kind": "none"}, 1, Targets(1)))
    database.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OWN_FUNCTIONS)
    return url


def ask(url, query, **options):
    with read_only_query(url, query, **options) as answer:
        return list(answer.rows)


def refused(url, query):
    """Whether a question is refused."""
    try:
        ask(url, query)
    except StorageError:
        return True
    return False


def state(url):
    """All that a question must not change: tables and what is in them, large objects, sequences, settings, locks."""
    names = [table.name for table in metadata.sorted_tables]
    queries = [
        *(f"SELECT * FROM {name}" for name in names),
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT oid FROM pg_largeobject_metadata",
        "SELECT last_value, is_called FROM interventions_id_seq",
        "SELECT objid FROM pg_locks WHERE locktype = 'advisory'",
        "SELECT name, setting FROM pg_settings WHERE source = 'configuration file' ORDER BY 1",
    ]
    with psycopg.connect(url) as connection:
        return [connection.execute(query).fetchall() for query in queries]


@pytest.mark.parametrize("query", HARMLESS)
def test_reading_answers(url, query):
    """What reads is answered: queries, comments, recursion, JSON, values of every kind."""
    assert ask(url, query) == HARMLESS[query]


@pytest.mark.parametrize(
    "query",
    [
        "EXPLAIN SELECT * FROM studies",
        "EXPLAIN (ANALYZE, COSTS off) SELECT * FROM studies",
        "EXPLAIN ANALYZE VERBOSE TABLE studies;",
    ],
)
def test_plans_can_be_explained(url, query):
    """EXPLAIN of a query is reading, also when it runs it."""
    assert "studies" in "".join(row[0] for row in ask(url, query))


def test_nothing_else_passes(url, tmp_path):
    """Whatever is no single reading statement is refused at once; nothing changes, nobody is ended, no file appears."""
    tmp_path.chmod(0o777)
    before = state(url)
    with psycopg.connect(url) as other:
        for query in HOSTILE:
            began = time.monotonic()
            assert refused(url, query.replace("{folder}", str(tmp_path))), query
            assert time.monotonic() - began < 5, query
        assert other.execute("SELECT 1").fetchone() == (1,)
    assert state(url) == before
    assert list(tmp_path.iterdir()) == []


def test_no_function_that_acts_is_called(url):
    """Every function of the server's that is volatile, and not known to be harmless, is refused by its name alone."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND prokind = 'f' AND pronamespace = 'pg_catalog'::regnamespace"
        ).fetchall()
    answered = []
    for (name,) in names:
        try:
            ask(url, f'SELECT "{name}"()')
        except StorageError as error:
            if "can do more" not in str(error):
                answered.append(name)
        else:
            answered.append(name)
    assert set(answered) <= {
        "bernoulli", "clock_timestamp", "current_query", "gen_random_uuid", "pg_blocking_pids", "pg_database_size",
        "pg_indexes_size", "pg_is_in_recovery", "pg_relation_size", "pg_table_size", "pg_total_relation_size", "random",
        "random_normal", "system", "timeofday", "uuidv4", "uuidv7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM digits_trial", r"no such table: digits_trial; did you mean digits_trials"),
        ("SELECT * FROM zzz", "there are: .*leaderboard"),
        ("SELECT valeu FROM digits_trials", r"no such column: valeu; did you mean value\b"),
        ("SELECT t.valeu FROM digits_trials t", r"no such column: t.valeu; did you mean value\b"),
        ("SELEC 1", 'at or near "SELEC"'),
        ("SELECT FROM WHERE", 'cannot be run: syntax error at or near "WHERE"'),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("", "no statement to run"),
        ("DELETE FROM studies", "only reads"),
        ("SELECT * INTO mine FROM studies", "only reads"),
        ("SELECT pg_sleep(1)", "only reads .pg_sleep can do more"),
        ("SELECT * FROM studies FOR UPDATE", "only reads"),
        ("SELECT 1 / 0", "cannot be run: division by zero"),
    ],
)
def test_mistakes_are_explained(url, query, message):
    """A mistake is named, with the nearest names that exist."""
    with pytest.raises(StorageError, match=message):
        ask(url, query)


def test_a_plain_role_may_ask(url, postgres):
    """A role that may only read one view can ask it, and is told that it may not ask another."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN; GRANT SELECT ON digits_trials TO reader")
    as_reader = url.replace("tester@", "reader@")
    assert ask(as_reader, "SELECT count(*) FROM digits_trials") == [(0,)]
    with pytest.raises(StorageError, match="permission denied for table studies"):
        ask(as_reader, "SELECT * FROM studies")


def test_the_schema_of_the_user_is_found(url):
    """A superuser's question is asked as another role, and finds the tables of the schema named after the user all the same."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tester; CREATE TABLE tester.mine AS SELECT 7 AS x")
    assert ask(url, "SELECT x FROM mine") == [(7,)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA tester CASCADE")


def test_rows_come_as_they_are_read(url):
    """The first rows of an answer that would never end come at once; leaving it ends the query."""
    with read_only_query(url, "SELECT generate_series(6, 1000000000)", timeout=20) as answer:
        assert next(answer.rows) == (6,)
    assert running(url) == 0


def running(url):
    """How many queries of hpo sql are running."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%hpo_sql%' AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def test_ctrl_c_ends_a_query_on_the_server(url):
    """SIGINT ends with KeyboardInterrupt soon, and the server does not go on with the query either."""

    def interrupt():
        deadline = time.monotonic() + 30
        while not running(url) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ask(url, "SELECT count(*) FROM generate_series(1, 100000000000)")
    thread.join()
    assert running(url) == 0


def test_a_server_that_is_not_there_is_named():
    """Where nobody listens the error says so, without the password."""
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        ask("postgresql://me:secret@127.0.0.1:1/none", "SELECT 1")
    assert "secret" not in str(caught.value)
