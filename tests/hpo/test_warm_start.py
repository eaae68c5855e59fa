"""A warm start: results from elsewhere are a study's first trials, and it goes on from there."""

import csv
import json
import re
import sqlite3

import optuna
import pytest
import sqlalchemy as sa
from command_line import command_here
from searches import SPACE, Trainer

import hpo
from hpo.results import begin_with, warm_start
from hpo.results_csv import read_csv_results
from hpo.results_optuna import read_optuna
from strategies.trial import ELSEWHERE

TWO = hpo.Space(x=hpo.Float(0, 1), n=hpo.Int(1, 9), kind=hpo.Choice("a", "b", None, 2, 2.5))
CONDITIONAL = hpo.Space(kind=hpo.Choice("sgd", "adam"), momentum=hpo.Float(0, 1, when={"kind": "sgd"}))


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def written(path, text):
    path.write_text(text)
    return path


def empty_study(url, space=SPACE, **settings):
    """A study without an objective."""
    return hpo.create_study(
        **({"name": "mine", "space": space, "storage": url, "seed": 1, "strategy": "random"} | settings)
    )


def told(study, count):
    """Ask for so many trials and tell them their x; return their params."""
    asked = [study.ask() for _ in range(count)]
    for trial in asked:
        study.tell(trial, trial.params["x"])
    return [trial.params for trial in asked]


# --- what it means ----------------------------------------------------------------------------------------------------


def test_results_are_the_first_trials(any_url, tmp_path):
    """They have numbers, jobs, measurements and a trace; they are best if they are best, and the search starts after them."""
    study = empty_study(any_url, n_trials=5)
    path = written(tmp_path / "h.csv", "x,value,state,seconds\n0.5,0.25,complete,3\n0.1,0.01,COMPLETE,\n0.9,,failed,\n")
    assert warm_start(study, path) == 3
    trials = study.trials
    assert [(t.number, t.params["x"], t.value, t.state.value, t.bracket) for t in trials] == [
        (0, 0.5, 0.25, "complete", ELSEWHERE),
        (1, 0.1, 0.01, "complete", ELSEWHERE),
        (2, 0.9, None, "failed", ELSEWHERE),
    ]
    assert study.best_trial.number == 1
    assert study.curves() == {0: [0.25], 1: [0.01]}
    assert trials[0].train_seconds == 3
    study = hpo.load_study("mine", storage=any_url)
    points = told(study, 2)
    assert all(point["x"] not in (0.5, 0.1, 0.9) for point in points)
    with pytest.raises(hpo.Exhausted):  # n_trials is the total, what was brought in included
        study.ask()
    with study.database.read() as connection:
        jobs = connection.execute(
            sa.text("SELECT number, trial, state, outcome, reason FROM jobs ORDER BY number")
        ).all()
        trace = connection.execute(sa.text("SELECT action, details FROM interventions")).all()
    assert [tuple(job[:4]) for job in jobs[:3]] == [
        (0, 0, "done", "complete"),
        (1, 1, "done", "complete"),
        (2, 2, "done", "failed"),
    ]
    as_dict = lambda kept: json.loads(kept) if isinstance(kept, str) else kept  # noqa: E731 - as the drivers differ
    assert as_dict(jobs[1].reason) == {"by": "import", "from": "h.csv, line 3"}
    assert [(row.action, as_dict(row.details)["trials"]) for row in trace] == [("import", 3)]


FAMILIES = [
    *("random+full", "sobol+full+median", "halton", "de", "cmaes", "tpe", "gp", "bayes"),
    *("random+halving", "hyperband", "random+infinite-hyperband", "asha", "pasha", "one-epoch", "metamax"),
    *("budgeted", "budgeted-bandit", "pbt", "freeze-thaw"),
]


