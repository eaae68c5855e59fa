"""The commands that change a search by hand: what they say, what they refuse, and what the history tells afterwards."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Said, Terminal, command_here

import hpo

OBJECTIVE = """
from pathlib import Path

def objective(params):
    for epoch in range(8):
        if params["x"] > 0.6 and epoch == 1 and not Path(__file__).with_name("mended").exists():
            raise RuntimeError("broken")
        yield params["x"] + 1 / (epoch + 1)
"""
SPACE = """
[space]
x = {type = "float", low = 0, high = 1}
kind = {type = "choice", values = ["a", "b"]}
"""
Hpo = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hpo:
    """`hpo` in a folder of its own, with a complete study `s`: eight trials of four epochs, some of which failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    (tmp_path / "train.py").write_text(OBJECTIVE)
    (tmp_path / "space.toml").write_text(SPACE)
    from hpo.sources import load_objective

    space = hpo.Space(x=hpo.Float(0, 1), kind=hpo.Choice("a", "b"))
    objective = load_objective("train.py:objective")
    study = hpo.create_study("s", space=space, objective=objective, strategy="random", max_epochs=4, seed=3)
    study.optimize(8)
    study.database.close()
    return lambda *arguments: command_here(capsys, *arguments)


def in_json(run: Hpo, *arguments: object) -> list[dict]:
    said = run(*arguments, "--format", "json")
    assert said.code == 0
    return json.loads(said.out)


def test_what_failed_is_trained_again(run: Hpo) -> None:
    """All that failed, once what was broken is mended; the study says how to go on, and why tells of it."""
    failed = [trial["number"] for trial in in_json(run, "trials", "s", "--state", "failed")]
    assert failed
    Path("mended").touch()
    said = run("retry", "s", "--failed")
    assert said.code == 0
    assert ", ".join(map(str, failed)) in said.err
    assert "hpo resume s" in said.err
    assert run("resume", "s", "--no-confirm", "--jobs", "1", "--backend", "threading").code == 0
    assert {trial["state"] for trial in in_json(run, "trials", "s")} == {"complete"}
    told = run("why", "s", failed[0]).out
    assert "a person had it trained again from epoch 0 to epoch 4" in told
    assert "By hand" in told
    assert "RuntimeError: broken" in told
    assert "by hand    changed" in run("show", "s").out
    assert run("retry", "s", "--failed").err.startswith("no trial has failed")


def test_a_discarded_trial_tells_why(run: Hpo) -> None:
    """It leads no more; its row and its reason stay, and the trail knows who, where, when and before which decision."""
    best = in_json(run, "trials", "s", "--best-first")[0]
    assert run("discard", "s", best["number"], "--reason", "a leak in the data").code == 0
    (after,) = [trial for trial in in_json(run, "trials", "s") if trial["number"] == best["number"]]
    assert (after["state"], after["epochs"], after["value"]) == ("discarded", best["epochs"], best["value"])
    assert in_json(run, "trials", "s", "--best-first")[0]["number"] != best["number"]
    assert "A person took it out after 4 epochs: a leak in the data." in run("why", "s", best["number"]).out
    (noted,) = in_json(run, "trail", "s")
    assert (noted["action"], noted["trial"], noted["before_job"]) == ("discard", best["number"], 8)
    assert noted["details"]["reason"] == "a leak in the data"
    assert noted["by_user"]
    assert noted["by_node"]


