"""Views for people: one row a trial, typed columns, whatever parameters and studies are called."""

import json
import random
import re

import pytest
import sqlalchemy as sa
from crew import Hand, new_study
from evidence import rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_statements import parts

from storage.database import Database
from storage.exchange.work import Measurement, Progress, Report
from storage.schema.tables import trials
from storage.schema.views import parameter_columns, view_name
from strategies import Choice, Float, Grid, Int, Space, State, Strategy, SuccessiveHalving

ODD_NAMES = [
    "learning rate",
    "it's",
    'say "hello"',
    "x; DROP TABLE trials",
    "naïve λ 学習率 🙂",
    "select",
    "order",
    "rowid",
    "a.b[0]",
    "[x]",
    "$",
    "$.a",
    "*",
    "%s %(x)s ?",
    ":x",
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "{}",
    "-- x",
    "/*",
    "0",
    "1e3",
    "_",
    "x" * 300,
    "é" * 300,
]


def filled(url, space, *, n_trials=12, strategy=None, name="crew"):
    """Start trials in a study of that space; return the study and the trials' params by number."""
    study = new_study(url, strategy, space=space, n_trials=n_trials, name=name)
    hand = Hand(url, study)
    claims = hand.exchange(jobs=n_trials)
    hand.database.close()
    return study, {claim.job.trial: claim.params for claim in claims.values()}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def column(url, study, name):
    """The values of a column of a study's view, by trial."""
    return dict(rows(url, f"SELECT number, {quoted(name)} FROM {study.view}"))


def shown(value, kinds, url):
    """How a database shows a value of those kinds: SQLite has no truth, PostgreSQL no column of several types."""
    if value is None or isinstance(value, str):
        return value
    if url.startswith("sqlite"):
        return float(value) if kinds == {float} else int(value) if isinstance(value, bool) else value
    return json.dumps(value) if len(kinds) > 1 else float(value) if kinds == {float} else value


@pytest.mark.parametrize(
    ("domain", "kinds"),
    [
        (Float(1, 1), {float}),
        (Float(1e-300, 1e300, log=True), {float}),
        (Int(-(2**40), 2**40), {int}),
        (Choice("sgd", "adam", "1", "true", ""), {str}),
        (Choice(*[True, False]), {bool}),
        (Choice(1, 2, 2**60), {int}),
        (Choice(1, 2.5), {float}),
        (Choice("a", 1, 2.5), {str, int, float}),
        (Choice(*["a", False]), {str, bool}),
        (Choice(3, None), {int}),
        (Choice("a", None), {str}),
        (Choice(None), set()),
    ],
    ids=lambda value: "-".join(sorted(kind.__name__ for kind in value)) if isinstance(value, set) else repr(value),
)
def test_columns_have_the_types_of_their_domains(domain, kinds, url):
    """Numbers are numbers, text is text, whatever it looks like; truth is true or 1, None is null. Values are exact."""
    space = Space({"p": domain, "?": domain})
    study, params = filled(url, space, n_trials=20)
    for name in space.parameters:
        found = column(url, study, name)
        expected = {number: shown(given[name], kinds, url) for number, given in params.items()}
        assert found == expected
        assert {number: type(value) for number, value in found.items()} == {
            number: type(value) for number, value in expected.items()
        }


def test_inactive_parameters_are_null(url):
    """A parameter whose condition does not hold is null in its trial's row, and has its value in the others'."""
    space = Space(
        optimizer=Choice("sgd", "adam"),
        momentum=Float(0.5, 0.9, when={"optimizer": "sgd"}),
        steps=Int(1, 9, when={"optimizer": "adam"}),
    )
    study, params = filled(url, space)
    found = {name: column(url, study, name) for name in space.parameters}
    for name, values in found.items():
        assert values == {number: point.get(name) for number, point in params.items()}
    assert {type(value) for value in found["momentum"].values()} == {float, type(None)}
    assert {type(value) for value in found["steps"].values()} == {int, type(None)}


def test_odd_parameter_names_are_columns(url):
    """Every parameter is a column under its very name, quotes, brackets, keywords, line breaks and all.

    A name of more than 63 bytes, which PostgreSQL would cut, is cut on both.
    """
    space = Space({name: Float(i, i + 1) for i, name in enumerate(ODD_NAMES)})
    study, params = filled(url, space, n_trials=2)
    for name, column_name in zip(ODD_NAMES, parameter_columns(space), strict=True):
        assert column_name == name or len(name.encode()) > 63 >= len(column_name.encode())
        found = column(url, study, column_name)
        assert found == {number: given[name] for number, given in params.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, max_size=5
    )
)
def test_any_parameter_name_is_a_column(url, names):
    """Whatever text names a parameter, its values can be selected: by position, as names that SQLite takes for equal differ."""
    names = list(dict.fromkeys(name for name in names if name.strip()))
    space = Space({name: Float(i, i + 1) for i, name in enumerate(["x", *names])} if names else {"x": Float(0, 1)})
    name = f"study {rows(url, 'SELECT count(*) FROM studies')[0][0]}"
    study, params = filled(url, space, n_trials=1, name=name)
    (found,) = rows(url, f"SELECT * FROM {study.view}")
    assert list(found[-len(space.parameters) :]) == list(params[0].values())