@pytest.mark.parametrize("strategy", FAMILIES)
def test_every_strategy_starts_after_results(strategy, tmp_path):
    """Whatever the strategy, a search that begins with curves ends, tries other points, and is the same with more workers."""
    space = hpo.Space(x=hpo.Float(0, 1), hidden=hpo.Int(1, 64, log=True))
    lines = "\n".join(f"{i / 7},{3 * i + 2},{1 + i / 7},{i / 7}," + str(i / 9) for i in range(6))
    path = written(tmp_path / "h.csv", f"x,hidden,value_1,value_2,value_3\n{lines}\n")
    found = []
    for n_jobs, backend in ((1, None), (3, "threading")):
        study = hpo.create_study(
            f"with {n_jobs}",
            space=space,
            objective=Trainer,
            strategy=strategy,
            seed=3,
            max_epochs=9,
            storage=tmp_path / "hpo.db",
            n_trials=18,
            parallelism=3,
        )
        warm_start(study, path)
        study.optimize(n_jobs=n_jobs, backend=backend)
        assert study.is_complete
        found.append([(t.number, t.params, t.state, t.value, t.epochs, t.bracket, t.rung) for t in study.trials])
    assert len(found[0]) == 18
    assert len({json.dumps(params) for _, params, *_ in found[0]}) >= 18 - (strategy == "pbt") * 12
    assert found[0] == found[1]


def test_a_grid_skips_the_points_that_are_known_and_no_other(tmp_path):
    """Every point of a grid is tried once: those that were brought in are not tried again, and none is left out."""
    space = hpo.Space(x=hpo.Float(0, 1, points=5))
    study = empty_study(tmp_path / "hpo.db", space, strategy="grid")
    warm_start(study, written(tmp_path / "h.csv", "x,value\n0.5,1\n0.3,1\n"))
    study = hpo.load_study("mine", storage=tmp_path / "hpo.db")
    assert [point["x"] for point in told(study, 4)] == [0.0, 0.25, 0.75, 1.0]
    with pytest.raises(hpo.Exhausted):
        study.ask()


def test_models_learn_from_results(tmp_path):
    """A searcher that learns asks near the best of what it was told, where one without would be at a loss."""
    rows = "\n".join(f"{i / 40},{(i / 40 - 0.7) ** 2}" for i in range(41))
    path = written(tmp_path / "h.csv", f"x,value\n{rows}\n")
    study = empty_study(tmp_path / "hpo.db", strategy="bayes")
    warm_start(study, path)
    study = hpo.load_study("mine", storage=tmp_path / "hpo.db")
    assert all(abs(point["x"] - 0.7) < 0.1 for point in told(study, 2))


def test_a_study_that_has_begun_takes_guesses_only(any_url, tmp_path):
    """After its own first trial results are refused and nothing changes; the best of them can be tried next."""
    study = empty_study(any_url)
    told(study, 1)
    path = written(tmp_path / "h.csv", "x,value\n0.5,3\n0.25,1\n0.75,2\n0.25,1\n")
    with pytest.raises(hpo.StorageError, match="as guesses"):
        warm_start(study, path)
    assert len(study.trials) == 1
    assert warm_start(study, path, guesses=2) == 2
    study = hpo.load_study("mine", storage=any_url)
    assert [point["x"] for point in told(study, 2)] == [0.25, 0.75]


def test_results_can_be_brought_in_twice(any_url, tmp_path):
    """Two files, one after the other: numbers go on, as long as no trial of the study's own has begun."""
    study = empty_study(any_url)
    assert warm_start(study, written(tmp_path / "a.csv", "x,value\n0.5,3\n")) == 1
    assert warm_start(study, written(tmp_path / "b.csv", "x,value\n0.6,2\n")) == 1
    assert [(t.number, t.value) for t in hpo.load_study("mine", storage=any_url).trials] == [(0, 3), (1, 2)]


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_cells_are_read_as_their_parameters_say(tmp_path):
    """Text, whole numbers written as floats, None, numbers among choices, conditions: each as the space knows it."""
    path = written(tmp_path / "h.csv", "x,n,kind,value\n0.5,3.0,a,1\n0,4,2,1\n1,5,2.5,1\n1e-1,6,none,1\n0.2,7,,1\n")
    results = read_csv_results(path, TWO).results
    assert [list(each.params.values()) for each in results] == [
        [0.5, 3, "a"],
        [0.0, 4, 2],
        [1.0, 5, 2.5],
        [0.1, 6, None],
        [0.2, 7, None],
    ]
    study = empty_study(tmp_path / "hpo.db", TWO)
    assert warm_start(study, path) == 5
    assert study.trial(4).params["kind"] is None
    study = hpo.create_study("c", space=CONDITIONAL, storage=tmp_path / "hpo.db", strategy="random")
    assert warm_start(study, written(path, "kind,momentum,value\nsgd,0.5,1\nadam,,2\n")) == 2
    assert [trial.params for trial in study.trials] == [{"kind": "sgd", "momentum": 0.5}, {"kind": "adam"}]


