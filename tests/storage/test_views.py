"""Views for people: one row a trial, typed columns, whatever parameters and studies are called."""

import re

import pytest
from crew import Hand, new_study
from evidence import rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.views import view_name
from storage.work import Measurement, Progress, Report
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


def filled(path, space, *, n_trials=12, strategy=None, name="crew"):
    """Start trials in a study of that space; return the study and the trials' params by number."""
    study = new_study(path, strategy, space=space, n_trials=n_trials, name=name)
    hand = Hand(path, study)
    claims = hand.exchange(jobs=n_trials)
    hand.database.close()
    return study, {claim.job.trial: claim.params for claim in claims.values()}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def column(path, study, name):
    """The values of a column of a study's view, by trial, each with SQLite's word for its type."""
    found = rows(path, f"SELECT number, {quoted(name)}, typeof({quoted(name)}) FROM {study.view}")
    return {number: (value, kind) for number, value, kind in found}


@pytest.mark.parametrize(
    ("domain", "kinds"),
    [
        (Float(1, 1), {"real"}),
        (Float(1e-300, 1e300, log=True), {"real"}),
        (Int(-(2**40), 2**40), {"integer"}),
        (Choice("sgd", "adam", "1", "true", ""), {"text"}),
        (Choice(*[True, False]), {"integer"}),
        (Choice(1, 2, 2**60), {"integer"}),
        (Choice(1, 2.5), {"real"}),
        (Choice("a", 1, 2.5), {"text", "integer", "real"}),
        (Choice(*["a", False]), {"text", "integer"}),
        (Choice(3, None), {"integer", "null"}),
        (Choice("a", None), {"text", "null"}),
        (Choice(None), {"null"}),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_columns_have_the_types_of_their_domains(domain, kinds, tmp_path):
    """Numbers are numbers, text is text, whatever it looks like; truth is 0 and 1, None is null. Values are exact."""
    space = Space({"p": domain, "?": domain})
    study, params = filled(tmp_path / "hpo.db", space, n_trials=20)
    for name in space.parameters:
        found = column(tmp_path / "hpo.db", study, name)
        assert {kind for _, kind in found.values()} == kinds
        for number, (value, kind) in found.items():
            given = params[number][name]
            assert value == given
            assert kind == "real" or isinstance(given, bool | type(value))


def test_inactive_parameters_are_null(tmp_path):
    """A parameter whose condition does not hold is null in its trial's row, and has its value in the others'."""
    space = Space(
        optimizer=Choice("sgd", "adam"),
        momentum=Float(0.5, 0.9, when={"optimizer": "sgd"}),
        steps=Int(1, 9, when={"optimizer": "adam"}),
    )
    study, params = filled(tmp_path / "hpo.db", space)
    found = {name: column(tmp_path / "hpo.db", study, name) for name in space.parameters}
    kinds = set()
    for number, point in params.items():
        for name in space.parameters:
            value, kind = found[name][number]
            assert value == point.get(name)
            kinds.add((name, kind))
    assert kinds == {
        ("optimizer", "text"),
        *{("momentum", kind) for kind in ("real", "null")},
        *{("steps", kind) for kind in ("integer", "null")},
    }


def test_odd_parameter_names_are_columns(tmp_path):
    """Every parameter is a column under its very name, quotes, brackets, keywords, line breaks and all."""
    space = Space({name: Float(i, i + 1) for i, name in enumerate(ODD_NAMES)})
    study, params = filled(tmp_path / "hpo.db", space, n_trials=2)
    for name in ODD_NAMES:
        found = column(tmp_path / "hpo.db", study, name)
        assert found == {number: (given[name], "real") for number, given in params.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, max_size=5
    )
)
def test_any_parameter_name_is_a_column(tmp_path, names):
    """Whatever text names a parameter, its values can be selected: by position, as names that SQLite takes for equal differ."""
    names = list(dict.fromkeys(name for name in names if name.strip()))
    space = Space({name: Float(i, i + 1) for i, name in enumerate(["x", *names])} if names else {"x": Float(0, 1)})
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
    study, params = filled(path, space, n_trials=1)
    (found,) = rows(path, f"SELECT * FROM {study.view}")
    assert list(found[-len(space.parameters) :]) == list(params[0].values())


def test_parameters_named_like_columns_of_trials_stand_beside_them(tmp_path):
    """`value`, `STATE` and their like are the trial's; the parameters are `param_value` …, unless that is taken too."""
    names = ["value", "STATE", "number", "param_value", "Seed", "seed"]
    study, params = filled(tmp_path / "hpo.db", Space({name: Float(i, i + 1) for i, name in enumerate(names)}))
    shown = ["param_value", "param_STATE", "param_number", "param_param_value", "param_Seed", "param_param_seed"]
    for name, column_name in zip(names, shown, strict=True):
        found = column(tmp_path / "hpo.db", study, column_name)
        assert {number: value for number, (value, _) in found.items()} == {
            n: given[name] for n, given in params.items()
        }
    assert rows(tmp_path / "hpo.db", f"SELECT DISTINCT state FROM {study.view}") == [("running",)]


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


def test_odd_study_names_have_views(tmp_path):
    """Every study has a view whose name needs no quotes and shows its trials alone, also where names look alike."""
    path = tmp_path / "hpo.db"
    views = {}
    for i, name in enumerate(STUDY_NAMES, 1):
        study, _ = filled(path, Space(x=Float(0, 1)), n_trials=i, name=name)
        views[name] = study.view
        assert re.fullmatch("[a-z_][a-z0-9_]*_trials", study.view)
    assert len(set(views.values())) == len(STUDY_NAMES)
    assert views["digits"] == "digits_trials"
    for i, name in enumerate(STUDY_NAMES, 1):
        assert rows(path, f"SELECT count(*), max(number) FROM {views[name]}") == [(i, i - 1)]
    assert rows(path, "SELECT count(*) FROM leaderboard") == [(0,)]


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
def test_the_leaderboard_ranks_in_the_studys_direction(direction, tmp_path):
    """Rank 1 is the best in the study's own direction, ties share a rank; failed and discarded trials are left out."""
    path = tmp_path / "hpo.db"
    results = {0: 0.5, 1: 0.2, 2: 0.9, 3: 0.2, 4: 0.1, 5: 0.95, 6: 0.7}
    outcomes = {4: State.FAILED, 5: State.DISCARDED, 6: State.STOPPED}
    hand = Hand(path, new_study(path, n_trials=8, direction=direction))
    reports = []
    for claim in list(hand.exchange(jobs=8).values())[:7]:
        value = results[claim.job.trial]
        progress = Progress(claim, [value], 1.0, [Measurement(1, value, None, 1.0)])
        reports.append(Report(progress, outcomes.get(claim.job.trial, State.COMPLETE)))
    hand.exchange(reports, jobs=0)
    counted = [value for number, value in results.items() if number not in (4, 5)]
    better = max if direction == "maximize" else min
    found = rows(path, 'SELECT "rank", trial, value, state, metric FROM leaderboard ORDER BY "rank", trial')
    assert [(value, trial) for _, trial, value, *_ in found] == sorted(
        ((value, number) for number, value in results.items() if number not in (4, 5)),
        key=lambda each: (-each[0] if direction == "maximize" else each[0], each[1]),
    )
    for rank, trial, value, state, metric in found:
        assert rank == 1 + sum(better(other, value) == other != value for other in counted)
        assert state == outcomes.get(trial, State.COMPLETE)
        assert metric == "value"


def test_curves_and_decisions_can_be_read(tmp_path):
    """`learning_curves` holds every measurement, `decisions` every job with its reason, which outlives the job's end."""
    path = tmp_path / "hpo.db"
    hand = Hand(path, new_study(path, Strategy(Grid(), SuccessiveHalving(eta=2)), n_trials=4))
    hand.work()
    curves = rows(
        path, "SELECT trial, epoch, value, json_extract(metrics, '$.twice') FROM learning_curves WHERE study = 'crew'"
    )
    assert sorted(row[:3] for row in curves) == rows(path, "SELECT trial, epoch, value FROM measurements ORDER BY 1, 2")
    assert all(twice == 2 * value for _, _, value, twice in curves)
    decisions = rows(
        path, "SELECT job, trial, until_epoch, rung, state, end_epoch, json_extract(reason, '$.epochs') FROM decisions"
    )
    assert [job for job, *_ in decisions] == list(range(len(decisions)))
    assert {rung for _, _, _, rung, *_ in decisions} == {0, 1, 2}
    for _, _, until, rung, state, end, epochs in decisions:
        assert state == "done"
        assert end == until
        assert epochs == (until if rung == 0 else until // 2), "the rung at which it was decided"
    stopped = rows(path, "SELECT json_extract(stop_reason, '$.rank') FROM trials WHERE state = 'stopped'")
    assert stopped
    assert all(rank >= 2 for (rank,) in stopped)
