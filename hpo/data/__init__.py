"""Data sets: from a name, a file or a table to three parts of numbers that a network can be trained on.

    messages        the error, the remarks          roles           features, targets, the weight
    options         how a table becomes data        targets         classes, labels or measures
    columns         kinds of raw columns            weights         how much each row counts
    files, arrays   CSV, Parquet, NPZ               splits          training, validation, test
    sources         where a table comes from        screening       which columns are of use
    dataset         the result                      preprocessing   what the training part teaches
    loading         all of it, in order             lookalikes      texts that could be numbers

pandas and scikit-learn are imported when data are loaded, not before.
"""

from hpo.data.columns import Column, Kind
from hpo.data.dataset import PARTS, Data
from hpo.data.loading import load_data, load_source
from hpo.data.messages import DataError
from hpo.data.options import Options
from hpo.data.preprocessing import Preprocessing
from hpo.data.sources import BUILT_IN
from hpo.data.targets import (
    TARGETS,
    ClassTarget,
    LabelsTarget,
    MeasureTarget,
    Target,
    Task,
    target_from_dict,
)

__all__ = [
    "BUILT_IN",
    "PARTS",
    "TARGETS",
    "ClassTarget",
    "Column",
    "Data",
    "DataError",
    "Kind",
    "LabelsTarget",
    "MeasureTarget",
    "Options",
    "Preprocessing",
    "Target",
    "Task",
    "load_data",
    "load_source",
    "target_from_dict",
]
