"""The classes of a classifier: from what users call them to what networks count by, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from network.arrays import Array
from network.errors import NetworkError, check_range


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The `classes`, sorted: one for each row, or with `multilabel`, where they are column numbers, any of them."""

    classes: Array
    multilabel: bool

    @classmethod
    def of(cls, y: Array) -> "Labels":
        """Return those of the targets y: (n,) or (n, 1), or a matrix (n, labels) of 0 and 1.

        Raises ValueError when y is neither.
        """
        check_classification_targets(y)
        if type_of_target(y) == "multiclass-multioutput":
            raise NetworkError(
                f"y has shape {y.shape} and more than two values: give one class for each row, or for several labels "
                "a matrix of 0 and 1."
            )
        if y.ndim == 2 and y.shape[1] > 1:  # noqa: PLR2004 - a matrix
            return cls(np.arange(y.shape[1]), multilabel=True)
        return cls(np.unique(column_or_1d(y, warn=True)), multilabel=False)

    @classmethod
    def named(cls, classes: Any, y: Array) -> "Labels":
        """Return those of targets of which y is only a part, where `classes` names all there are.

        Raises ValueError when it does not; for several labels the columns of y say enough, and it may be None.
        """
        found = cls.of(y)
        if classes is None and not found.multilabel:
            raise NetworkError("The first call of partial_fit needs all there are: classes=np.unique(all_y).")
        if classes is None:
            return found
        named = cls(np.unique(column_or_1d(classes)), found.multilabel)
        if found.multilabel:
            found.check_same(named.classes)
        return named

    def check_same(self, classes: Any) -> None:
        """Raise NetworkError when `classes`, unless None, are others than these."""
        if classes is not None and not np.array_equal(np.unique(classes), self.classes):
            raise NetworkError(
                f"classes is {np.unique(classes).tolist()}, but the classes are {self.classes.tolist()}: leave classes "
                "out, or begin anew with fit."
            )

    @property
    def binary(self) -> bool:
        """Whether a row has one of two classes."""
        return not self.multilabel and len(self.classes) == 2  # noqa: PLR2004 - that is binary

    def encode(self, y: Array) -> Array:
        """Return the numbers of the rows' classes (n,), or the matrix of labels (n, labels), as int64.

        Raises NetworkError on a class that is none of these.
        """
        if self.multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes) or not np.isin(y, (0, 1)).all():  # noqa: PLR2004 - a matrix
                raise NetworkError(
                    f"y has shape {y.shape}, but must be a matrix of 0 and 1 with {len(self.classes)} columns, one for "
                    "each label."
                )
            return y.astype(np.int64)
        if y.ndim == 2 and y.shape[1] > 1:  # noqa: PLR2004 - a matrix
            raise NetworkError(f"y has shape {y.shape}, but must hold one class for each row: shape ({len(y)},).")
        flat = y.ravel()
        known = np.isin(flat, self.classes)
        if not known.all():
            raise NetworkError(
                f"y holds {flat[~known][0]!r}, which is none of the classes {self.classes.tolist()}: name all of them "
                "in the first call of partial_fit."
            )
        return np.searchsorted(self.classes, flat).astype(np.int64)

    def decode(self, numbers: Array) -> Array:
        """Return what `encode` made `numbers` of."""
        return numbers.astype(np.int64) if self.multilabel else self.classes[numbers]

    def weights(self, class_weight: Any, numbers: Array, weights: Array | None) -> Array | None:
        """Return what each row counts when its class counts `class_weight`: a dict, "balanced" or None for 1 each.

        Classes that a dict leaves out count 1. Balanced classes count all the same: n / (classes · rows of the class),
        where a row counts its weight. `numbers` are those of `encode`. Raises NetworkError on anything else.
        """
        if class_weight is None:
            return weights
        if self.multilabel:
            raise NetworkError("class_weight is for one class a row: for several labels use sample_weight.")
        rows = np.ones(len(numbers)) if weights is None else weights
        if isinstance(class_weight, Mapping):
            by_class = self._by_class(class_weight)
        elif isinstance(class_weight, str) and class_weight == "balanced":
            totals = np.bincount(numbers, rows, len(self.classes))
            by_class = rows.sum() / (np.count_nonzero(totals) * np.where(totals > 0, totals, 1))
        else:
            raise NetworkError(f"class_weight is {class_weight!r}, but must be None, 'balanced' or a dict by class.")
        counted: Array = rows * by_class[numbers]
        if not counted.any():
            raise NetworkError("class_weight leaves every row a weight of 0: give a class that y holds more than 0.")
        return counted

    def _by_class(self, class_weight: Mapping[Any, Any]) -> Array:
        names = self.classes.tolist()
        unknown = [name for name in class_weight if name not in names]
        if unknown:
            raise NetworkError(f"class_weight has {unknown[0]!r}, which is none of the classes {names}.")
        for name, value in class_weight.items():
            check_range(f"class_weight[{name!r}]", value, 0, inf)
        return np.array([class_weight.get(name, 1.0) for name in names], np.float64)
