"""Views for people: stable names, typed columns, one row a trial.

- `leaderboard`, `best_by_choice`, `learning_curves`, `decisions`, `confirmed`: every study's, made with the schema.
- one view a study, `<study>_trials`: one row a trial, one typed, decoded column a hyperparameter.

Names are the same on every database: PostgreSQL cuts identifiers at 63 bytes, SQLite takes names for equal that differ
in capitals alone.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.schema.tables import USABLE
from strategies import Choice, Float, Int, Space

_SHOWN: Final = 1000
"""Trials of each study on the leaderboard: read off the top of an index, however many there are."""


def _value_at(place: int, order: str) -> str:
    """Return what answers the value at a place of study s's ranking in ascending or descending order."""
    return (
        f"(SELECT b.value FROM trials b WHERE b.study_id = s.id AND {_usable('b')} "
        f"ORDER BY b.value {order} LIMIT 1 OFFSET {place})"
    )


def _usable(trial: str) -> str:
    """Return the condition of the index of ranked trials, for a table by another name."""
    return USABLE.replace("value", f"{trial}.value").replace("state", f"{trial}.state")


def _best_with(is_choice: str) -> str:
    """Return what answers the number of the best trial of study s for which a condition on t holds."""
    best = f"SELECT t.number FROM trials t WHERE t.study_id = s.id AND {_usable('t')} AND {is_choice} ORDER BY t.value"
    return f"CASE s.direction WHEN 'maximize' THEN ({best} DESC LIMIT 1) ELSE ({best} ASC LIMIT 1) END"


_ON_EVERY_DATABASE: Final = {
    # CROSS JOIN: so that SQLite begins with the studies; by name: so that a condition on it passes the ranking
    "leaderboard": f"""
        SELECT s.name AS study,
               RANK() OVER (PARTITION BY s.name
                            ORDER BY CASE s.direction WHEN 'maximize' THEN -t.value ELSE t.value END) AS "rank",
               t.number AS trial, t.value AS value, s.metric AS metric, t.best_epoch AS best_epoch, t.epochs AS epochs,
               t.state AS state, t.params AS params, t.train_seconds AS train_seconds
        FROM studies s CROSS JOIN trials t
        WHERE t.study_id = s.id AND {_usable("t")}
        AND t.value >= CASE s.direction WHEN 'maximize' THEN COALESCE({_value_at(_SHOWN - 1, "DESC")},
                                                                      {_value_at(0, "ASC")})
                       ELSE {_value_at(0, "ASC")} END
        AND t.value <= CASE s.direction WHEN 'maximize' THEN {_value_at(0, "DESC")}
                       ELSE COALESCE({_value_at(_SHOWN - 1, "ASC")}, {_value_at(0, "DESC")}) END
    """,
    "learning_curves": """
        SELECT s.name AS study, m.trial AS trial, m.epoch AS epoch, m.value AS value, s.metric AS metric,
               m.metrics AS metrics, m.seconds AS seconds
        FROM measurements m JOIN studies s ON s.id = m.study_id
    """,
    "confirmed": """
        SELECT s.name AS study, c.trial AS trial, t.value AS searched, COUNT(c.value) AS repeats, AVG(c.value) AS mean,
               MIN(c.value) AS lowest, MAX(c.value) AS highest, COUNT(*) - COUNT(c.value) AS failed, s.metric AS metric
        FROM confirmations c JOIN studies s ON s.id = c.study_id
        JOIN trials t ON t.study_id = c.study_id AND t.number = c.trial
        GROUP BY s.name, c.trial, t.value, s.metric
    """,
    "decisions": """
        SELECT s.name AS study, j.number AS job, j.trial AS trial, j.from_epoch AS from_epoch,
               j.until_epoch AS until_epoch, j.bracket AS bracket, j.rung AS rung, j.reason AS reason, j.seen AS seen,
               j.state AS state, j.outcome AS outcome, j.end_epoch AS end_epoch, j.worker AS worker,
               j.decided_at AS decided_at, j.ended_at AS ended_at
        FROM jobs j JOIN studies s ON s.id = j.study_id
    """,
}

_CHOICES: Final = {
    "sqlite": f"""
        SELECT s.id AS study_id, s.name AS study, s.metric AS metric, h.key AS hyperparameter,
               CASE c.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(c.value AS TEXT) END AS choice,
               {
        _best_with(
            "EXISTS (SELECT 1 FROM json_each(t.params) p "
            "WHERE p.key = h.key AND p.type = c.type AND p.value IS c.value)"
        )
    } AS trial
        FROM studies s CROSS JOIN json_each(s.space) h CROSS JOIN json_each(h.value, '$.values') c
    """,
    "postgresql": f"""
        SELECT s.id AS study_id, s.name AS study, s.metric AS metric, h.key AS hyperparameter,
               c.value #>> '{{}}' AS choice,
               {_best_with("(t.params -> h.key)::text = c.value::text")} AS trial
        FROM studies s CROSS JOIN LATERAL json_each(s.space) h CROSS JOIN LATERAL
             json_array_elements(h.value -> 'values') c
        WHERE h.value ->> 'type' = 'choice'
    """,  # without the condition PostgreSQL expects ten thousand choices, and compiles a program to look for them
}


