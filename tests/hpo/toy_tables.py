"""A small table to learn from for each kind of target: two columns of numbers, one of texts, and how much a row counts."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

import hpo

TARGETS: Final[Mapping[str, list[str]]] = {
    "classes": ["kind"],
    "two classes": ["fit"],
    "labels": ["wet", "cold"],
    "number": ["mass"],
    "numbers": ["mass", "price"],
}
"""The target columns of each table."""

TASKS: Final = {
    "classes": "classification",
    "two classes": "classification",
    "labels": "multilabel",
    "number": "regression",
    "numbers": "regression",
}
WEIGHT: Final = "count"


def table(kind: str, rows: int = 150) -> pd.DataFrame:
    """Return the table of a kind of target, which follows from its features but for some noise."""
    rng = np.random.default_rng(3)
    a, b, noise = rng.normal(size=(3, rows))
    town = rng.choice(["Rome", "Bonn", "Oslo"], rows)
    score = a - 0.5 * b + (town == "Oslo") + 0.5 * noise
    columns = {
        "kind": np.array(["low", "mid", "high"])[np.digitize(score, [-0.5, 0.8])],
        "fit": score > 1,
        "wet": np.where(score > 0, "yes", "no"),
        "cold": a + noise > 0.5,
        "mass": 70 + 12 * score,
        "price": 1e4 * (b + 0.2 * noise),
    }
    features = {"a": a, "b": b, "town": town, WEIGHT: rng.uniform(0.2, 5, rows)}
    return pd.DataFrame(features | {name: columns[name] for name in TARGETS[kind]})


@cache
def data_of(kind: str, *, weighted: bool = False, balance: bool = False) -> hpo.Data:
    """Return the table of a kind of target as data; its weight counts only if it is `weighted`."""
    role: dict[str, Any] = {"weight": WEIGHT} if weighted else {"drop": [WEIGHT]}
    return hpo.load_data(table(kind), target=TARGETS[kind], balance=balance, **role)
