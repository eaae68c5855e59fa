"""The command line from a first run to a prediction, on a small study."""

import csv
import io
import json
import sqlite3

import pytest
from command_line import command, command_here
from sklearn.datasets import load_iris

from hpo import Float, Space, create_study
from hpo.cli.main import app

ASKED = ("run", "iris", "--strategy", "halving", "--trials", 6, "--max-epochs", 3, "--jobs", 1, "--seed", 5)
LISTINGS = {
    "list": ("list",),
    "show": ("show", "iris"),
    "best": ("best", "iris"),
    "trials": ("trials", "iris"),
    "one trial": ("trials", "iris", "--trial", 0),
    "curves": ("curves", "iris"),
    "why": ("why", "iris", 0),
    "sql": ("sql", "SELECT * FROM iris_trials"),
    "trail": ("trail",),
    "strategies": ("strategies",),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder in which a study has run, with its output piped; and what it said."""
    folder = tmp_path_factory.mktemp("flow")
    return folder, command(*ASKED, "--backend", "threading", "--format", "json", cwd=folder)


@pytest.fixture
def here(ran, monkeypatch):
    """The folder of the study, as the current one."""
    monkeypatch.chdir(ran[0])
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return ran[0]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


@pytest.fixture
def hpo(here, capsys):
    """A command in this folder: `hpo("list")`."""
    return lambda *arguments: command_here(capsys, *arguments)


def test_a_run_tells_its_outcome(ran):
    """A run says what it searches on stderr, and with --format json nothing but its outcome on stdout."""
    _, said = ran
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["trials"] == {"complete": 2, "stopped": 4}
    assert found["seed"] == 5
    assert found["epochs"] + found["epochs_saved"] == 6 * 3
    assert 0 <= found["test"]["accuracy"] <= 1
    for part in (
        "study iris: network on iris",
        "150 rows",
        "--seed 5",
        "sqlite:///hpo.db",
        "trials: 6",
        "up to 3 a trial",
    ):
        assert part in said.err


def test_piped_output_is_plain(ran):
    """Where no terminal is, no control character is written, not even if colour is asked for."""
    folder, said = ran
    loud = command("list", cwd=folder, FORCE_COLOR="1")
    assert loud.code == 0
    assert not {c for c in said.out + said.err + loud.out if not c.isprintable() and c != "\n"}


def test_the_same_seed_is_the_same_search(ran, tmp_path):
    """The same command with the same seed gives the same trials, on processes or threads."""
    again = command(*ASKED, "--format", "json", cwd=tmp_path)
    query = "SELECT number, params, state, epochs, value FROM trials ORDER BY number"
    first, second = (sqlite3.connect(folder / "hpo.db").execute(query).fetchall() for folder in (ran[0], tmp_path))
    assert again.code == 0
    assert first == second


@pytest.mark.parametrize("listing", LISTINGS)
def test_listings_in_every_format(hpo, listing):
    """Every listing is a table for people, and CSV and JSON of the same records for programs."""
    table, as_csv, as_json = (hpo(*LISTINGS[listing], "--format", form) for form in ("table", "csv", "json"))
    assert [said.code for said in (table, as_csv, as_json)] == [0, 0, 0]
    assert table.out.strip()
    assert as_csv.err == as_json.err == ""
    records = json.loads(as_json.out)
    rows = list(csv.DictReader(io.StringIO(as_csv.out), strict=True))
    assert len(rows) == (len(records) if isinstance(records, list) else 1)
    assert all(None not in row for row in rows)  # none is longer than the header


def test_every_listing_is_tested():
    """All commands but those that act have a --format, and are in the list above."""
    acting = {"run", "resume", "worker", "confirm", "record", "replay", "predict"}
    acting |= {"retry", "discard", "extend", "pause", "stop", "rename", "delete", "export", "import", "copy"}
    assert {command.name for command in app.registered_commands} - acting == {line[0] for line in LISTINGS.values()}


def test_programs_get_full_precision(hpo, here):
    """CSV and JSON give back exactly the numbers of the database."""
    values = (
        sqlite3.connect(here / "hpo.db").execute("SELECT value, train_seconds FROM trials ORDER BY number").fetchall()
    )
    records = json.loads(hpo("trials", "iris", "-f", "json").out)
    rows = list(csv.DictReader(io.StringIO(hpo("trials", "iris", "-f", "csv").out)))
    assert [(record["value"], record["train_seconds"]) for record in records] == values
    assert [(float(row["value"]), float(row["train_seconds"])) for row in rows] == values


def test_the_best_are_the_best(hpo):
    """`trials --best-first`, `best`, `list` and the study's own view agree on the best trial."""
    ranked = json.loads(hpo("trials", "iris", "--best-first", "--limit", 3, "-f", "json").out)
    values = [record["value"] for record in ranked]
    assert values == sorted(values, reverse=True)
    assert len(values) == 3
    best = json.loads(hpo("best", "iris", "-f", "json").out)
    (study,) = json.loads(hpo("list", "-f", "json").out)
    (top,) = json.loads(hpo("sql", "SELECT max(value) AS value FROM iris_trials", "-f", "json").out)
    assert values[0] == study["best_value"] == top["value"]
    by_number = {record["number"]: record for record in json.loads(hpo("trials", "iris", "-f", "json").out)}
    winner = by_number[best["confirmed"][0]["trial"]]
    assert (best["trial"], best["params"], best["value"]) == (winner["number"], winner["params"], winner["value"])


def test_trials_can_be_chosen(hpo, here):
    """`--state` gives exactly the trials in that state."""
    stopped = json.loads(hpo("trials", "iris", "--state", "stopped", "-f", "json").out)
    assert {record["state"] for record in stopped} == {"stopped"}
    assert len(stopped) == 4


def test_curves_are_the_measurements(hpo, here):
    """`curves` with numbers gives every epoch of the trials that are named."""
    rows = json.loads(hpo("curves", "iris", 0, 3, "-f", "json").out)
    query = "SELECT trial, epoch, value FROM measurements WHERE trial IN (0, 3) ORDER BY trial, epoch"
    measured = sqlite3.connect(here / "hpo.db").execute(query).fetchall()
    assert [(row["trial"], row["epoch"], row["value"]) for row in rows] == measured
    assert "log_loss" in rows[0]


def test_curves_are_a_picture_for_people(hpo):
    """Without a format, `curves` draws: a title, an axis of epochs, and the best trials in the legend."""
    drawn = hpo("curves", "iris", "--top", 2).out
    best = json.loads(hpo("best", "iris", "-f", "json").out)["trial"]
    assert {"accuracy", "epoch"} <= set(drawn.split())
    assert f"trial {best}" in drawn


def test_what_show_tells(hpo):
    """`show` answers: how far, how good, how fast, where, and what next."""
    told = hpo("show", "iris").out
    for part in (
        "complete",
        "6 of 6",
        "accuracy",
        "epochs a second",
        "trials a minute",
        "iris_trials",
        "hpo resume iris",
    ):
        assert part in told
    facts = json.loads(hpo("show", "iris", "-f", "json").out)
    assert facts["epochs_per_second"] == pytest.approx(facts["epochs"] / facts["train_seconds"])


def test_a_saved_network_predicts(hpo, here):
    """`best --save` writes a model with which `predict` names classes in a table of its own, to stdout or a file."""
    load_iris(as_frame=True).data.to_csv(here / "flowers.csv", index=False)
    saved = hpo("best", "iris", "--save", "iris.hpo")
    assert "hpo predict iris.hpo" in saved.err
    predicted = hpo("predict", "iris.hpo", "flowers.csv")
    header, *rows = predicted.out.splitlines()
    assert header == "target"
    assert set(rows) <= {"setosa", "versicolor", "virginica"}
    assert len(rows) == 150
    hpo("predict", "iris.hpo", "flowers.csv", "--output", "found.csv")
    assert (here / "found.csv").read_text() == predicted.out


def test_what_comes_next_without_an_objective(empty, capsys):
    """A study that is driven by ask and tell cannot be resumed here, and nobody is told to."""
    study = create_study("asked", space=Space(x=Float(0, 1)), n_trials=5)
    assert "hpo trials asked" in command_here(capsys, "show", "asked").out
    study.tell(study.ask(), 0.5)
    assert "hpo best asked" in command_here(capsys, "show", "asked").out
    assert "resume" not in command_here(capsys, "show", "asked").out


@pytest.mark.parametrize(
    "writing",
    [
        ("best", "iris", "--save"),
        ("export", "iris", "--overwrite", "--output"),
        ("record", "iris", "--trials", 1, "--max-epochs", 1, "--jobs", 1, "--output"),
        ("predict", "iris.hpo", "flowers.csv", "--output"),
    ],
    ids=lambda line: line[0],
)
@pytest.mark.parametrize("name", ["hpo.db", "hpo.db-wal"])
def test_no_file_is_written_over_a_database(writing, name, hpo, here):
    """Whatever writes a file refuses to replace the database, or its log, by it."""
    load_iris(as_frame=True).data.to_csv(here / "flowers.csv", index=False)
    hpo("best", "iris", "--save", "iris.hpo")
    before = (here / "hpo.db").read_bytes()
    said = hpo(*writing, name)
    assert said.code in (1, 2)
    assert f"{name} is a database" in said.err
    assert (here / "hpo.db").read_bytes() == before
    assert not (here / "hpo.db-wal").exists()


def test_what_comes_next_can_be_typed(here, capsys):
    """The commands a run proposes work as they stand, also with a storage and a name that need quotes."""
    import shlex

    said = command_here(
        capsys, "run", "wine", "--trials", 3, "--max-epochs", 3, "--backend", "threading", "--jobs", 1,
        "--name", "my wine", "--storage", "other place.db",
    )  # fmt: skip
    assert said.code == 0
    lines = said.out.partition("next\n")[2].splitlines()
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "hpo"
        assert command_here(capsys, *arguments).code == 0
    assert (here / "my_wine.hpo").exists()


def test_a_search_left_half_way(empty, capsys):
    """What is told of a search that is not at its end says so, and how to go on; nothing is saved by it yet."""
    from hpo.cli.outcome import outcome, tell

    study = create_study("half", space=Space(x=Float(0, 1)), max_epochs=5, n_trials=2)
    study.tell(study.ask(), [0.5, 0.4])
    found = outcome(study, 1.0)
    tell(found, study)
    said = capsys.readouterr().out
    assert "state      open" in said
    assert said.partition("next\n")[2].splitlines()[0].strip() == "hpo resume half"
    assert found["epochs_saved"] == 0
    study.database.close()


@pytest.mark.parametrize(
    ("options", "advice", "following"),
    [
        (("--trials", 3), "raise --trials above 3", "--trials 6"),
        (("--trials", 6, "--budget", 7), "raise --budget above 7", "--budget 14"),
        (("--strategy", "grid+full", "--space", "space.toml"), "every point of the grid", "hpo best"),
    ],
)
def test_what_a_complete_search_lacks(empty, capsys, options, advice, following):
    """`resume` and `show` name the bound that a complete search has reached, be it trials, epochs, or the grid's end."""
    (empty / "space.toml").write_text('[space]\nhidden = {type = "choice", values = [4, 8]}\n')
    quick = ("--jobs", 1, "--backend", "threading")
    assert command_here(capsys, "run", "iris", "--max-epochs", 3, "--seed", 1, *quick, *options).code == 0
    assert advice in command_here(capsys, "resume", "iris", *quick).err
    assert following in command_here(capsys, "show", "iris").out.partition("next ")[2]


def test_more_trials(ran, tmp_path, capsys, monkeypatch):
    """`resume --trials` goes on to a larger total; without it, a complete study says so and shows its outcome."""
    monkeypatch.chdir(tmp_path)
    command_here(capsys, *ASKED, "--backend", "threading")
    idle = command_here(capsys, "resume", "iris", "--jobs", 1, "--backend", "threading")
    assert (idle.code, "it is complete" in idle.err) == (0, True)
    more = command_here(capsys, "resume", "iris", "--trials", 9, "--jobs", 1, "--backend", "threading", "-f", "json")
    assert sum(json.loads(more.out)["trials"].values()) == 9


def test_help_is_quick_and_light(tmp_path):
    """Nothing heavy is loaded before a command runs."""
    import subprocess
    import sys

    from command_line import environment

    program = (
        "import sys, hpo.cli.main; print({'numpy', 'pandas', 'sklearn', 'sqlalchemy', 'plotext'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("line", ["", *sorted(command.name for command in app.registered_commands), "db", "db upgrade"])
def test_every_command_has_help(capsys, line):
    """`--help` describes every command and exits with 0."""
    said = command_here(capsys, *line.split(), "--help")
    assert said.code == 0
    assert "Usage:" in said.out


def test_the_version(capsys):
    """--version says the package's version."""
    from hpo import __version__

    assert command_here(capsys, "--version").out == f"hpo {__version__}\n"
