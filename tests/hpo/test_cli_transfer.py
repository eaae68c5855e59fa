"""Studies moved on the command line: exported, imported, copied; begun with what another tool has found."""

import json
import stat

import optuna
import pytest
from command_line import command, command_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hpo

FILES = {
    "train.py": "def objective(params):\n    return (params['x'] - 0.3) ** 2\n",
    "space.toml": '[space]\nx = {type = "float", low = 0, high = 1}\n',
    "history.csv": "x,value\n0.5,0.04\n0.25,0.0025\n0.9,0.36\n",
}
RUN = ("run", "train.py:objective", "--space", "space.toml", "--jobs", 1, "--backend", "threading", "--no-confirm")
ODD = [
    "'; DROP TABLE trials; --",
    "select",
    "%s %(x)s",
    "a\nb\x01",
    "🙂" * 60,
    "\u202eabc",
    "x" * 300,
    '"',
    "\\",
    "..",
    "/",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files above, and a study `train` of six trials that is to have twelve."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


@pytest.fixture
def cli(folder, capsys):
    """A command in that folder: `cli("list")`."""
    return lambda *arguments: command_here(capsys, *arguments)


def values(name="train", storage="default"):
    """The numbers, params and values of a study's trials."""
    study = hpo.load_study(name, storage=storage)
    found = [(trial.number, trial.params, trial.value) for trial in study.trials]
    study.database.close()
    return found


def test_a_search_is_moved_and_goes_on(cli, folder, any_url):
    """Exported, imported elsewhere and resumed there by its objective's path, it has the trials that the original has."""
    assert cli(*RUN, "--trials", 6, "--strategy", "tpe", "--seed", 4).code == 0
    said = cli("export", "train")
    assert (said.code, said.out) == (0, "")
    assert "hpo import train.hpo" in said.err
    assert stat.S_IMODE((folder / "train.hpo").stat().st_mode) == 0o600
    said = cli("import", "train.hpo", "--storage", any_url.replace("hpo.db", "there.db"))
    assert said.code == 0
    assert "train.py:objective" in said.err
    elsewhere = any_url.replace("hpo.db", "there.db")
    for storage in ("sqlite:///hpo.db", elsewhere):
        resumed = cli("resume", "train", "--trials", 12, "--jobs", 1, "--no-confirm", "--storage", storage)
        assert resumed.code == 0, resumed.err
    assert len(values()) == 12
    assert values() == values(storage=elsewhere)


def test_a_copy_is_another_study(cli, folder):
    """A copy is the study under another name, or in another database; the original stays as it is."""
    assert cli(*RUN, "--trials", 3).code == 0
    said = cli("copy", "train", "--to", "other.db", "--name", "second")
    assert said.code == 0, said.err
    assert "hpo resume second --storage sqlite:///other.db" in said.err
    assert values("second", "sqlite:///other.db") == values()
    assert cli("copy", "train", "--to", "hpo.db", "--name", "third").code == 0
    rows = json.loads(cli("list", "--format", "json").out)
    assert [row["name"] for row in rows] == ["train", "third"]
    assert cli("copy", "train", "--to", "other.db", "--name", "second").code == 2


def test_results_begin_a_study(cli, folder):
    """A CSV file and a space make a study whose first trials are known, which count in --trials; hpo why tells of them."""
    said = cli(
        *("import", "history.csv", "--name", "warm", "--space", "space.toml", "--objective", "train.py:objective"),
        *("--trials", 5, "--strategy", "random"),
    )
    assert said.code == 0, said.err
    assert "begins with 3 results" in said.err
    assert "2 are left to start" in said.err
    assert cli("resume", "warm", "--jobs", 1, "--no-confirm").code == 0
    found = values("warm")
    assert [value for _, _, value in found[:3]] == [0.04, 0.0025, 0.36]
    assert len(found) == 5
    assert "brought in from history.csv, line 3" in cli("why", "warm", 1).out
    trail = json.loads(cli("trail", "warm", "--format", "json").out)
    assert [row["action"] for row in trail] == ["import"]
    again = cli("import", "history.csv", "--into", "warm")
    assert again.code == 2
    assert "--as guesses" in again.err


def test_guesses_begin_a_study(cli, folder):
    """With --as guesses the best rows are tried first, each once, in a new study or in one that has begun."""
    made = cli(
        *("import", "history.csv", "--name", "warm", "--space", "space.toml", "--objective", "train.py:objective"),
        *("--as", "guesses", "--best", 2, "--trials", 2),
    )
    assert made.code == 0, made.err
    assert cli("resume", "warm", "--jobs", 1, "--no-confirm").code == 0
    assert [params["x"] for _, params, _ in values("warm")] == [0.25, 0.5]
    assert cli("import", "history.csv", "--into", "warm", "--as", "guesses").code == 0
    assert cli("resume", "warm", "--trials", 3, "--jobs", 1, "--no-confirm").code == 0
    assert [params["x"] for _, params, _ in values("warm")] == [0.25, 0.5, 0.9]


def test_a_study_of_optuna_becomes_one_of_ours(cli, folder):
    """Its space and direction are as they were; its trials are the first; the choice among several is asked for."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name in ("one", "two"):
        study = optuna.create_study(study_name=name, storage="sqlite:///optuna.db", direction="maximize")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    said = cli("import", "optuna.db", "--name", "warm")
    assert said.code == 2
    assert "'one', 'two'" in said.err
    assert cli("import", "optuna.db", "--name", "warm", "--optuna-study", "two").code == 0
    warm = hpo.load_study("warm")
    assert warm.direction == "maximize"
    assert warm.best_value == study.best_value
    said = cli("import", "optuna.db", "--optuna-study", "two", "--name", "down", "--direction", "minimize")
    assert said.code == 2
    assert [row["name"] for row in json.loads(cli("list", "--format", "json").out)] == ["warm"]


WRONG = [
    (("export", "nothing"), "no study 'nothing'"),
    (("export", "train", "--output", "nowhere/x.hpo"), "cannot be written"),
    (("export", "train", "--output", "train.py"), "--overwrite"),
    (("import", "nothing.hpo"), "--into"),
    (("import", "nothing.csv", "--into", "train"), "no file nothing.csv"),
    (("import", "history.csv"), "--into NAME, or a new --name"),
    (("import", "history.csv", "--into", "train", "--name", "x"), "--into NAME, or a new --name"),
    (("import", "history.csv", "--name", "x"), "--space FILE.toml"),
    (("import", "history.csv", "--into", "train", "--trials", 3), "--trials is about a new study"),
    (("import", "history.csv", "--into", "nothing"), "no study 'nothing'"),
    (("import", "history.csv", "--into", "train"), "--as guesses"),
    (("import", "hpo.db", "--name", "x"), "no study of Optuna"),
    (("import", "broken.hpo"), "is not a study file"),
    (("copy", "train", "--to", "hpo.db"), "exists already"),
    (("copy", "train", "--to", "mysql://me:secret@host/x"), "not"),
]


def test_pruned_trials_beside_values_alone(cli, folder):
    """Where a trial of Optuna keeps its value alone, the new study has one epoch, and pruned ones are left out: it is said."""
    theirs = optuna.create_study(study_name="old", storage="sqlite:///optuna.db")
    for x, value, steps in ((0.1, 1.5, [4, 1, 1.5]), (0.2, 2.0, [3, 2]), (0.3, None, [4, 5])):
        theirs.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.PRUNED if value is None else optuna.trial.TrialState.COMPLETE,
                value=value,
                params={"x": x},
                distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
                intermediate_values=dict(enumerate(steps)),
            )
        )
    said = cli("import", "optuna.db", "--name", "new")
    assert said.code == 0, said.err
    assert "1 trials that were stopped on their way are left out" in said.err
    assert values("new") == [(0, {"x": 0.1}, 1.5), (1, {"x": 0.2}, 2.0)]


def test_what_is_wrong_is_said(cli, folder):
    """Wrong use exits with 2 and one line that says what to do; never a traceback, never a password, and nothing is written."""
    assert cli(*RUN, "--trials", 1).code == 0
    (folder / "broken.hpo").write_bytes(b"PK\5\6" + b"\xff" * 40)
    (folder / "train.hpo").unlink(missing_ok=True)
    before = sorted(path.name for path in folder.iterdir() if not path.name.startswith("hpo.db"))
    for arguments, message in WRONG:
        said = cli(*arguments)
        assert said.code == 2, (arguments, said)
        assert message in said.err, (arguments, said.err)
        assert "Traceback" not in said.err
        assert "secret" not in said.err
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("hpo.db")) == before
    assert [row["name"] for row in json.loads(cli("list", "--format", "json").out)] == ["train"]


def test_a_process_of_its_own_does_the_same(cli, folder):
    """As a person types it, with names that a shell has to quote: done, and said on stderr alone."""
    assert cli(*RUN, "--trials", 2).code == 0
    assert command("export", "train", "-o", "a b.hpo", cwd=folder).code == 0
    said = command("import", "a b.hpo", "-n", "it's", cwd=folder)
    assert (said.code, said.out) == (0, "")
    assert """hpo resume 'it'"'"'s'""" in said.err


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.lists(st.sampled_from(ODD) | st.text(min_size=1, max_size=80), min_size=1, max_size=4, unique=True),
)
def test_any_names_go_all_the_way(any_url, tmp_path, capsys, study_name, names):
    """Created, seen, questioned, renamed, exported and imported, on both databases: whatever studies and params are called."""
    try:
        space = hpo.Space({name: hpo.Float(i, i + 1) for i, name in enumerate(names)})
        study = hpo.create_study(study_name, space=space, storage=any_url, seed=0, strategy="random")
    except (hpo.SpaceError, hpo.SettingError, hpo.StudyExists):
        return
    try:
        trial = study.ask()
        study.tell(trial, 1.0)
        said = command_here(
            capsys, "sql", f"SELECT * FROM {study.record.view}", "--format", "json", "--storage", any_url
        )
        assert said.code == 0, said.err
        (row,) = json.loads(said.out)
        assert list(row.values())[-len(names) :] == list(trial.params.values())
        study.rename("plain")
        path = hpo.export_study("plain", tmp_path / "study.hpo", storage=any_url)
        study.rename(study_name)
        moved = hpo.import_study(path, storage=any_url)
        assert [each.params for each in moved.trials] == [trial.params]
        hpo.delete_study("plain", storage=any_url, force=True)
    finally:
        hpo.delete_study(study.name, storage=any_url, force=True)
