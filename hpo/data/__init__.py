"""Data sets: from a name, a file or a table to three parts of numbers that a network can be trained on.

    messages        the error, the remarks
    columns         kinds of raw columns            splits          training, validation, test
    files, arrays   CSV, Parquet, NPZ               screening       which columns are of use
    sources         where a table comes from        preprocessing   what the training part teaches
    targets         classes or measures             dataset         the result
    loading         all of it, in order

pandas and scikit-learn are imported when data are loaded, not before.
"""

from hpo.data.columns import Column, Kind
from hpo.data.dataset import PARTS, Data
from hpo.data.loading import load_data, load_source
from hpo.data.messages import DataError
from hpo.data.preprocessing import Preprocessing
from hpo.data.sources import BUILT_IN
from hpo.data.targets import Target, Task

__all__ = [
    "BUILT_IN",
    "PARTS",
    "Column",
    "Data",
    "DataError",
    "Kind",
    "Preprocessing",
    "Target",
    "Task",
    "load_data",
    "load_source",
]
