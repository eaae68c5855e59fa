"""Targets: what is predicted, one kind of it in a file.

column      one raw target column            classes     one of several classes
base        the contract                     labels      several labels, each there or not
reading     which kind it is, and its values measures    one number or several
"""

from hpo.data.targets.base import Label, Target, Task
from hpo.data.targets.classes import ClassTarget
from hpo.data.targets.labels import LabelsTarget
from hpo.data.targets.measures import MeasureTarget
from hpo.data.targets.reading import TARGETS, read_targets, target_from_dict

__all__ = [
    "TARGETS",
    "ClassTarget",
    "Label",
    "LabelsTarget",
    "MeasureTarget",
    "Target",
    "Task",
    "read_targets",
    "target_from_dict",
]