def test_parameters_named_like_columns_of_trials_stand_beside_them(url):
    """`value`, `STATE` and their like are the trial's; the parameters are `param_value` …, unless that is taken too."""
    names = ["value", "STATE", "number", "param_value", "Seed", "seed"]
    study, params = filled(url, Space({name: Float(i, i + 1) for i, name in enumerate(names)}))
    shown = ["param_value", "param_STATE", "param_number", "param_param_value", "param_Seed", "param_param_seed"]
    for name, column_name in zip(names, shown, strict=True):
        found = column(url, study, column_name)
        assert found == {number: given[name] for number, given in params.items()}
    assert rows(url, f"SELECT DISTINCT state FROM {study.view}") == [("running",)]


STUDY_NAMES = ["digits", "Digits!", "digits ", "DIGITS", "", "Übung 7", "sqlite", "SQLite", "7", "select", "x" * 300]
STUDY_NAMES += [
    "'; DROP TABLE studies; --",
    '"',
    "a.b",
    "trials",
    "studies",
    "%s",
    "x" * 41,
    "🙂",
    "hpo_alembic_version",
]


def test_odd_study_names_have_views(url):
    """Every study has a view whose name needs no quotes and shows its trials alone, also where names look alike."""
    views = {}
    for i, name in enumerate(STUDY_NAMES, 1):
        study, _ = filled(url, Space(x=Float(0, 1)), n_trials=i, name=name)
        views[name] = study.view
        assert re.fullmatch("[a-z_][a-z0-9_]*_trials", study.view)
    assert len(set(views.values())) == len(STUDY_NAMES)
    assert views["digits"] == "digits_trials"
    for i, name in enumerate(STUDY_NAMES, 1):
        assert rows(url, f"SELECT count(*), max(number) FROM {views[name]}") == [(i, i - 1)]
    assert rows(url, "SELECT count(*) FROM leaderboard") == [(0,)]


@given(
    st.text(), st.sets(st.sampled_from(["study_trials", "STUDY_TRIALS", "a_trials", "A_2_trials", "study_2_trials"]))
)
def test_a_view_name_is_new_and_plain(study, taken):
    """Whatever a study is called, its view's name is plain and differs, capitals aside, from every name that is taken."""
    name = view_name(study, taken)
    assert re.fullmatch("[a-z_][a-z0-9_]*_trials", name)
    assert not name.startswith("sqlite_")
    assert name not in {each.lower() for each in taken}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_leaderboard_ranks_in_the_studys_direction(direction, url):
    """Rank 1 is the best in the study's own direction, ties share a rank; failed and discarded trials are left out."""
    results = {0: 0.5, 1: 0.2, 2: 0.9, 3: 0.2, 4: 0.1, 5: 0.95, 6: 0.7}
    outcomes = {4: State.FAILED, 5: State.DISCARDED, 6: State.STOPPED}
    hand = Hand(url, new_study(url, n_trials=8, direction=direction))
    reports = []
    for claim in list(hand.exchange(jobs=8).values())[:7]:
        value = results[claim.job.trial]
        progress = Progress(claim, [value], 1.0, [Measurement(1, value, None, 1.0)])
        reports.append(Report(progress, outcomes.get(claim.job.trial, State.COMPLETE)))
    hand.exchange(reports, jobs=0)
    counted = [value for number, value in results.items() if number not in (4, 5)]
    better = max if direction == "maximize" else min
    found = rows(url, 'SELECT "rank", trial, value, state, metric FROM leaderboard ORDER BY "rank", trial')
    assert [(value, trial) for _, trial, value, *_ in found] == sorted(
        ((value, number) for number, value in results.items() if number not in (4, 5)),
        key=lambda each: (-each[0] if direction == "maximize" else each[0], each[1]),
    )
    for rank, trial, value, state, metric in found:
        assert rank == 1 + sum(better(other, value) == other != value for other in counted)
        assert state == outcomes.get(trial, State.COMPLETE)
        assert metric == "value"


_KINDS = ("a", "b", 2, "2", 1.5, True, None, "never")
CHOICES = Space(kind=Choice(*_KINDS), other=Choice("x", "y"), rate=Float(0, 1))