_BEST_BY_CHOICE: Final = """
        SELECT b.study AS study, b.hyperparameter AS hyperparameter, b.choice AS choice,
               (SELECT t.value FROM trials t WHERE t.study_id = b.study_id AND t.number = b.trial) AS value,
               b.trial AS trial, b.metric AS metric
        FROM ({}) b
    """

STABLE_VIEWS: Final = {
    dialect: _ON_EVERY_DATABASE | {"best_by_choice": _BEST_BY_CHOICE.format(choices)}
    for dialect, choices in _CHOICES.items()
}
"""By database, the views over all studies: their names and what they show."""

_TRIAL_COLUMNS: Final = (
    "number", "state", "value", "epochs", "best_epoch", "bracket", "rung", "parent", "seed", "stop_reason", "error",
    "attempts", "started_at", "finished_at", "train_seconds",
)  # fmt: skip


_LONGEST: Final = 63
"""Bytes of an identifier that PostgreSQL keeps."""


def view_name(study: str, taken: Iterable[str]) -> str:
    """Return a name for a study's view, not one of `taken`, that needs no quotes: letters, digits, underscores."""
    base = re.sub(r"\W+", "_", study, flags=re.ASCII).strip("_").lower()[:40] or "study"
    if base[0].isdigit() or base.startswith("sqlite"):  # names that begin with sqlite_ are SQLite's own
        base = f"study_{base}"
    taken = {name.lower() for name in taken}
    name, count = f"{base}_trials", 1
    while name in taken:
        count += 1
        name = f"{base}_{count}_trials"
    return name


def free_view_name(connection: Connection, study: str) -> str:
    """Return a name for a study's view that no table and no view has; nobody else may be making one meanwhile."""
    inspector = sa.inspect(connection)
    return view_name(study, {*inspector.get_table_names(), *inspector.get_view_names()})


def create_view(dialect: sa.Dialect, name: str, study_id: int, space: Space) -> str:
    """Return the statement that creates a study's typed view.

    A hyperparameter whose name is a column of trials already (`value`, `epochs` …) appears as `param_<name>`; one whose
    name is too long is cut, and ends with a digest of it. Inactive hyperparameters are null.
    """
    quote = dialect.identifier_preparer.quote_identifier
    columns = [f"t.{quote(column)}" for column in _TRIAL_COLUMNS]
    for (parameter, domain), column in zip(space.parameters.items(), parameter_columns(space), strict=True):
        columns.append(f"{_param(dialect, parameter, domain)} AS {quote(column)}")
    body = ",\n       ".join(columns)
    return f"CREATE VIEW {quote(name)} AS\nSELECT {body}\nFROM trials t WHERE t.study_id = {int(study_id)}"


def parameter_columns(space: Space) -> list[str]:
    """Return the columns that a space's hyperparameters have in a typed view, in the order of declaration."""
    used = {column.lower() for column in _TRIAL_COLUMNS}
    columns = []
    for parameter in space.parameters:
        wanted = parameter
        while (column := _identifier(wanted)).lower() in used:
            wanted = f"param_{wanted}"
        used.add(column.lower())
        columns.append(column)
    return columns


def in_sql(dialect: sa.Dialect, name: str) -> str:
    """Return a column's name as a person would write it: in quotes only where it takes them."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in dialect.identifier_preparer.reserved_words:
        return name
    return '"' + name.replace('"', '""') + '"'


def _identifier(name: str) -> str:
    """Return `name` as it is if every database takes it whole, else what tells it from other names."""
    encoded = name.encode()
    if len(encoded) <= _LONGEST:
        return name
    mark = f"_{hashlib.sha256(encoded).hexdigest()[:8]}"
    return encoded[: _LONGEST - len(mark)].decode(errors="ignore") + mark


def _param(dialect: sa.Dialect, name: str, domain: Float | Int | Choice) -> str:
    if dialect.name == "postgresql":
        raw = f"t.params ->> {_literal(name).replace('%', '%%')}"  # as its driver reads percent signs
        types = {"REAL": "DOUBLE PRECISION", "INTEGER": "BIGINT", "TEXT": "TEXT", "BOOLEAN": "BOOLEAN"}
        return f"CAST({raw} AS {types.get(_type(domain), 'TEXT')})"
    if re.fullmatch(r"[\w .-]+", name):
        path = f'$."{name}"'
        raw = f"json_extract(t.params, {_literal(path)})"
    else:  # JSON paths cannot spell every key
        raw = f"(SELECT value FROM json_each(t.params) WHERE key = {_literal(name)})"
    kind = _type(domain)
    return raw if kind in ("BOOLEAN", "") else f"CAST({raw} AS {kind})"


def _type(domain: Float | Int | Choice) -> str:
    if isinstance(domain, Float):
        return "REAL"
    if isinstance(domain, Int):
        return "INTEGER"
    kinds = {type(value) for value in domain.values if value is not None}
    names = {frozenset({str}): "TEXT", frozenset({bool}): "BOOLEAN", frozenset({int}): "INTEGER"}
    if kinds and kinds <= {int, float}:
        return "INTEGER" if kinds == {int} else "REAL"
    return names.get(frozenset(kinds), "")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
