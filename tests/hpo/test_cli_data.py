"""The command line on tables of every kind: several targets, weighted rows, classes in balance; and on to Python."""

import csv
import io
import json

import pytest
from command_line import command_here
from toy_tables import TARGETS, WEIGHT, table

from hpo import Choice, Float, NetworkObjective, Space, create_study, load_model, load_study

SMALL = ("--trials", 3, "--max-epochs", 3, "--jobs", 1, "--backend", "threading", "--seed", 1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_several_targets(kind, here, capsys):
    """Targets joined by commas or named one by one are one search; its saved network predicts a column for each."""
    table(kind).to_csv("table.csv", index=False)
    first, second = TARGETS[kind]
    run = ("run", "table.csv", *SMALL, "--weight", WEIGHT, "-f", "json")
    joined = command_here(capsys, *run, "--target", f"{first},{second}")
    single = command_here(capsys, *run, "--target", first, "--target", second, "--name", "single")
    outcomes = [json.loads(said.out) for said in (joined, single)]
    assert f": {first}, {second}" in joined.err
    assert ("in standard deviations of each target" in joined.err) == (kind == "numbers")
    for name in ("metric", "value", "params", "test"):
        assert outcomes[0][name] == outcomes[1][name] is not None

    assert command_here(capsys, "best", "table", "--save", "best.hpo").code == 0
    header, *rows = csv.reader(io.StringIO(command_here(capsys, "predict", "best.hpo", "table.csv").out))
    assert header == [first, second]
    assert rows == [[str(value) for value in row] for row in load_model("best.hpo").predict("table.csv").tolist()]
    asked = command_here(capsys, "predict", "best.hpo", "table.csv", "--proba")
    if kind == "numbers":
        assert asked.code == 2
        assert "has no probabilities" in asked.err
    else:
        header, *rows = csv.reader(io.StringIO(asked.out))
        assert header == [first, second]
        expected = load_model("best.hpo").predict_proba("table.csv")
        assert rows == [[str(value) for value in row] for row in expected.tolist()]
    if kind == "labels":
        header, *rows = csv.reader(io.StringIO(command_here(capsys, "predict", "best.hpo", "table.csv").out))
        assert [set(column) for column in zip(*rows, strict=True)] == [{"yes", "no"}, {"True", "False"}]


def test_probabilities_of_classes_have_a_column_each(here, capsys):
    """`hpo predict --proba` writes a column for each class, named target=class, whose rows sum to 1."""
    table("classes").to_csv("table.csv", index=False)
    assert command_here(capsys, "run", "table.csv", "--target", "kind", "--drop", WEIGHT, *SMALL).code == 0
    assert command_here(capsys, "best", "table", "--save", "best.hpo").code == 0
    header, *rows = csv.reader(io.StringIO(command_here(capsys, "predict", "best.hpo", "table.csv", "--proba").out))
    model = load_model("best.hpo")
    assert header == [f"kind={label}" for label in model.target.classes]
    assert all(abs(sum(map(float, row)) - 1) < 1e-5 for row in rows)


def test_weight_and_balance(here, capsys):
    """--weight and --balance are told, and are those of the objective: the value is the weighted metric."""
    table("classes").to_csv("table.csv", index=False)
    run = ("run", "table.csv", "--target", "kind", *SMALL, "--metric", "balanced_accuracy", "--weight", WEIGHT)
    said = command_here(capsys, *run, "--balance", "-f", "json")
    assert f"weight     {WEIGHT}" in said.err
    assert "balance    each class" in said.err
    study, data = load_study("table"), load_study("table").objective.data
    objective = NetworkObjective("table.csv", target="kind", metric="balanced_accuracy", weight=WEIGHT, balance=True)
    assert study.spec.objective["data"] == objective.source["data"]
    value = study.best_model().evaluate(data, "validation")["balanced_accuracy"]
    assert json.loads(said.out)["value"] == study.winner.value == pytest.approx(value)


def test_a_run_under_a_schedule_goes_on_in_python(here, capsys):
    """`hpo run` left half-way and resumed in Python, with cosines that end at --max-epochs, is the search in one go."""
    table("classes").to_csv("table.csv", index=False)
    (here / "space.toml").write_text(
        '[space]\nschedule = {type = "choice", values = ["cosine"]}\n'
        'learning_rate = {type = "float", low = 1e-3, high = 1e-1, log = true}\n'
    )
    run = ("run", "table.csv", "--target", "kind", "--space", "space.toml", "--trials", 9, "--max-epochs", 9)
    few = ("--strategy", "halving", "--budget", 13, "--seed", 1, "--jobs", 1, "--backend", "threading")
    assert command_here(capsys, *run, *few).code == 0
    resumed = load_study("table").optimize(budget=1000)
    whole = create_study(
        space=Space(schedule=Choice("cosine"), learning_rate=Float(1e-3, 1e-1, log=True)),
        objective=NetworkObjective("table.csv", target="kind"),
        strategy="halving",
        max_epochs=9,
        seed=1,
        storage=None,
    ).optimize(9)
    assert resumed.spec.objective["schedule_epochs"] == 9
    assert max(map(len, resumed.curves().values())) == 9
    assert resumed.curves() == whole.curves()