def test_a_study_grows(run: Hpo) -> None:
    """More trials and epochs, a wider range and one more choice, in one command; the trail tells old and new."""
    Path("mended").touch()
    said = run("extend", "s", "--trials", 12, "--max-epochs", 6, "--param", "x=-1..", "--choice", "kind=c")
    assert said.code == 0
    assert "which is open" in said.err
    assert run("resume", "s", "--no-confirm", "--jobs", "1", "--backend", "threading").code == 0
    trials = in_json(run, "trials", "s")
    assert len(trials) == 12
    assert {trial["epochs"] for trial in trials if trial["state"] == "complete"} == {6}
    told = run("trail", "s").out
    for part in ("trials 8 → 12", "max epochs 4 → 6", "x 0..1 → -1..1", "kind a, b → a, b, c"):
        assert part in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("retry", "s"), "say which trials"),
        (("retry", "s", 99), "has no trial 99"),
        (("retry", "t", "--failed"), "there is no study 't'"),
        (("discard", "s", 0, "--reason", " "), "say in a few words why"),
        (("stop", "s", 0), "trial 0 has ended already"),
        (("stop", "s"), "is complete already"),
        (("pause", "s"), "only an open one is paused"),
        (("extend", "s"), "nothing is to be extended"),
        (("extend", "s", "--trials", 8), "give more than 8"),
        (("extend", "s", "--trials", 0), "n_trials=0"),
        (("extend", "s", "--param", "x"), "write it like --param"),
        (("extend", "s", "--param", "x=1"), "write the range like"),
        (("extend", "s", "--param", "x=a..b"), "write the range like"),
        (("extend", "s", "--param", "y=0..1"), "unknown parameter 'y'"),
        (("extend", "s", "--param", "x=0.5..1"), "would begin at 0.5"),
        (("extend", "s", "--param", "kind=0..1"), "is a choice"),
        (("extend", "s", "--choice", "x=1"), "is a number"),
        (("extend", "s", "--choice", "kind=a"), "are equal"),
        (("extend", "s", "--space", "space.toml"), "no wider"),
        (("extend", "s", "--space", "space.toml", "--choice", "kind=c"), "not both"),
        (("rename", "s", " "), "a study's name is text"),
        (("rename", "s", "s"), "already"),
        (("delete", "s"), "add --yes"),
        (("trail", "t"), "there is no study 't'"),
    ],
)
def test_what_cannot_be_is_explained(run: Hpo, arguments: tuple[object, ...], told: str) -> None:
    """In one line on stderr, with the exit code of wrong use; nothing is changed, and nothing enters the trail."""
    before = in_json(run, "trials", "s")
    said = run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert in_json(run, "trials", "s") == before
    assert in_json(run, "trail") == []


def test_a_paused_and_a_stopped_study_say_so(run: Hpo) -> None:
    """Who joins is told who paused it, and it is open again; one that was stopped asks for more trials."""
    assert run("extend", "s", "--trials", 9).code == 0
    assert "hpo resume s" in run("pause", "s").err
    assert "state      paused" in run("show", "s").out
    said = run("resume", "s", "--no-confirm", "--jobs", "1", "--backend", "threading")
    assert "it was paused by" in said.err
    assert "it is open again" in said.err
    assert run("extend", "s", "--trials", 10).code == 0
    assert "--trials N" in run("stop", "s", "--reason", "enough").err
    for words in ((), ("--trials", 9), ("--retries", 1), ("--trial-timeout", "9s", "--trials", 3)):
        said = run("resume", "s", "--no-confirm", "--jobs", "1", *words)
        assert (said.code, said.out) == (2, "")
        assert "the study 's' was stopped by" in said.err
        assert "raise --trials above 9" in said.err
        assert "hpo extend s --trials N" in said.err
    assert run("resume", "s", "--trials", 10, "--no-confirm", "--jobs", "1", "--backend", "threading").code == 0
    assert len(in_json(run, "trials", "s")) == 10
    assert [each["action"] for each in in_json(run, "trail", "s")] == [
        "extend",
        "pause",
        "resume",
        "extend",
        "stop",
        "extend",
    ]


def test_what_resume_changes_is_told(run: Hpo) -> None:
    """In the trail: each setting from what to what; what was as it is, and a run without changes, leave no line."""
    quick = ("--no-confirm", "--jobs", "1")
    assert run("resume", "s", *quick).code == 0
    assert run("resume", "s", "--trials", 9, "--retries", 2, "--trial-timeout", "90s", *quick).code == 0
    assert run("resume", "s", "--trials", 9, "--tolerance", "0.001", "--trial-timeout", "none", *quick).code == 0
    assert run("resume", "s", "--tolerance", "none", *quick).code == 0
    told = [each["details"] for each in in_json(run, "trail", "s")]
    assert told == [
        {"trial_timeout": [None, 90.0]},
        {"n_trials": [8, 9]},
        {"tolerance": [None, 0.001], "trial_timeout": [90.0, None]},
        {"tolerance": [0.001, None]},
    ]
    assert "trials 8 → 9" in run("trail", "s").out
    assert run("resume", "s", "--tolerance", "much").code == 2