def test_tables_of_our_own_and_of_optuna_are_read(tmp_path, capsys):
    """What hpo trials --format csv writes is read as it is, and what Optuna's trials_dataframe writes."""
    study = empty_study(tmp_path / "a.db")
    told(study, 3)
    said = command_here(capsys, "trials", "mine", "--format", "csv", "--storage", tmp_path / "a.db")
    other = empty_study(tmp_path / "b.db")
    assert warm_start(other, written(tmp_path / "ours.csv", said.out)) == 3
    assert [t.params for t in other.trials] == [t.params for t in study.trials]
    theirs = optuna.create_study()
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    theirs.trials_dataframe().to_csv(tmp_path / "theirs.csv", index=False)
    third = empty_study(tmp_path / "c.db")
    assert warm_start(third, tmp_path / "theirs.csv") == 3
    assert [t.value for t in third.trials] == [t.value for t in theirs.trials]


def test_every_choice_comes_back_from_a_table(tmp_path, capsys):
    """Text that is empty, or reads like None or a number, is what it was; a cell that may be two values is refused."""
    space = hpo.Space(
        parent=hpo.Choice("", "x"),
        none=hpo.Choice(None, "None", "nan"),
        blank=hpo.Choice("", "y", when={"parent": ""}),
        below=hpo.Float(0, 1, when={"none": None}),
        number=hpo.Choice("1.0", 1, 2.5),
        flag=hpo.Choice(True, "true", False),  # noqa: FBT003 - the values chosen from
    )
    study = empty_study(tmp_path / "a.db", space)
    for trial in [study.ask() for _ in range(40)]:
        study.tell(trial, 1.0)
    said = command_here(capsys, "trials", "mine", "--format", "csv", "--storage", tmp_path / "a.db")
    other = empty_study(tmp_path / "b.db", space)
    assert warm_start(other, written(tmp_path / "h.csv", said.out)) == 40
    same = [json.dumps(trial.params) for trial in study.trials]
    assert [json.dumps(trial.params) for trial in other.trials] == same
    for values, cell in ((("", None), ""), ((1, "1"), "1"), ((True, "True"), "True")):
        choice = empty_study(tmp_path / f"{cell}.db", hpo.Space(x=hpo.Float(0, 1), c=hpo.Choice(*values)))
        with pytest.raises(hpo.SettingError, match=f"line 2: the cell '{cell}' of 'c' may be .*written alike"):
            warm_start(choice, written(tmp_path / "h.csv", f"x,c,value\n0.5,{cell},1\n"))


def test_what_is_wrong_is_told_where_a_choice_may_be_none(tmp_path):
    """The error names the hyperparameter that does not fit, not the one that is rightly left empty."""
    space = hpo.Space(o=hpo.Choice("a", None), x=hpo.Float(0, 1), y=hpo.Choice("b", "c"))
    study = empty_study(tmp_path / "hpo.db", space)
    for line, message in ((",5,b", "'x': 5.0 is not between"), (",0.5,", "'y' is missing")):
        with pytest.raises(hpo.SettingError, match=message):
            warm_start(study, written(tmp_path / "h.csv", f"o,x,y,value\n{line},1\n"))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_have_other_separators(separator, tmp_path):
    """Semicolons and tabs part cells where the header says so; a comma within a cell parts nothing then."""
    space = hpo.Space({"x": hpo.Float(0, 1), "kind": hpo.Choice("a,b", "c"), "a;b\tc,d": hpo.Int(1, 9)})
    rows = (["x", "kind", '"a;b\tc,d"', "value"], ["0.5", "a,b", "3", "1"], ["0.25", "c", "4", "2"])
    text = "".join(f"{separator.join(row)}\n" for row in rows)
    results = read_csv_results(written(tmp_path / "h.csv", text), space).results
    assert [list(each.params.values()) for each in results] == [[0.5, "a,b", 3], [0.25, "c", 4]]
    with pytest.raises(hpo.SettingError, match="no column 'value'"):
        read_csv_results(written(tmp_path / "h.csv", "x;kind\n0.5;c\n".replace(";", separator)), space)


