"""PostgreSQL's tokens: whatever the server would call, is seen to be called; the server itself is the judge."""

import random

import psycopg
import pytest

from storage.errors import StorageError
from storage.questions.tokens import functions_in, tokens_of

CALLS = {
    "SELECT f(1)": {"f"},
    'SELECT F (1), s . g\n(2), "H"(3), "a""b"(4)': {"f", "g", "H", 'a"b'},
    "SELECT f/* (g(1)) /* h(1) */ */(1) -- i(1)": {"f"},
    "SELECT 'f(1)', E'\\' f(1)', $$ f(1) $$, $x$ f(1) $$ $x$": set(),
    "SELECT '\\', f(1), ''": {"f"},
    "SELECT E'\\\\', f(1), ''": {"f"},
    "SELECT e'''', f(1)": {"f"},
    "SELECT a$b$(1), $1, $2(3)": {"a$b$"},
    "SELECT nameE'a\\', f(1)--'": {"f"},
    "SELECT B'1', X'F', N'f(1)', U&'f(1)', f(1)": {"f"},
    "SELECT 1+/* g(1) */f(1)": {"f"},
    "SELECT 1---f(1)\n+g(1)": {"g"},
    "SELECT \u212a(1), \u00c4(2)": {"\u212a", "\u00c4"},
    f"SELECT {'x' * 70}(1)": {"x" * 63},
    "SELECT f": set(),
}

REFUSED = [
    "SELECT 'a",
    'SELECT "a',
    "SELECT /* /* */",
    "SELECT $x$ $y$",
    "SELECT E'\\'",
    'SELECT U&"\\0066"(1)',
    "SELECT u&\"f\" UESCAPE '!'(1)",
    "SELECT E'a'\n'\\', f(1), '",
    "SELECT E'a' -- more\n '\\', f(1), '",
]

PIECES = ["'", "'", "''", "\\", "E'", "e'", "E", '"', "$$", "$a$", "$", "/*", "*/", "--", "\n", " ", "\t", "mark", "(", ")",
          "mark()", '"mark"()', "mark", "()", ",", "||", "U&", "n'", "1", "1e", ".", "-", "*", "/", "pg_catalog", "a", "\u212a", "\f", "::text"]  # fmt: skip


@pytest.mark.parametrize("statement", CALLS)
def test_calls_are_seen(statement):
    """What is called is what stands before a bracket; in strings, names and comments nothing is called."""
    assert functions_in(tokens_of(statement))[0] == CALLS[statement]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_has_no_end_or_two_readings_is_refused(statement):
    """An open string or comment, a name in Unicode escapes, and an escape string that goes on elsewhere."""
    with pytest.raises(StorageError):
        tokens_of(statement)


def test_attributes_may_be_functions():
    """`row.function` calls it: names after a dot are told apart."""
    assert functions_in(tokens_of('SELECT t.f, (t).g, "t"."H" FROM s.t')) == (set(), {"f", "g", "H", "t"})


def test_the_server_calls_nothing_that_was_not_seen(postgres):
    """Of twenty thousand texts of awkward pieces: wherever the server gets to call a function, it has been seen."""
    draw = random.Random(5)
    called = 0
    with psycopg.connect(postgres.new_database(), autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION mark() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE USING ERRCODE = 'HPO01'; END$$"
        )
        for _ in range(20_000):
            text = "SELECT " + "".join(draw.choices(PIECES, k=draw.randint(1, 9)))
            try:
                connection.execute(text)
            except psycopg.Error as error:
                if error.sqlstate != "HPO01":
                    continue
                called += 1
                try:
                    tokens = tokens_of(text)
                except StorageError:
                    continue
                assert "mark" in functions_in(tokens)[0], text
    assert called > 100
