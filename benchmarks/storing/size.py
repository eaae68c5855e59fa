"""Bytes: what a trial and a measurement take on the disk, beside Optuna's."""

from pathlib import Path

import sqlalchemy as sa

from benchmarks.storing.filling import fill_optuna, fill_ours
from benchmarks.storing.places import for_optuna, place

TRIALS, EPOCHS = 20_000, 20


def run(folder: Path, databases: list[str], scale: float) -> None:
    """Print bytes a trial without measurements, and a measurement."""
    count = int(TRIALS * scale)
    for kind in databases:
        with place(kind, folder) as new_url:
            sizes = {}
            for who, fill in {"ours": fill_ours, "Optuna's": fill_optuna}.items():
                empty = new_url()
                fill(empty, "bench", 0, 1)
                for epochs in (1, 1 + EPOCHS):
                    url = new_url()
                    fill(url, "bench", count, epochs)
                    sizes[who, epochs] = _size(url) - _size(empty)
            for who in ("ours", "Optuna's"):
                one, many = sizes[who, 1] / count, sizes[who, 1 + EPOCHS] / count
                measurement = (many - one) / EPOCHS
                print(
                    f"  {kind:10} {who:9} {one - measurement:6.0f} bytes a trial of four hyperparameters, "
                    f"{measurement:5.1f} a measurement, {many:6.0f} a trial of {1 + EPOCHS} epochs",
                    flush=True,
                )


def _size(url: str) -> int:
    if url.startswith("sqlite"):
        return Path(url.removeprefix("sqlite:///")).stat().st_size
    with sa.create_engine(for_optuna(url)).connect() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
