"""Long histories, written in bulk, as a search would have left them: ours, and the same in Optuna's tables."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa

import hpo
from benchmarks.storing.places import for_optuna
from storage.database import Database
from storage.schema.tables import jobs, measurements, trials
from storage.studies import load_study
from strategies.planning import trial_seed

SPACE = hpo.Space(
    learning_rate=hpo.Float(1e-5, 1e-1, log=True),
    dropout=hpo.Float(0, 0.5),
    hidden=hpo.Int(8, 256, log=True),
    optimizer=hpo.Choice("sgd", "momentum", "adam", "adamw"),
)
_CHUNK = 5_000
Row = dict[str, Any]


class Falling:
    """An objective that can pause, and takes no time: it falls towards what its params are worth."""

    def __init__(self, params: hpo.Params) -> None:
        self.floor, self.epoch = float(params["dropout"]), 0

    def train_epoch(self) -> float:
        """Return the next value of the curve."""
        self.epoch += 1
        return self.floor + 1 / self.epoch

    def state(self) -> dict[str, int]:
        """Return where it stands."""
        return {"epoch": self.epoch}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.epoch = state["epoch"]


def fill_ours(url: str, name: str, count: int, epochs: int, strategy: str = "random") -> None:
    """Write a study of `count` complete trials of `epochs` epochs; it may go on."""
    study = hpo.create_study(
        name, space=SPACE, objective=Falling, storage=url, seed=0, strategy=strategy, max_epochs=epochs
    )
    study.database.close()
    database = Database(url)
    record = load_study(database, name)
    stream = _rows(record.id, count, epochs)
    while chunk := list(islice(stream, _CHUNK)):
        with database.write() as connection:
            connection.execute(sa.insert(trials), [trial for trial, _, _ in chunk])
            connection.execute(sa.insert(jobs), [job for _, job, _ in chunk])
            connection.execute(sa.insert(measurements), [row for _, _, rows in chunk for row in rows])
    with database.write() as connection:
        connection.execute(sa.text("UPDATE studies SET revision = :n, n_trials = :n"), {"n": count})
    if database.engine.dialect.name == "postgresql":  # as its own housekeeping would, a minute later
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    database.close()


def _rows(study_id: int, count: int, epochs: int) -> Iterator[tuple[Row, Row, list[Row]]]:
    rng = np.random.default_rng(0)
    for number in range(count):
        params = SPACE.sample(rng)
        curve = float(params["dropout"]) + 1 / np.arange(1, epochs + 1) + 0.01 * rng.standard_normal(epochs)
        best = int(curve.argmin())
        moment = 1.7e9 + number
        trial = {
            "study_id": study_id, "number": number, "params": params, "seed": trial_seed(0, number), "bracket": 0,
            "rung": 0, "state": "complete", "epochs": epochs, "value": float(curve[best]), "best_epoch": best + 1,
            "attempts": 0, "started_at": moment, "finished_at": moment + 1, "train_seconds": 1.0, "revision": number,
        }  # fmt: skip
        job = {
            "study_id": study_id, "number": number, "trial": number, "from_epoch": 0, "until_epoch": epochs,
            "bracket": 0, "rung": 0, "reason": {}, "state": "done", "outcome": "complete", "end_epoch": epochs,
            "worker": "bench", "decided_at": moment, "decided_revision": number, "ended_at": moment + 1,
            "revision": number,
        }  # fmt: skip
        key = {"study_id": study_id, "trial": number}
        yield (
            trial,
            job,
            [key | {"epoch": epoch + 1, "value": float(value), "seconds": 0.05} for epoch, value in enumerate(curve)],
        )


def fill_optuna(url: str, name: str, count: int, epochs: int) -> None:
    """Write the same study into Optuna's own tables."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.create_study(study_name=name, storage=for_optuna(url))
    kinds = {
        "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
        "dropout": FloatDistribution(0, 0.5),
        "hidden": IntDistribution(8, 256, log=True),
        "optimizer": CategoricalDistribution(["sgd", "momentum", "adam", "adamw"]),
    }
    told = {parameter: distribution_to_json(kind) for parameter, kind in kinds.items()}
    engine = sa.create_engine(for_optuna(url))
    schema = sa.MetaData()
    schema.reflect(engine)
    tables = schema.tables
    stream = _rows(study._study_id, count, epochs)  # noqa: SLF001 - there is no public way to write in bulk
    moment = sa.func.current_timestamp()
    while chunk := list(islice(stream, _CHUNK)):
        with engine.begin() as connection:
            numbers = [trial["number"] for trial, _, _ in chunk]
            connection.execute(
                sa.insert(tables["trials"]).values(datetime_start=moment, datetime_complete=moment),
                [{"trial_id": n + 1, "number": n, "study_id": study._study_id, "state": "COMPLETE"} for n in numbers],  # noqa: SLF001
            )
            connection.execute(
                sa.insert(tables["trial_values"]),
                [
                    {"trial_id": trial["number"] + 1, "objective": 0, "value": trial["value"], "value_type": "FINITE"}
                    for trial, _, _ in chunk
                ],
            )
            connection.execute(
                sa.insert(tables["trial_params"]),
                [
                    {
                        "trial_id": trial["number"] + 1,
                        "param_name": parameter,
                        "param_value": float(kinds[parameter].to_internal_repr(value)),
                        "distribution_json": told[parameter],
                    }
                    for trial, _, _ in chunk
                    for parameter, value in trial["params"].items()
                ],
            )
            connection.execute(
                sa.insert(tables["trial_intermediate_values"]),
                [
                    {
                        "trial_id": row["trial"] + 1,
                        "step": row["epoch"],
                        "intermediate_value": row["value"],
                        "intermediate_value_type": "FINITE",
                    }
                    for _, _, rows in chunk
                    for row in rows
                ],
            )
    engine.dispose()
