"""How a table becomes data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from numpy.typing import ArrayLike

from hpo.data.messages import DataError, quoted
from hpo.data.targets import Task
from strategies.spelling import suggestion


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The arguments of `load_data`, which tells what they mean. Raises DataError for what none of them can be."""

    target: str | Sequence[str] | None = None
    task: Task | None = None
    seed: int = 0
    validation: float = 0.2
    test: float = 0.2
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    weight: str | ArrayLike | None = None
    balance: bool = False

    def __post_init__(self) -> None:
        tasks = get_args(Task)
        if self.task not in (None, *tasks):
            raise DataError(
                f"unknown task '{self.task}'.{suggestion(str(self.task), tasks)} Use one of {quoted(tasks)}."
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise DataError(f"the seed is {self.seed!r}. Give an integer that is not negative.")
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise DataError(
                f"validation={self.validation} and test={self.test} leave no part for each purpose. Give two fractions "
                "above 0 whose sum is below 1; the rest is for training."
            )
        if not isinstance(self.balance, bool):
            raise DataError(f"balance is {self.balance!r}. Give True or False.")
        if self.target is not None and not _are_names(self.target):
            raise DataError(f"the target is {self.target!r}. Give the name of a column, or a list of names.")
        for name, value in (("keep", self.keep), ("drop", self.drop)):
            if isinstance(value, str):
                raise DataError(f"{name} is the text '{value}'. Give a list of columns: {name}=['{value}'].")

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The names of the targets as they were given; None when they are to be found."""
        if self.target is None:
            return None
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)


def _are_names(names: Any) -> bool:
    return isinstance(names, Iterable) and bool(names := list(names)) and all(isinstance(name, str) for name in names)