def test_a_study_is_renamed_and_deleted(run: Hpo) -> None:
    """Its view goes with it; of a deleted study the trail is left, under each of its names."""
    assert "with the view night_run_trials" in run("rename", "s", "night run").err
    assert run("show", "s").code == 2
    assert run("sql", "SELECT count(*) FROM night_run_trials", "--format", "csv").out.split() == ["count(*)", "8"]
    assert run("delete", "night run", "--yes").code == 0
    assert run("show", "night run").code == 2
    assert run("sql", "SELECT * FROM night_run_trials").code == 2
    for name in ("s", "night run"):
        assert [each["action"] for each in in_json(run, "trail", name)] == ["rename", "delete"]


def test_a_terminal_is_asked_before_a_study_is_deleted(run: Hpo, tmp_path: Path) -> None:
    """No is no: the study stays, and the command says so."""
    terminal = Terminal("delete", "s", cwd=tmp_path)
    terminal.wait_for("for good?")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "nothing was deleted" in terminal.shown
    assert run("show", "s").code == 0


def test_a_study_by_hand_is_paused_and_resumed(run: Hpo) -> None:
    """`hpo resume` and `Study.resume` open a study that has no objective; who asks goes on where it was."""
    with hpo.create_study("byhand", space=hpo.Space(x=hpo.Float(0, 1)), seed=1) as study:
        study.tell(study.ask(), 0.5)
        assert run("pause", "byhand").code == 0
        with pytest.raises(hpo.SettingError, match=r"Study\.resume or `hpo resume byhand`"):
            study.ask()
        said = run("resume", "byhand", "--trials", 3)
        assert said.code == 0
        assert "it was paused by" in said.err
        assert "it is open again" in said.err
        assert "ask() and tell()" in said.err
        study.tell(study.ask(), 0.5)
        study.pause()
        study.resume()
        study.tell(study.ask(), 0.5)
        with pytest.raises(hpo.Exhausted):
            study.ask()
        said = run("resume", "byhand")
        assert (said.code, "it is complete: for more" in said.err, "it is open" in said.err) == (0, True, False)
        study.resume(4)
        assert study.ask().number == 3


def test_what_cannot_go_on_stays_paused(run: Hpo) -> None:
    """Where the objective's file is not at hand, nobody is told that the study is open."""
    assert run("extend", "s", "--trials", 20).code == 0
    assert run("pause", "s").code == 0
    Path("train.py").rename("gone.py")
    said = run("resume", "s")
    assert (said.code, "train.py" in said.err, "it is open" in said.err) == (2, True, False), said.err
    assert "state      paused" in run("show", "s").out


def test_asking_stops_while_a_study_is_paused() -> None:
    """By hand as well: an error that says how to go on; what was asked before is told all the same."""
    study = hpo.create_study(space=hpo.Space(x=hpo.Float(0, 1)), storage=None, n_trials=3, seed=1)
    trial = study.ask()
    study.pause()
    with pytest.raises(hpo.SettingError, match="hpo resume"):
        study.ask()
    study.tell(trial, 0.5)
    assert study.trial(0).value == 0.5


def test_asking_goes_on_in_a_wider_space() -> None:
    """The next trial asked for is of the space as it has become."""
    study = hpo.create_study(space=hpo.Space(c=hpo.Choice("a")), strategy="grid", storage=None, seed=1)
    study.tell(study.ask(), 0.5)
    study.extend(space={"c": hpo.Choice("a", "b")})
    trial = study.ask()
    assert trial.params == {"c": "b"}
    study.tell(trial, 0.25)
    assert study.best_params == {"c": "b"}
