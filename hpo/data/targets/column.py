"""One raw target column: its kind, and its values as labels or as measures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Kind, converted, kind_of
from hpo.data.messages import DataError

if TYPE_CHECKING:
    import pandas as pd

_HOLDS: Final = {Kind.CATEGORY: "text", Kind.BOOLEAN: "booleans", Kind.NUMBER: "numbers"}


@dataclass(frozen=True, slots=True, eq=False)
class TargetColumn:
    """A column with at least one value; `entries` (rows,) are in the form of its kind, NaN where one is missing."""

    name: str
    kind: Kind
    entries: NDArray[Any]

    @classmethod
    def read(cls, values: "pd.Series[Any]") -> Self:
        """Return the column; raises DataError when it has no value, or holds what cannot be a target."""
        name = str(values.name)
        if values.isna().all():
            raise DataError(f"the target '{name}' is missing in every row. Name another column.")
        kind = kind_of(values)
        if kind is Kind.DATETIME:
            raise DataError(
                f"the target '{name}' holds dates. Turn them into numbers, such as days since the first one."
            )
        return cls(name, kind, converted(values, kind))

    @property
    def holds(self) -> str:
        """What it holds, in a word for people."""
        return _HOLDS[self.kind]

    @property
    def present(self) -> NDArray[Any]:
        """The values that are not missing."""
        present: NDArray[Any] = self.entries[~self._missing]
        return present

    @property
    def distinct(self) -> NDArray[Any]:
        """The distinct values, in rising order."""
        return np.unique(self.present)

    @property
    def two_valued(self) -> bool:
        """Whether there are no more than two distinct values: yes and no."""
        return len(self.distinct) <= 2  # noqa: PLR2004 - yes, no

    @property
    def whole(self) -> bool:
        """Whether the numbers are integers, of a size at which float64 still tells one from the next."""
        return bool(np.all(self.present == np.round(self.present)) and np.all(np.abs(self.present) < 2**53))

    def labels(self) -> NDArray[Any]:
        """Return Python values: text, booleans, or integers also where missing ones had made them floats.

        A missing label is None.
        """
        labels = np.full(len(self.entries), None, dtype=object)
        convert = {Kind.BOOLEAN: bool, Kind.CATEGORY: str}.get(self.kind) or (int if self.whole else float)
        labels[~self._missing] = [convert(value) for value in self.present]
        return labels

    @property
    def _missing(self) -> NDArray[Any]:
        missing: NDArray[Any] = self.entries != self.entries  # only NaN is not itself, among texts as among numbers
        return missing