WRONG = {
    "": "is empty",
    "x,x,value\n": "two columns 'x'",
    "x,y,value\n": "'y' is no hyperparameter.*--ignore",
    "x\n0.5\n": "no column 'value'.*--value",
    "x,value_1,value_3\n0,1,2\n": "gap",
    "x,value\n0.5\n": "line 2: it has 1 cells",
    "x,value\n0.5,abc\n": "line 2: the value 'abc'",
    "x,value,state\n0.5,1,asleep\n": "no state 'asleep'",
    "x,value\n2,1\n": "line 2: .*not between",
    "x,value\nabc,1\n": "line 2: .*finite number",
    "x,value\n,1\n": "line 2: .*missing",
    "x,value\n" + "9,1\n" * 9: "9 of 9 results.*and 4 more",
    'x,value\n"0.5,1\n': "is not CSV",
    "x,value\n" + "1" * 200_000 + ",1\n": "is not CSV|field",
    "x,value\n" + "1" * 10_000 + ",1\n": "line 2",
    "x,value\n": "no result",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_tables_that_cannot_be_are_refused(text, tmp_path):
    """One clear error with the file and the line; nothing is written."""
    study = empty_study(tmp_path / "hpo.db")
    path = written(tmp_path / "h.csv", text)
    with pytest.raises(hpo.HpoError, match="(?s)" + WRONG[text]) as caught:
        warm_start(study, path)
    assert "h.csv" in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert study.trials == []


def test_what_does_not_fit_can_be_left_out(tmp_path):
    """With skip_unfit the rest is brought in; unfinished trials are left out anyhow."""
    study = empty_study(tmp_path / "hpo.db")
    path = written(tmp_path / "h.csv", "x,value,state\n2,1,\n0.5,1,\n0.6,,running\n")
    assert warm_start(study, path, skip_unfit=True) == 1
    assert [t.params["x"] for t in study.trials] == [0.5]


def test_one_value_is_no_curve(tmp_path):
    """Where trials train for epochs, a single value belongs to none of them: refused, or guesses."""
    study = empty_study(tmp_path / "hpo.db", max_epochs=9)
    path = written(tmp_path / "h.csv", "x,value\n0.5,1\n")
    with pytest.raises(hpo.SettingError, match="after each of 9 epochs"):
        warm_start(study, path)
    assert warm_start(study, path, guesses=1) == 1
    longer = written(
        tmp_path / "c.csv", "x," + ",".join(f"value_{i}" for i in range(1, 11)) + "\n0.5" + ",1" * 10 + "\n"
    )
    with pytest.raises(hpo.SettingError, match="measured 10 times"):
        warm_start(study, longer)


# --- Optuna -----------------------------------------------------------------------------------------------------------


def objective(trial):
    """Floats, integers and choices on all scales, with a condition; some trials are pruned, some fail."""
    x = trial.suggest_float("x", 1e-4, 1e-1, log=True)
    n = trial.suggest_int("n", 8, 256, log=True)
    k = trial.suggest_int("k", 1, 9, step=2)
    kind = trial.suggest_categorical("kind", ["relu", "tanh", None, 1, 2.5])
    if kind == "relu":
        trial.suggest_float("slope", 0, 1, step=0.25)
    for epoch in range(3):
        trial.report(x + n + k - epoch, epoch)
        if trial.number % 5 == 3 and epoch:
            raise optuna.TrialPruned
    if trial.number % 5 == 4:
        raise FloatingPointError
    return float("inf") if trial.number == 7 else x + n + k - 2


@pytest.fixture(params=["sqlite", "postgresql"])
def theirs(request, tmp_path):
    """A study of Optuna's in a database that Optuna wrote: the study, and the URL."""
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    written_by = url.replace("postgresql://", "postgresql+psycopg://")
    study = optuna.create_study(study_name="theirs", storage=written_by, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=20, catch=(FloatingPointError,))
    study.ask()
    return study, url


def test_a_study_of_optuna_is_read_as_optuna_reads_it(theirs, tmp_path):
    """Params, states, values and steps are those that Optuna itself tells; pruned is stopped; what runs is left out."""
    study, url = theirs
    findings = read_optuna(url)
    assert findings.direction == "minimize"
    assert findings.notes == ["1 trials that are running or waiting are left out"]
    ended = [trial for trial in study.trials if trial.state.is_finished()]
    assert [dict(each.params) for each in findings.results] == [trial.params for trial in ended]
    words = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed"}
    for each, trial in zip(findings.results, ended, strict=True):
        assert each.state.value == ("failed" if trial.number == 7 else words[trial.state.name])
        assert list(each.steps) == list(trial.intermediate_values.values())
        assert each.value in (trial.value, None)
    mine = hpo.create_study("mine", space=findings.read_space(), storage=tmp_path / "h.db", max_epochs=3, seed=0)
    assert warm_start(mine, url) == 20
    assert mine.best_params == study.best_trial.params
    assert mine.best_value == study.best_value


NAN = float("nan")
REPORTS = {
    "the last is the value": ([(1, {0: 4, 1: 3, 2: 1}), (2, {1: 3, 2: 2}), (None, {0: 5, 1: 4})], [3, 2, 2], []),
    "the best is the value": ([(1, {0: 4, 1: 1, 2: 3}), (2, {0: 2, 1: 3}), (None, {0: 5})], [3, 2, 1], []),
    "none": ([(1, {}), (2, {})], [0, 0], []),
    "none of some": ([(1, {}), (2, {0: 2})], [0, 1], ["1 complete .*they have no steps"]),
    "another measure": (
        [(1, {0: 0.5, 1: 0.4}), (2, {0: 0.1, 1: 0.05}), (None, {0: 9, 1: 8})],
        [0, 0],
        ["2 complete .*neither the last nor the best", "1 pruned .*measure something else"],
    ),
    "one mean among many": (
        [(1, {0: 3, 1: 1}), (2, {0: 3, 1: 2}), (2.5, {0: 3, 1: 2}), (None, {0: 4})],
        [2, 2, 0, 1],
        ["1 complete .*neither the last nor the best"],
    ),
    "gaps": (
        [(1, {5: 3, 10: 1}), (2, {0: 3, 2: 2}), (None, {5: 4}), (3, {2: 4, 3: 3})],
        [0, 0, 0],
        ["3 complete .*one finite value for each epoch", "1 pruned .*one finite value for each epoch"],
    ),
    "NaN amid": (
        [(1, {0: 3, 1: NAN, 2: 1}), (2, {0: 2, 1: NAN}), (None, {0: 4, 1: NAN, 2: 5}), (None, {0: 4, 1: NAN})],
        [0, 0, 1],
        ["2 complete .*one finite value", "1 pruned .*one finite value"],
    ),
    "better on the way": (
        [(1.5, {0: 4, 1: 1, 2: 1.5}), (2, {0: 1.5, 1: 2}), (3, {0: 2, 1: 3}), (None, {0: 1.5, 1: 9}), (None, {0: 1.6})],
        [0, 0, 2, 1],
        ["2 complete .*as good as its best epoch", "1 pruned .*as good as its best epoch"],
    ),
}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("reports", REPORTS)
def test_steps_are_a_curve_where_they_lead_to_the_value(reports, direction, tmp_path):
    """Of other trials the value alone is kept, and that is noted: whatever was reported, the best is Optuna's best."""
    trials, lengths, notes = REPORTS[reports]
    sign = 1 if direction == "minimize" else -1
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", direction=direction)
    for number, (value, steps) in enumerate(trials):
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.PRUNED if value is None else optuna.trial.TrialState.COMPLETE,
                value=value and sign * value,
                params={"x": number / 10},
                distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
                intermediate_values={step: sign * each for step, each in steps.items()},
            )
        )
    findings = read_optuna(str(tmp_path / "optuna.db"))
    assert [len(each.steps) for each in findings.results] == lengths
    assert len(findings.notes) == len(notes)
    assert all(re.match(expected, note) for expected, note in zip(notes, findings.notes, strict=True))
    for most in {findings.max_epochs, 1}:
        mine = empty_study(tmp_path / "hpo.db", name=str(most), direction=direction, max_epochs=most)
        begin_with(mine, findings, skip_unfit=True)
        assert (mine.best_params, mine.best_value) == (study.best_params, study.best_value)
        assert [trial.epochs for trial in mine.trials] == (
            [n for n in lengths if n] if most > 1 else [1] * len(mine.trials)
        )


