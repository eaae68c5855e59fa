"""Learning curves, read as they are on record: those of some trials, or all of a long history at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from struct import unpack

from sqlalchemy.engine import Connection

from storage.connection.bulk import answer, fetch
from storage.exchange import statements

Curves = Mapping[int, Sequence[float]]
"""By trial, the values of its epochs 1, 2 … in the study's direction; empty for any other trial."""


def curves_of(connection: Connection, study_id: int, trials: Iterable[int]) -> Curves:
    """Return the curves of these trials of a study."""
    curves: dict[int, Sequence[float]] = defaultdict(tuple)
    for trial in trials:
        key = {"study": study_id, "trial": trial}
        curves[trial] = [value for (value,) in fetch(connection, statements.curve_of, key)]
    return curves


def all_curves(connection: Connection, study_id: int) -> Curves:
    """Return the curves of all trials of a study: millions of values, for which a row each is slow."""
    curves: defaultdict[int, Sequence[float]] = defaultdict(tuple)
    key, statement = {"study": study_id}, statements.all_curves[connection.dialect.name]
    if connection.dialect.name == "postgresql":
        curves.update(
            (trial, unpack(f">{len(packed) // 8}d", packed)) for trial, packed in fetch(connection, statement, key)
        )
        return curves
    lengths = list(fetch(connection, statements.curve_lengths, key))
    with answer(connection, statement, key) as rows:
        values = tuple(chain.from_iterable(rows))
    ends = accumulate(length for _, length in lengths)
    curves.update((trial, values[end - length : end]) for (trial, length), end in zip(lengths, ends, strict=True))
    return curves
