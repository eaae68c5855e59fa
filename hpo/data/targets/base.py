"""The contract of a target.

`values` are those of the table: (rows, targets), one column for each name. `encode` turns them into what a network is
trained on, `decode` turns what it predicts into values again.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self

from numpy.typing import NDArray

from hpo.data.messages import Remarks
from hpo.data.splits import Split
from hpo.data.targets.column import TargetColumn

Task = Literal["classification", "multilabel", "regression"]
Label = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Target(ABC):
    """What is predicted: the columns `names` of the table."""

    names: tuple[str, ...]

    task: ClassVar[Task]

    @staticmethod
    @abstractmethod
    def values(columns: Sequence[TargetColumn]) -> NDArray[Any]:
        """Return the values (rows, targets); a missing one is None or NaN.

        Raises DataError when the columns cannot be targets of this task.
        """

    @staticmethod
    @abstractmethod
    def strata(names: Sequence[str], values: NDArray[Any], remarks: Remarks) -> NDArray[Any]:
        """Return the stratum of each row (rows,), by which the rows are to be split.

        `values` are complete. Raises DataError when nothing can be learned from them.
        """

    @classmethod
    @abstractmethod
    def fit(cls, names: Sequence[str], values: NDArray[Any], parts: Split, remarks: Remarks) -> Self:
        """Return the target of complete `values`; what must be learned is learned from the training part.

        Raises DataError when there is nothing to learn in it.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """The number of a network's outputs for this target."""

    @abstractmethod
    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return complete `values` as a network is trained on them."""

    @abstractmethod
    def decode(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Return a network's predictions (rows, outputs) as labels or numbers of the table's kind."""

    @property
    def name(self) -> str:
        """The names as one text, for people."""
        return ", ".join(self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return the target as JSON values: see `target_from_dict`."""
        return {"task": self.task, **asdict(self)}
