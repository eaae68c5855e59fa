"""Every error of the project, in one tree.

HpoError                    whatever a person can mend; its message says what is wrong, where, and what to do
├── SpaceError              a space, a condition or params outside of a space
├── StrategyError           a strategy that is unknown, misconfigured, or does not fit the space or the objective
│   └── Exhausted           a searcher has proposed every point it has: not a fault
├── StorageError            the database cannot be opened, read or written
│   ├── StudyNotFound       no study of that name
│   ├── StudyExists         a study of that name is there already
│   ├── SurgeryError        what is asked of a study or a trial cannot be done as it stands
│   ├── CheckpointError     a state that cannot be kept, or a damaged checkpoint
│   ├── StudyFileError      a study's file that is damaged or foreign, or cannot be written
│   └── Unavailable        it is out of reach for the moment: trying again may help
├── SearchFailed            a search that its database's trouble has ended
├── ObjectiveError          an objective that cannot be used, or not be found again
├── WorkerError             worker processes that cannot be had, or that die again and again
├── SettingError            a study's setting that cannot be: a target, a direction, a number of workers
├── DataError               a data set that cannot be read, or not be learned from
└── ModelError              a saved model that is damaged, foreign, or does not fit the table it is given

NetworkError                (a ValueError) settings or arrays that make no network: `network` stands on its own feet
└── ArchiveError            a saved estimator that is damaged or foreign, or that cannot be saved
"""

from typing import TYPE_CHECKING, Any

from storage.errors import (
    CheckpointError,
    StorageError,
    StudyExists,
    StudyFileError,
    StudyNotFound,
    SurgeryError,
    Unavailable,
)
from strategies.errors import Exhausted, HpoError, SpaceError, StrategyError

if TYPE_CHECKING:
    from network import ArchiveError, NetworkError


class SearchFailed(HpoError, RuntimeError):  # noqa: N818 - the name is the condition
    """A search that its database's trouble has ended, though it began well: `hpo resume` when that is mended."""


class ObjectiveError(HpoError, ValueError):
    """An objective that cannot be used as one, or that cannot be found again."""


class WorkerError(HpoError, RuntimeError):
    """Worker processes that cannot be started, or that die again and again."""


class SettingError(HpoError, ValueError):
    """A study's setting that cannot be: a target, a direction, a number of workers, a name."""


__all__ = [
    "ArchiveError",
    "CheckpointError",
    "Exhausted",
    "HpoError",
    "NetworkError",
    "ObjectiveError",
    "SearchFailed",
    "SettingError",
    "SpaceError",
    "StorageError",
    "StrategyError",
    "StudyExists",
    "StudyFileError",
    "StudyNotFound",
    "SurgeryError",
    "Unavailable",
    "WorkerError",
]


def __getattr__(name: str) -> Any:
    """Load the errors of networks on their first use: most commands need no networks."""
    if name not in ("ArchiveError", "NetworkError"):
        raise AttributeError(f"module 'hpo.errors' has no attribute {name!r}")
    import network

    return getattr(network, name)
