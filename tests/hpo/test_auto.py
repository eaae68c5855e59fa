"""`auto` in use: in Python, on the command line and in study files; the choice is on record, and said."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import command_here
from evidence import rows
from searches import SPACE, Trainer

import hpo
from strategies import names
from strategies.auto import RULES


def plain(params: dict[str, float]) -> float:
    return params["x"]


def generated(params: dict[str, float]):
    yield params["x"]


CHOICE = hpo.Space(kind=hpo.Choice("a", "b", "c"))
CHOSEN: list[tuple[dict[str, Any], str, str]] = [
    ({"objective": plain, "n_trials": 20, "space": CHOICE}, "grid", "grid, as the space has 3 points"),
    ({"objective": plain, "n_trials": 5}, "sobol", "sobol, as 5 trials are too few"),
    ({"objective": Trainer, "n_trials": 50}, "tpe+asha", "tpe+asha, as trials of 100 epochs can be paused"),
    ({"objective": generated, "n_trials": 50}, "bayes+median", "bayes+median, as trials of up to 100 epochs cannot"),
    ({"objective": plain, "n_trials": 500}, "tpe", "tpe, as so many"),
    ({"objective": plain, "n_trials": 50}, "bayes", "bayes, as 50 trials"),
    ({"n_trials": 50}, "bayes", "bayes, as 50 trials"),
]


@pytest.mark.parametrize("written", [None, "auto", " auto "])
@pytest.mark.parametrize(("settings", "name", "why"), CHOSEN)
def test_the_circumstances_of_a_study_decide(
    settings: dict[str, Any], name: str, why: str, written: str | None, tmp_path: Path
) -> None:
    """Unset and "auto" choose by the objective, the space and the bounds; the sentence is stored with the study."""
    path = tmp_path / "auto.db"
    study = hpo.create_study("auto", strategy=written, storage=path, **{"space": SPACE} | settings)
    assert study.spec.strategy == hpo.parse_strategy(name)
    assert str(study.spec.chosen).startswith(why)
    assert rows(path, "SELECT chosen FROM studies") == [(study.spec.chosen,)]
    assert hpo.load_study("auto", storage=path).spec.chosen == study.spec.chosen


def test_who_chooses_is_told_nothing() -> None:
    """Of a strategy that the user named there is no sentence on record."""
    assert hpo.create_study(space=SPACE, objective=plain, strategy="tpe", storage=None).spec.chosen is None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


@pytest.mark.parametrize("way", ["unset", "option", "file"])
def test_the_choice_is_said(way: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`hpo run` and `hpo show` say the strategy chosen and why, whether nothing is said, or auto by option or file."""
    line = ["run", "iris", "--trials", 12, "--max-epochs", 3, "--seed", 1, "--no-confirm"]
    line += ["--jobs", 1, "--backend", "threading"]
    if way == "option":
        line += ["--strategy", "auto"]
    if way == "file":
        (here / "study.toml").write_text('name = "iris"\ndata = "iris"\nstrategy = "auto"\n')
        line[1] = "study.toml"
    said = command_here(capsys, *line)
    assert said.code == 0, said.err
    why = "tpe+asha, as trials of 3 epochs can be paused"
    assert why in " ".join(said.err.split())
    assert why in " ".join(command_here(capsys, "show", "iris").out.split())
    facts = json.loads(command_here(capsys, "show", "iris", "--format", "json").out)
    assert facts["strategy"] == "tpe+asha"
    assert facts["chosen"].startswith(why)


def test_what_a_person_chose_is_not_explained(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`hpo show` of a study whose strategy the user named has no line of auto's."""
    hpo.create_study("mine", space=SPACE, objective=plain, strategy="tpe", storage=here / "hpo.db")
    assert not [line for line in command_here(capsys, "show", "mine").out.splitlines() if line.startswith("auto")]
    assert json.loads(command_here(capsys, "show", "mine", "--format", "json").out)["chosen"] is None


def test_the_rules_are_listed_beside_the_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    """`hpo strategies` shows every strategy, and every rule with when, what and why; CSV and JSON give both as well."""
    table = " ".join(command_here(capsys, "strategies").out.split())
    found = json.loads(command_here(capsys, "strategies", "--format", "json").out)
    read = list(csv.DictReader(io.StringIO(command_here(capsys, "strategies", "--format", "csv").out)))
    rules = [line for line in found if line["kind"] == "auto"]
    assert [line["name"] for line in found if line["kind"] != "auto"] == [*names()]
    assert [(line["when"], line["name"], line["summary"]) for line in rules] == [
        (rule.when, rule.strategy, rule.reason) for rule in RULES
    ]
    assert all(name in table for name in names())
    assert [{key: value or "" for key, value in line.items()} for line in found] == read
    assert "--strategy auto" in table


def test_the_table_holds_the_rules(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a wide terminal each rule is one line: when, strategy, why."""
    monkeypatch.setenv("COLUMNS", "250")
    lines = [" ".join(line.split()) for line in command_here(capsys, "strategies").out.splitlines()]
    for rule in RULES:
        assert f"{rule.when} {rule.strategy} {rule.reason}" in lines


def test_a_thinned_grid_is_not_taken_for_the_whole_space() -> None:
    """Where `points` thin a parameter out, a grid would leave most of the space untried: it is not chosen."""
    study = hpo.create_study(space=hpo.Space(n=hpo.Int(1, 100, points=3)), n_trials=150, storage=None)
    assert study.spec.strategy.name == "bayes+full"
    whole = hpo.create_study(space=hpo.Space(n=hpo.Int(1, 100)), n_trials=150, storage=None)
    assert whole.spec.strategy.name == "grid+full"
