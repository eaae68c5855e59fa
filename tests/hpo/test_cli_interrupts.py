"""Ctrl-C on the command line: with real signals, to the whole terminal and to the process alone."""

import signal
import sqlite3
import subprocess
import sys

import pytest
from command_line import SPACE, Terminal, command, count_rows, environment, wait_for_rows
from evidence import PATIENCE

TRAIN = """
import time
from pathlib import Path


def steady(params):
    for epoch in range(12):
        time.sleep(0.04)
        yield params["x"] / (epoch + 1)


def stuck(params):
    yield params["x"]
    yield params["x"]
    while not Path("go on").exists():
        time.sleep(0.1)
    yield params["x"]
"""

SEEDED = """
import os
import time


class Seeded:
    def __init__(self, params, seed):
        self.value = params["x"] + seed % 7

    def train_epoch(self):
        time.sleep(float(os.environ.get("PAUSE", "0")))
        return self.value

    def state(self):
        return {}

    def restore(self, state):
        pass
"""
CONFIRMED = "SELECT count(*) FROM confirmations"
MEASURED = "SELECT count(*) FROM measurements"
RUN = ("run", "--space", "space.toml", "--trials", 4, "--seed", 1, "--max-epochs", 12)


@pytest.fixture
def folder(tmp_path):
    """A folder with objectives that take their time, and a space."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def curves(database):
    """Return all measurements, without how long they took."""
    return (
        sqlite3.connect(database)
        .execute("SELECT trial, epoch, value FROM measurements ORDER BY trial, epoch")
        .fetchall()
    )


def test_ctrl_c_on_a_terminal_and_resume(folder):
    """The first Ctrl-C lets the running epochs end, saves, and says how to go on; the resumed search is complete."""
    terminal = Terminal(*RUN, "train.py:steady", "--jobs", 2, cwd=folder)
    wait_for_rows(folder / "hpo.db", MEASURED, 5)
    terminal.press_ctrl_c()
    terminal.wait_for("finishing the running epochs … Ctrl-C again ends at once")
    assert terminal.end() == 130
    assert "hpo resume train" in terminal.shown.splitlines()[-1]
    assert "Traceback" not in terminal.shown
    assert count_rows(folder / "hpo.db", "SELECT count(*) FROM jobs WHERE state = 'running'") == 0
    assert 5 <= count_rows(folder / "hpo.db", MEASURED) < 48
    assert command("resume", "train", "--jobs", 1, cwd=folder).code == 0
    assert count_rows(folder / "hpo.db", "SELECT count(*) FROM trials WHERE state = 'complete' AND epochs = 12") == 4


def test_a_second_ctrl_c_ends_at_once(folder):
    """Where an epoch takes for ever, a second Ctrl-C ends all the same; what was measured stays, and can be resumed."""
    terminal = Terminal(*RUN, "train.py:stuck", "--jobs", 1, cwd=folder)
    wait_for_rows(folder / "hpo.db", MEASURED, 2)
    terminal.press_ctrl_c()
    terminal.wait_for("finishing the running epochs")
    terminal.press_ctrl_c()
    assert terminal.end() == 130
    assert "hpo resume train" in terminal.shown.splitlines()[-1]
    assert "Traceback" not in terminal.shown
    assert count_rows(folder / "hpo.db", MEASURED) == 2
    (folder / "go on").touch()
    assert command("resume", "train", "--jobs", 1, cwd=folder).code == 0
    assert count_rows(folder / "hpo.db", "SELECT count(*) FROM trials WHERE state = 'complete'") == 4


def test_a_signal_to_the_process_alone(folder):
    """SIGTERM, which only the launcher gets (from a cluster's scheduler, say), is passed on to its workers.

    What the interrupted and resumed search measures is what it measures in one go.
    """
    process = start(folder, "train.py:steady")
    wait_for_rows(folder / "hpo.db", MEASURED, 3, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert "hpo resume train" in err
    assert "\x1b" not in err
    assert count_rows(folder / "hpo.db", "SELECT count(*) FROM jobs WHERE state = 'running'") == 0
    threads = ("--jobs", 4, "--backend", "threading")
    assert command("resume", "train", *threads, cwd=folder).code == 0
    assert command(*RUN, "train.py:steady", *threads, "--storage", "whole.db", cwd=folder).code == 0
    assert curves(folder / "hpo.db") == curves(folder / "whole.db")


def start(folder, objective):
    """Start a search with its output piped."""
    line = [sys.executable, "-m", "hpo", *map(str, RUN), objective, "--jobs", "2"]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, text=True)


def test_ctrl_c_while_leaders_are_confirmed(folder):
    """It ends at once, with 130 and how to go on; what is confirmed stays, and the same command confirms the rest."""
    (folder / "train.py").write_text(SEEDED)
    objective = ("train.py:Seeded", "--jobs", 1, "--backend", "threading", "--no-confirm")
    assert command(*RUN, *objective, cwd=folder).code == 0
    confirm = ("confirm", "train", "--top", 2, "--seeds", 3, "--jobs", 2)
    terminal = Terminal(*confirm, cwd=folder, PAUSE="0.2")
    wait_for_rows(folder / "hpo.db", CONFIRMED, 1)
    terminal.press_ctrl_c()
    assert terminal.end() == 130
    assert "hpo confirm train" in terminal.shown.splitlines()[-1], terminal.shown
    assert "Traceback" not in terminal.shown
    assert 1 <= count_rows(folder / "hpo.db", CONFIRMED) < 6
    assert command(*confirm, cwd=folder).code == 0
    assert count_rows(folder / "hpo.db", CONFIRMED) == 6


def test_a_live_display(folder):
    """On a terminal a search is shown in place: counts, best value, a picture of the best curves, then the outcome."""
    terminal = Terminal(*RUN, "train.py:steady", "--jobs", 4, "--backend", "threading", cwd=folder)
    assert terminal.end() == 0
    for part in ("\x1b[", "of 4 trials", "best value", "epoch", "┤", "trial 0", "100%", "hpo show train"):
        assert part in terminal.shown


def test_a_terminal_that_cannot_move_its_cursor(folder):
    """On a dumb terminal progress is plain lines, without a single control sequence."""
    terminal = Terminal(*RUN, "train.py:steady", "--jobs", 4, "--backend", "threading", cwd=folder, TERM="dumb")
    assert terminal.end() == 0
    assert "of 4 trials" in terminal.shown
    assert "\x1b" not in terminal.shown


def test_show_while_it_runs(folder):
    """While workers train, `show` tells which trials they train and how far those are."""
    process = start(folder, "train.py:stuck")
    wait_for_rows(folder / "hpo.db", MEASURED, 4, process)
    told = command("show", "train", cwd=folder)
    rows = command("sql", "SELECT count(*) AS n FROM train_trials", "-f", "csv", cwd=folder)
    (folder / "go on").touch()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "2 running" in told.out
    assert "trial 0, epoch 2 of 12" in told.out
    assert "workers    2" in told.out
    assert rows.out == "n\n2\n"