def shown_as(choice):
    """A choice as the view shows it."""
    return {True: "true", False: "false", None: None}[choice] if choice is None or choice is True else str(choice)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_trial_of_each_choice_is_found(direction, url):
    """Each choice of each hyperparameter has a row, with the best trial that has it; values of other types differ."""
    database = Database(url)
    study = new_study(url, space=CHOICES, n_trials=100, direction=direction)
    everyone = written(database, study, 60, lambda number: State.FAILED if number % 7 == 0 else State.COMPLETE)
    new_study(url, space=CHOICES, n_trials=100, name="another")
    database.close()
    best = {}
    for trial in everyone:
        sign = -1 if direction == "maximize" else 1
        if trial["state"] != State.FAILED:
            for name in ("kind", "other"):
                key = (name, json.dumps(trial["params"][name]))
                best[key] = min(best.get(key, (float("inf"), None)), (sign * trial["value"], trial["number"]))
    expected = {
        (name, shown_as(choice), *((None, None) if found is None else (abs(found[0]), found[1])))
        for name in ("kind", "other")
        for choice in CHOICES.parameters[name].values
        for found in [best.get((name, json.dumps(choice)))]
    }
    found = rows(url, "SELECT hyperparameter, choice, value, trial FROM best_by_choice WHERE study = 'crew'")
    assert len(found) == 10
    assert set(found) == expected


def written(database, study, count, state=lambda _: State.COMPLETE):
    """Write so many trials that have ended; return their rows."""
    rng = random.Random(0)
    found = [
        {
            "study_id": study.id, "number": number, "seed": number, "bracket": 0, "rung": 0, "state": state(number),
            "params": {
                "kind": rng.choice(CHOICES.parameters["kind"].values[:-1]), "other": rng.choice("xy"), "rate": 0.5
            },
            "epochs": 1, "best_epoch": 1, "value": rng.random(), "attempts": 0, "revision": 0,
            "started_at": 1.0, "finished_at": 2.0, "train_seconds": 1.0,
        }
        for number in range(count)
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(sa.insert(trials), found)
    return found


QUESTIONS = ("leaderboard WHERE study = 'crew'", "best_by_choice WHERE study = 'crew'")


@pytest.mark.parametrize("question", QUESTIONS)
def test_rankings_are_answered_from_an_index(question, url):
    """No trial is looked at that is not shown: the plan reads no table of trials whole, and is not worth compiling."""
    database = Database(url)
    written(database, new_study(url, space=CHOICES, n_trials=None), 5000)
    if database.engine.dialect.name == "sqlite":
        with database.read() as connection:
            plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {question}")]
        read = [line for line in plan if re.search(r"\b(t|b|trials)\b", line) and "VIRTUAL" not in line]
        assert read
        assert all("USING" in line and "INDEX" in line for line in read), plan
    else:
        with database.outside() as connection:
            connection.exec_driver_sql("ANALYZE")
        with database.read() as connection:
            ((plan,),) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) SELECT * FROM {question}").all()
        read = [part for part in parts(plan[0]["Plan"]) if part.get("Relation Name") == "trials"]
        assert read
        assert all("Index Cond" in part for part in read), read
        assert plan[0]["Plan"]["Total Cost"] < 100_000, "the server would compile it: jit_above_cost"
    database.close()


def test_curves_and_decisions_can_be_read(url):
    """`learning_curves` holds every measurement, `decisions` every job with its reason, which outlives the job's end."""
    hand = Hand(url, new_study(url, Strategy(Grid(), SuccessiveHalving(eta=2)), n_trials=4))
    hand.work()
    curves = rows(
        url,
        "SELECT trial, epoch, value, CAST(metrics ->> 'twice' AS DOUBLE PRECISION) FROM learning_curves WHERE study = 'crew'",
    )
    assert sorted(row[:3] for row in curves) == rows(url, "SELECT trial, epoch, value FROM measurements ORDER BY 1, 2")
    assert all(twice == 2 * value for _, _, value, twice in curves)
    decisions = rows(
        url,
        "SELECT job, trial, until_epoch, rung, state, end_epoch, CAST(reason ->> 'epochs' AS INTEGER) FROM decisions ORDER BY job",
    )
    assert [job for job, *_ in decisions] == list(range(len(decisions)))
    assert {rung for _, _, _, rung, *_ in decisions} == {0, 1, 2}
    for _, _, until, rung, state, end, epochs in decisions:
        assert state == "done"
        assert end == until
        assert epochs == (until if rung == 0 else until // 2), "the rung at which it was decided"
    stopped = rows(url, "SELECT CAST(stop_reason ->> 'rank' AS INTEGER) FROM trials WHERE state = 'stopped'")
    assert stopped
    assert all(rank >= 2 for (rank,) in stopped)
