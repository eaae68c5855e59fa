"""Every strategy with real training, real processes and a real database: it ends, alike with one worker and with two."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, product
from pathlib import Path

import numpy as np
import pytest
from evidence import TRAINER, Place, evidence, rows, wait_until
from postgres_server import Server

import hpo
from hpo.sources import load_objective
from strategies import names

COMBINED = ("tpe+asha+curves", "bayes+median", "bayes+hyperband", "tpe+pbt")
STRATEGIES = (*names(), *COMBINED)
ON_A_SERVER = ("hyperband", "tpe", "asha", "pbt", "freeze-thaw")
KILLED = ("tpe", "gp", "hyperband", "asha", "bohb", "freeze-thaw", "pbt", "metamax", "tpe+asha+curves")
TRIALS, EPOCHS = 10, 9
JOBS = """
SELECT trial, from_epoch, until_epoch, bracket, rung, reason, outcome, end_epoch FROM jobs ORDER BY trial, from_epoch
"""  # not their numbers: where nothing adapts, timing may change the order of decisions, but none of them
WORK = """
import sys, hpo
from hpo.sources import load_objective
objective = load_objective(sys.argv[1] + ":Objective")
for name, storage in zip(sys.argv[2::2], sys.argv[3::2]):
    study = hpo.load_study(name, storage=storage, objective=objective)
    print("ready", flush=True)
    sys.stdin.readline()  # both are
    study.optimize()
