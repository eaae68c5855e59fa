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
    for name in ("metric", "value", "params", "test"):
        assert outcomes[0][name] == outcomes[1][name] is not None

    assert command_here(capsys, "best", "table", "--save", "best.hpo").code == 0
    header, *rows = csv.reader(io.StringIO(command_here(capsys, "predict", "best.hpo", "table.csv").out))
    assert header == [first, second]
    assert rows == [[str(value) for value in row] for row in load_model("best.hpo").predict("table.csv").tolist()]
    if kind == "labels":
        assert [set(column) for column in zip(*rows, strict=True)] == [{"yes", "no"}, {"True", "False"}]


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
    assert json.loads(said.out)["value"] == study.best_value == pytest.approx(value)


def test_a_run_under_a_schedule_goes_on_in_python(here, capsys):
    """`hpo run` left half-way and resumed in Python, with cosines that end at --max-epochs, is the search in one go."""
    table("classes").to_csv("table.csv", index=False)
    (here / "space.toml").write_text(
        '[space]\nschedule = {type = "choice", values = ["cosine"]}\n'
        'learning_rate = {type = "float", low = 1e-3, high = 1e-1, log = true}\n'
    )
    run = ("run", "table.csv", "--target", "kind", "--space", "space.toml", "--trials", 9, "--max-epochs", 9)
    few = ("--budget", 13, "--seed", 1, "--jobs", 1, "--backend", "threading")
    assert command_here(capsys, *run, *few).code == 0
    resumed = load_study("table").optimize(budget=1000)
    whole = create_study(
        space=Space(schedule=Choice("cosine"), learning_rate=Float(1e-3, 1e-1, log=True)),
        objective=NetworkObjective("table.csv", target="kind"),
        max_epochs=9,
        seed=1,
        storage=None,
    ).optimize(9)
    assert resumed.spec.objective["schedule_epochs"] == 9
    assert max(map(len, resumed.curves().values())) == 9
    assert resumed.curves() == whole.curves()
