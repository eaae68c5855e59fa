"""What the documentation says is run, and true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hpo
from hpo.network_objective import default_space
from hpo.sources import load_objective
from strategies import Space

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_example_runs(tmp_path: Path) -> None:
    """README's session in Python runs as it is written."""
    (example,) = [block for block in blocks("python") if "create_study" in block]
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_objective_of_ones_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's objective, its space in TOML and its strategy fit together."""
    import tomllib

    (script,) = [block for block in blocks("python") if block.startswith("# train.py")]
    (toml,) = [block for block in blocks("toml") if block.startswith("# space.toml")]
    strategy = re.search(r"--space space.toml --strategy (\S+)", README)
    (tmp_path / "train.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    study = hpo.create_study(
        space=Space.from_dict(tomllib.loads(toml)["space"]),
        objective=load_objective("train.py:objective"),
        strategy=strategy[1],
        storage=None,
    )
    study.optimize(5)
    assert study.best_value < 1


def test_the_study_file_is_a_search(tmp_path: Path) -> None:
    """README's study file is read as it stands, and its space and guesses fit its objective."""
    from hpo.cli.run_settings import read_study_file

    (toml,) = [block for block in blocks("toml") if block.startswith("# study.toml")]
    (tmp_path / "study.toml").write_text(toml)
    settings = read_study_file(tmp_path / "study.toml")
    assert settings.space is not None
    assert [guess in settings.space for guess in settings.guesses] == [True]
    assert hpo.parse_strategy(str(settings.strategy)).name == settings.strategy


def test_the_estimator_is_cross_validated(capsys: pytest.CaptureFixture[str]) -> None:
    """README's estimator, run as it stands, prints three scores that a digit's reader may have."""
    (example,) = [block for block in blocks("python") if "cross_val_score" in block]
    exec(example, {})  # noqa: S102 - it is what the test is about
    scores = [float(score) for score in capsys.readouterr().out.strip(" []\n").split()]
    assert len(scores) == 3
    assert min(scores) > 0.88


def test_the_question_in_sql_is_answered(tmp_path: Path) -> None:
    """README's query gives one row an optimizer, with the columns shown."""
    query = re.search(r'hpo sql "(SELECT optimizer.*)"', README)[1]
    path = tmp_path / "hpo.db"
    study = hpo.create_study("digits", objective=hpo.NetworkObjective("digits"), max_epochs=3, seed=0, storage=path)
    study.optimize(12)
    import sqlite3

    cursor = sqlite3.connect(path).execute(query)
    assert [column[0] for column in cursor.description] == ["optimizer", "learning_rate", "accuracy"]
    found = {optimizer: (rate, best) for optimizer, rate, best in cursor}
    assert set(found) == set(default_space().parameters["optimizer"].values)
    for optimizer, (rate, best) in found.items():
        mine = [trial for trial in study.trials if trial.params["optimizer"] == optimizer]
        top = max(mine, key=lambda trial: trial.value or 0)
        assert (top.params["learning_rate"], top.value) == (rate, best)


def test_the_commands_are_known() -> None:
    """Every `hpo` command and option in README is one of the program's."""
    used = re.findall(r"^ {4}hpo (\w+)(.*)$", README, re.MULTILINE)
    assert {name for name, _ in used} >= {"run", "resume", "show", "best", "sql", "predict"}
    for name in {name for name, _ in used}:
        done = subprocess.run(
            [sys.executable, "-m", "hpo", name, "--help"],
            capture_output=True,
            text=True,
            check=False,
            env={"COLUMNS": "200", "PATH": "", "TERM": "dumb"},
        )
        assert done.returncode == 0, done.stderr
        for option in {
            option for used_name, rest in used if used_name == name for option in re.findall(r"--[\w-]+", rest)
        }:
            assert option in done.stdout, f"hpo {name} has no {option}"


def test_ci_runs_the_test_command_to_the_letter() -> None:
    """The command that README gives for the tests is the one that CI runs."""
    command = re.search(r"^ {4}(python3 -m venv .*pytest.*)$", README, re.MULTILINE)[1]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_version_is_one() -> None:
    """The package and pyproject.toml agree on the version."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == hpo.__version__