"""
LAUNCH = """
import sys, hpo
hpo.load_study(sys.argv[1], storage=sys.argv[2]).optimize(n_jobs=2, backend="loky")
"""


def made(folder: Path, strategy: str, storage: Place) -> hpo.Study:
    """Return the study of a strategy, named after it: decisions are two jobs behind, whoever works on it."""
    points = 3 if strategy == "grid" else None
    space = hpo.Space(
        rate=hpo.Float(0.001, 0.99, points=points),  # above 0.97 trials fail
        hidden=hpo.Int(2, 8, log=True, points=points),
        kind=hpo.Choice("a", "b"),
        share=hpo.Float(0.1, 0.9, points=points and 2, when={"kind": "b"}),
    )
    return hpo.create_study(
        strategy,
        space=space,
        objective=load_objective(f"{folder / 'trainer.py'}:Objective"),
        seed=11,
        strategy=strategy,
        max_epochs=EPOCHS,
        n_trials=TRIALS,
        parallelism=2,
        storage=storage,
    )


def found(place: Place) -> dict[str, list[tuple]]:
    """Return all that must not depend on timing, the decisions and their reasons included."""
    return evidence(place) | {"jobs": rows(place, JOBS)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strategies")
    (folder / "trainer.py").write_text(TRAINER)
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, dict[str, list[tuple]]]:
    """What one worker finds, undisturbed; by strategy."""
    everything = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRAINER_PAUSE", "0")
        for strategy in STRATEGIES:
            path = folder / f"alone-{strategy}.db"
            made(folder, strategy, path).optimize()
            everything[strategy] = found(path)
    return everything


def work_together(folder: Path, places: dict[str, Place]) -> dict[str, Place]:
    """Let two processes, started apart, work together on a study of each strategy, each in a database of its own."""
    for strategy, place in places.items():
        made(folder, strategy, place)
    line = [sys.executable, "-c", WORK, str(folder / "trainer.py"), *map(str, chain(*places.items()))]
    workers = [
        subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"TRAINER_PAUSE": pause},
        )
        for pause in ("0.001", "0.002")
    ]
    for _ in places:  # they begin each study at the same time
        for worker in workers:
            assert worker.stdout.readline() == b"ready\n", worker.communicate()[1].decode()
        for worker in workers:
            worker.stdin.write(b"\n")
            worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors.decode()
    return places


@pytest.fixture(scope="module")
def shared(folder: Path) -> dict[str, Place]:
    """Files that two processes have worked on; by strategy."""
    return work_together(folder, {strategy: folder / f"two-{strategy}.db" for strategy in STRATEGIES})


@pytest.fixture(scope="module")
def served(folder: Path, postgres: Server) -> dict[str, Place]:
    """Databases on a server that two processes have worked on; by strategy."""
    return work_together(folder, {strategy: postgres.lend() for strategy in ON_A_SERVER})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_ends(alone: dict, strategy: str) -> None:
    """Every strategy comes to its end: its trials have started, none is left open, no job undone, something found."""
    trials, jobs = alone[strategy]["trials"], alone[strategy]["jobs"]
    states = {row[5] for row in trials}
    assert len(trials) == TRIALS
    assert states <= {"complete", "stopped", "failed"}
    assert all(outcome is not None for *_, outcome, _ in jobs)
    assert any(value is not None and value < 0.1 for *_, value, _, _, _ in trials)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_workers_find_what_one_finds(alone: dict, shared: dict, strategy: str) -> None:
    """Trials, measurements and decisions with their reasons are equal bit for bit."""
    assert found(shared[strategy]) == alone[strategy]


@pytest.mark.parametrize("strategy", ON_A_SERVER)
def test_two_workers_on_a_server_find_what_one_finds_in_a_file(alone: dict, served: dict, strategy: str) -> None:
    """The same, bit for bit, where PostgreSQL keeps what the two find."""
    assert found(served[strategy]) == alone[strategy]


@pytest.mark.parametrize("kind", ["shared", "served"])
def test_two_workers_were_at_work(kind: str, request: pytest.FixtureRequest) -> None:
    """The laws above could fail: many studies had jobs done by both processes."""
    places = request.getfixturevalue(kind).values()
    workers = [rows(place, "SELECT count(DISTINCT worker) FROM jobs")[0][0] for place in places]
    assert workers.count(2) > len(workers) / 5


@pytest.mark.parametrize(
    ("new_url", "strategy"),
    [*product(["sqlite"], KILLED), *product(["postgresql"], ["hyperband", "tpe", "pbt"])],
    indirect=["new_url"],
)
def test_killed_and_resumed_it_is_the_same_search(
    folder: Path, alone: dict, new_url: Callable[..., str], strategy: str
) -> None:
    """Two loky processes and their launcher are killed with SIGKILL at a random moment; resumed, all ends the same."""
    url = new_url()
    made(folder, strategy, url)
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, strategy, url],
        env=os.environ | {"TRAINER_PAUSE": "0.02"},
        start_new_session=True,
    )
    total = len(alone[strategy]["measurements"])
    wait_until(url, "SELECT count(*) FROM measurements", random.Random(strategy).randrange(1, total // 2))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert rows(url, "SELECT state FROM studies") == [("open",)], "the kill came too late to test anything"
    hpo.load_study(strategy, storage=url).optimize()
    assert found(url) == alone[strategy]


INTERVAL = 3
POPULATION = {
    "space": hpo.Space(rate=hpo.Float(0.125, 1)),
    "strategy": hpo.Strategy(scheduler=hpo.PopulationBasedTraining(size=4, interval=INTERVAL)),
    "max_epochs": 12,
    "seed": 2,
    "n_trials": 12,
}


class Heirloom:
    """Its value tells what it began with: the weight that it was restored with, plus what it has trained since."""

    def __init__(self, params: dict[str, float], seed: int) -> None:
        self.rate, self.weight = params["rate"], np.zeros(3)

    def train_epoch(self) -> dict[str, float]:
        self.weight += self.rate
        return {"value": -float(self.weight[0]), "weight": float(self.weight[0])}

    def state(self) -> dict[str, object]:
        return {"weight": self.weight}

    def restore(self, state: dict) -> None:
        self.weight = state["weight"].copy()


def test_an_heir_begins_with_its_parents_weights() -> None:
    """In a population, each heir's first epoch goes on from the weights that its parent had at the generation's end.

    Those are what the parent's forebears, itself and its rates made of zero: the weights are worked out from the record
    alone.
    """
    study = hpo.create_study(objective=Heirloom, storage=None, **POPULATION).optimize()
    trials, curves = study.trials, study.curves()
    heirs = [trial for trial in trials if trial.parent is not None]
    assert len(heirs) > 2
    born = {}
    for trial in trials:  # a parent's number is lower
        parent = trial.parent
        generation = born[trial.number] = generation_of(study, trial.number)
        begun = 0.0 if parent is None else -curves[parent][(generation - born[parent]) * INTERVAL - 1]
        assert -curves[trial.number][0] == pytest.approx(begun + trial.params["rate"], rel=1e-12)


def generation_of(study: hpo.Study, number: int) -> int:
    """Return the generation in which a trial began."""
    from storage.questions.queries import list_decisions

    return list_decisions(study.database, study.record, number)[0].rung


def test_an_heir_whose_parents_weights_are_gone_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    """It is never trained from scratch instead: the trial fails and says why; the others go on, and the study ends."""
    path = tmp_path / "lost.db"
    study = hpo.create_study("lost", objective=Heirloom, storage=path, **POPULATION)
    with sqlite3.connect(path) as connection:  # what an heir inherits is lost at once
        connection.execute(
            "CREATE TRIGGER lose AFTER INSERT ON checkpoints WHEN new.epoch = 0 "
            "BEGIN DELETE FROM checkpoints WHERE trial = new.trial AND epoch = 0; END"
        )
    assert study.optimize().is_complete
    heirs = [trial for trial in study.trials if trial.parent is not None]
    assert heirs
    for heir in heirs:
        assert (heir.state, heir.epochs) == (hpo.State.FAILED, 0)
        assert f"begin with the weights of trial {heir.parent}, of which no checkpoint is kept" in str(heir.error)
    assert study.best_trial.parent is None
    assert rows(path, "SELECT count(*) FROM jobs WHERE state <> 'done'") == [(0,)]


def test_whoever_asks_is_told_whose_weights_an_heir_begins_with() -> None:
    """By hand, too, an heir says its parent; the search by hand is the one that a worker makes."""
    study, kept = hpo.create_study(storage=None, **POPULATION), {}
    while True:
        try:
            asked = study.ask()
        except hpo.Exhausted:
            break
        trainer = Heirloom(asked.params, asked.seed)
        begun = asked.number if asked.epochs else asked.parent
        if begun is not None:
            trainer.restore(kept[begun])
        study.tell(asked, [trainer.train_epoch() for _ in range(asked.epochs, asked.until)])
        kept[asked.number] = trainer.state()
    worked = hpo.create_study(objective=Heirloom, storage=None, **POPULATION).optimize()
    assert any(trial.parent is not None for trial in study.trials)
    assert study.curves() == worked.curves()


def generated(params: dict[str, float]):
    """An objective that cannot pause."""
    yield params["x"]
    yield params["x"] / 2


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if hpo.parse_strategy(name).scheduler.resumes])
def test_what_cannot_pause_is_told_what_to_use(strategy: str) -> None:
    """A strategy that trains trials on refuses an objective that cannot pause, and names one that would take it."""
    space, chosen = hpo.Space(x=hpo.Float(0, 1)), hpo.parse_strategy(strategy)
    with pytest.raises(hpo.StrategyError, match=r"cannot pause: make it a class with state\(\) and restore") as caught:
        hpo.create_study(space=space, objective=generated, strategy=strategy, max_epochs=9, storage=None)
    instead = str(caught.value).rpartition("such as ")[2].strip("'")
    assert hpo.parse_strategy(instead).searcher == type(chosen.searcher)()
    study = hpo.create_study(space=space, objective=generated, strategy=instead, max_epochs=9, storage=None)
    assert study.optimize(3).is_complete