def test_the_space_is_derived(theirs):
    """Bounds, scales, categories and conditions are those that the trials were drawn with; steps are not kept."""
    space = read_optuna(theirs[1]).read_space()
    assert space == hpo.Space(
        x=hpo.Float(1e-4, 1e-1, log=True),
        n=hpo.Int(8, 256, log=True),
        k=hpo.Int(1, 9),
        kind=hpo.Choice("relu", "tanh", None, 1, 2.5),
        slope=hpo.Float(0, 1, when={"kind": "relu"}),
    )


def test_what_cannot_be_taken_over_from_optuna_is_refused(tmp_path):
    """Another direction, several objectives, categories that are no JSON values, no such study: each a clear error."""
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    study = empty_study(tmp_path / "hpo.db")
    up = optuna.create_study(study_name="up", storage=url, direction="maximize")
    up.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(hpo.SettingError, match="maximize"):
        warm_start(study, url)
    both = optuna.create_study(study_name="both", storage=url, directions=["minimize", "maximize"])
    both.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1), n_trials=1)
    with pytest.raises(hpo.SettingError, match=r"'up', 'both'.*--optuna-study"):
        warm_start(study, url)
    with pytest.raises(hpo.SettingError, match="2 objectives"):
        warm_start(study, url, optuna_study="both")
    odd = optuna.create_study(study_name="odd", storage=url)
    odd.optimize(lambda trial: len(trial.suggest_categorical("x", [[1], [1, 2]])), n_trials=1)
    with pytest.raises(hpo.SpaceError, match=r"categories of 'x'.*--space"):
        read_optuna(url, "odd").read_space()
    with pytest.raises(hpo.SettingError, match=r"line|trial 0: .*finite number"):
        warm_start(study, url, optuna_study="odd")
    assert study.trials == []


