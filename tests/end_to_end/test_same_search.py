"""Same seed, same search: however many workers, processes or threads."""

from itertools import product
from pathlib import Path

import pytest
from evidence import evidence, rows
from postgres_server import Server

import hpo

WORKERS = {"one": (1, None), "two": (2, "loky"), "four": (4, "loky"), "threads": (3, "threading")}


def space_of(searcher: str) -> hpo.Space:
    points = 5 if searcher == "grid" else None
    return hpo.Space(
        learning_rate=hpo.Float(3e-4, 1.0, log=True, points=points),  # up to where networks diverge
        hidden=hpo.Choice(16, 32),
        activation=hpo.Choice("relu", "tanh"),
        optimizer=hpo.Choice("adam", "sgd"),
        momentum=hpo.Float(0.5, 0.99, points=points and 2, when={"optimizer": "sgd"}),
    )


@pytest.mark.parametrize(("searcher", "scheduler"), list(product(["random", "grid"], ["full", "halving"])))
def test_any_number_of_workers_gives_the_same_search(searcher: str, scheduler: str, tmp_path: Path) -> None:
    """Trials, numbers, params, seeds, states, reasons, and every measurement: equal bit for bit."""
    objective = hpo.NetworkObjective("digits")
    found = {}
    for name, (n_jobs, backend) in WORKERS.items():
        path = tmp_path / f"{name}.db"
        study = hpo.create_study(
            "same",
            space=space_of(searcher),
            objective=objective,
            strategy=f"{searcher}+{scheduler}",
            seed=7,
            max_epochs=9,
            storage=path,
        )
        study.optimize(60, n_jobs=n_jobs, backend=backend)
        found[name] = evidence(path)
        assert rows(path, "SELECT state FROM studies") == [("complete",)]
    assert len(found["one"]["trials"]) == 60
    assert found["two"] == found["one"]
    assert found["four"] == found["one"]
    assert found["threads"] == found["one"]


def test_a_server_keeps_what_a_file_keeps(postgres: Server, tmp_path: Path) -> None:
    """What two worker processes find with PostgreSQL is what one finds with a file: every bit of every column."""
    found = []
    for storage, n_jobs in ((f"sqlite:///{tmp_path / 'alone.db'}", 1), (postgres.new_database(), 2)):
        study = hpo.create_study(
            "same",
            space=space_of("grid"),
            objective=hpo.NetworkObjective("digits"),
            strategy="grid+hyperband",
            seed=7,
            max_epochs=9,
            storage=storage,
        )
        study.optimize(30, n_jobs=n_jobs, backend="loky")
        found.append(evidence(storage))
    assert len(found[0]["trials"]) == 30
    assert found[0] == found[1]


def test_another_seed_is_another_search(tmp_path: Path) -> None:
    """The law above could fail: evidence tells two searches apart."""
    for seed in (1, 2):
        study = hpo.create_study(
            "other", objective=hpo.NetworkObjective("iris"), seed=seed, max_epochs=3, storage=tmp_path / f"{seed}.db"
        )
        study.optimize(3)
    assert evidence(tmp_path / "1.db")["measurements"] != evidence(tmp_path / "2.db")["measurements"]
