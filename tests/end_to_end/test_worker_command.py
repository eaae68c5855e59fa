"""hpo worker: there for any study, told to leave, never in the way of another."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hosts import Host, Looker, ended, wait_for

import hpo
from storage.database import Database
from storage.exchange.openings import SETTLING, list_open
from storage.exchange.workers import Worker, register
from storage.schema.tables import studies

RUN = ("run", "trainer.py:Objective", "--space", "space.toml", "--strategy", "halving", "--max-epochs", 9, "--seed", 5)
SPACE = hpo.Space(x=hpo.Float(0, 1))


@pytest.fixture
def host(tmp_path: Path, any_url: str) -> Iterator[Host]:
    """A host whose commands know the database from their environment."""
    with Host(tmp_path / "host", HPO_STORAGE=any_url) as host:
        yield host


def test_workers_help_whoever_runs_a_search(host: Host, any_url: str, tmp_path: Path) -> None:
    """Two workers that wait, and a search that comes: they join, leave when it is complete, and it is as if alone."""
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    small = (*RUN, "--trials", 18, "--jobs", 1, "--no-confirm", "--name", "s")
    ended(host.hpo(*small, "--storage", alone))
    waiting = [host.hpo("worker", "--jobs", 1, "--idle-exit", "2s", TRAINER_PAUSE="0.03") for _ in range(2)]
    ended(host.hpo(*small, TRAINER_PAUSE="0.03"))
    said = [ended(process)[1] for process in waiting]
    for words in said:
        for line in ("waiting for open studies", "joined s: trainer.py:Objective", "left s: it is complete"):
            assert line in words
        assert "left: no open study for 2s" in words
    look = Looker(any_url)
    assert look.evidence("s") == Looker(alone).evidence("s")
    assert (look.states(), look.workers(), look.holders()) == ({"s": "complete"}, set(), set())


def test_sigterm_gives_back_what_is_held(host: Host, any_url: str) -> None:
    """A host that shuts down: the worker's jobs are anybody's at once, and it leaves with 0, leaving no process."""
    slow = {"TRAINER_PAUSE": "0.5"}  # so long that a helper comes before the end, however busy the machine is
    search = host.hpo(*RUN, "--trials", 27, "--jobs", 1, "--no-confirm", "--name", "s", **slow)
    look = Looker(any_url)
    wait_for(lambda: len(look.holders()) == 1, "the search's first job")
    before = look.workers()
    helping = host.hpo("worker", "--jobs", 2, **slow)
    wait_for(lambda: len(look.holders()) == 3, "the worker's two jobs")
    helping.terminate()
    _, errors = ended(helping)
    assert "left, as asked; what was measured is saved" in errors
    assert "Traceback" not in errors
    assert look.workers() == before
    assert look.holders() <= before
    assert search.poll() is None
    search.send_signal(signal.SIGINT)
    ended(search, 130)


def test_ctrl_c_in_the_middle_of_work(host: Host, any_url: str) -> None:
    """After a Ctrl-C a worker gives back what it holds and ends with 130, as every interrupted command does."""
    study = hpo.create_study(
        "s",
        space=hpo.Space(rate=hpo.Float(0, 1)),
        storage=any_url,
        max_epochs=99,
        n_trials=9,
        objective=hpo.sources.load_objective(f"{host.folder / 'work' / 'trainer.py'}:Objective"),
    )
    helping = host.hpo("worker", "--jobs", 1, "--study", study.name, TRAINER_PAUSE="0.05")
    look = Looker(any_url)
    wait_for(lambda: look.measured() > 1, "epochs of the worker's")
    helping.send_signal(signal.SIGINT)
    _, errors = ended(helping, 130)
    assert "left, as asked; what was measured is saved" in errors
    assert "Traceback" not in errors
    assert (look.workers(), look.holders()) == (set(), set())


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_who_waits_leaves_at_once(host: Host, any_url: str, sent: signal.Signals, code: int) -> None:
    """A worker without work ends as soon as it is told to: with 0 after SIGTERM, with 130 after a Ctrl-C."""
    idle = host.hpo("worker", "--study", "none-yet")
    line = idle.stderr.readline()
    assert line == f"waiting for open studies in {any_url.replace('postgresql:', 'postgresql+psycopg:')}\n"
    idle.send_signal(sent)
    assert ended(idle, code) == ("", "left, as asked; what was measured is saved\n")


def test_what_cannot_be_worked_on_is_told_and_passed_over(host: Host, any_url: str) -> None:
    """A study whose objective is not on this host, one without any bound, and one that is not named keep nobody."""
    small = (*RUN, "--trials", 3, "--jobs", 1, "--no-confirm")
    for name in ("gone", "good", "unnamed"):
        ended(host.hpo(*small, "--name", name))
        database = Database(any_url)
        with database.write() as connection:
            connection.execute(studies.update().where(studies.c.name == name).values(state="open", n_trials=6))
            if name == "gone":
                source = hpo.load_study(name, storage=any_url).spec.objective
                lost = {**source, "path": "/nowhere/lost.py", "sha256": "0" * 64}
                connection.execute(studies.update().where(studies.c.name == name).values(objective=lost))
        database.close()
    _, errors = ended(host.hpo("worker", "--study", "gone", "--study", "good", "--jobs", 1, "--idle-exit", "1s"))
    assert errors.count("gone cannot be worked on here: there is no file /nowhere/lost.py") == 1
    assert "left good: it is complete" in errors
    assert Looker(any_url).states() == {"gone": "open", "good": "complete", "unnamed": "open"}


def test_who_needs_a_worker_most_comes_first(any_url: str) -> None:
    """Open studies with the fewest workers, then the oldest; not what ask and tell drive, nor what has just been made."""
    for name in ("first", "second", "asked"):
        objective = None if name == "asked" else hpo.sources.load_objective("builtins:len")
        hpo.create_study(name, space=SPACE, objective=objective, storage=any_url, n_trials=3, parallelism=1)
    fresh = hpo.create_study(
        "fresh", space=SPACE, objective=hpo.sources.load_objective("builtins:len"), storage=any_url
    )
    database = fresh.database
    assert list_open(database) == ["first", "second"]
    register(database, 1, replace(Worker.here(), id="a worker"))
    assert list_open(database) == ["second", "first"]
    assert list_open(database, ["first", "none"]) == ["first"]
    with database.write() as connection:
        earlier = studies.c.created_at - SETTLING - 1
        connection.execute(studies.update().where(studies.c.name == "fresh").values(created_at=earlier))
    assert list_open(database) == ["fresh", "second", "first"]


def test_wrong_use_is_told(host: Host) -> None:
    """What is no time, and a database that cannot be, are told in a line, with exit code 2."""
    assert "no span of time" in ended(host.hpo("worker", "--idle-exit", "soon"), 2)[1]
    assert "is not supported" in ended(host.hpo("worker", "--storage", "mysql://host/db"), 2)[1]