def test_other_databases_are_no_studies_of_optuna(tmp_path):
    """No file, no table, an unreachable server, a password in the URL: an error without the password, never a traceback."""
    study = empty_study(tmp_path / "hpo.db")
    sqlite3.connect(tmp_path / "bare.db").execute("CREATE TABLE studies (study_id)").connection.close()
    for source, message in (
        (tmp_path / "bare.db", "no study of Optuna can be read"),
        (tmp_path / "hpo.db", "no study of Optuna can be read"),
        (
            "postgresql://me:secret@127.0.0.1:1/nothing",
            "no study of Optuna can be read from postgresql://127.0.0.1:1/nothing:",
        ),
        ("postgresql://127.0.0.1:1/nothing?user=me&password=secret", "read from postgresql://127.0.0.1:1/nothing:"),
        ("postgresql://me:top@secret@127.0.0.1:1/nothing", "an @ too many.*%40"),
        (f"sqlite:///file:{tmp_path / 'bare.db'}?uri=true&token=secret", r"read from sqlite:///file:\S+bare\.db:"),
        ("mysql://me:secret@host/nothing", "not supported|not a database URL"),
    ):
        with pytest.raises(hpo.HpoError, match=message) as caught:
            warm_start(study, source, optuna_study="x")
        assert "secret" not in str(caught.value)


def test_of_a_url_only_the_place_is_kept(theirs, tmp_path):
    """The trail and the jobs name driver, host, port and database: no user, no password, no setting of the URL."""
    url = sa.make_url(theirs[1])
    if url.get_backend_name() == "sqlite":
        url, place = f"sqlite:///file:{url.database}?uri=true&token=secret", f"sqlite:///file:{url.database}"
    else:
        place = f"postgresql://{url.host}:{url.port}/{url.database}"
        user = {"user": url.username, "password": url.password or "secret"}
        url = url.set(username=None, password=None).update_query_dict(user).render_as_string(hide_password=False)
    study = empty_study(tmp_path / "hpo.db", read_optuna(url).read_space(), max_epochs=3)
    warm_start(study, url)
    with study.database.read() as connection:
        [kept] = connection.execute(sa.text("SELECT details FROM interventions")).scalars()
        reason = connection.execute(sa.text("SELECT reason FROM jobs WHERE number = 0")).scalar_one()
    assert json.loads(kept)["from"] == f"{place}, study theirs"
    assert json.loads(reason)["from"] == f"{place}, study theirs, trial 0"


def test_a_csv_file_has_quotes_and_commas(tmp_path):
    """Text with commas, quotes and line breaks in it is one cell."""
    space = hpo.Space({'a "b", c': hpo.Choice("x,y", 'q"q', "two\nlines")})
    path = tmp_path / "h.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([['a "b", c', "value"], ["x,y", 1], ['q"q', 2], ["two\nlines", 3]])
    study = empty_study(tmp_path / "hpo.db", space)
    assert warm_start(study, path) == 3
    assert [list(t.params.values()) for t in study.trials] == [["x,y"], ['q"q'], ["two\nlines"]]
