"""Hyperparameter search: `import hpo` is the only import that a user needs.

Every public name of all four packages is here, loaded when it is first used: `import hpo` itself loads nothing heavy.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hpo.archive import ModelError as ModelError
    from hpo.data import Data as Data, DataError as DataError, load_data as load_data
    from hpo.errors import (
        CheckpointError as CheckpointError,
        Exhausted as Exhausted,
        HpoError as HpoError,
        NetworkError as NetworkError,
        ObjectiveError as ObjectiveError,
        SettingError as SettingError,
        SpaceError as SpaceError,
        StorageError as StorageError,
        StrategyError as StrategyError,
        StudyExists as StudyExists,
        StudyNotFound as StudyNotFound,
    )
    from hpo.model import Model as Model, load_model as load_model
    from hpo.network_objective import NetworkObjective as NetworkObjective, default_space as default_space
    from hpo.objectives import Objective as Objective
    from hpo.study import (
        AskedTrial as AskedTrial,
        Study as Study,
        create_study as create_study,
        load_study as load_study,
    )
    from network import (
        Architecture as Architecture,
        Member as Member,
        Training as Training,
        TrainingData as TrainingData,
        evaluate as evaluate,
        predict as predict,
    )
    from storage.queries import Overview as Overview, TrialRecord as TrialRecord
    from strategies import (
        DONE as DONE,
        WAIT as WAIT,
        Choice as Choice,
        Float as Float,
        Full as Full,
        Grid as Grid,
        History as History,
        Int as Int,
        Params as Params,
        Patience as Patience,
        Random as Random,
        Resume as Resume,
        Scheduler as Scheduler,
        Searcher as Searcher,
        Space as Space,
        Start as Start,
        State as State,
        Stop as Stop,
        Stopper as Stopper,
        Strategy as Strategy,
        SuccessiveHalving as SuccessiveHalving,
        Trial as Trial,
        parse_strategy as parse_strategy,
    )

__version__: Final = "0.1.0"

_HOMES: Final = {
    "hpo.archive": "ModelError",
    "hpo.data": "Data DataError load_data",
    "hpo.errors": (
        "CheckpointError Exhausted HpoError NetworkError ObjectiveError SettingError SpaceError StorageError "
        "StrategyError StudyExists StudyNotFound"
    ),
    "hpo.model": "Model load_model",
    "hpo.network_objective": "NetworkObjective default_space",
    "hpo.objectives": "Objective",
    "hpo.study": "AskedTrial Study create_study load_study",
    "network": "Architecture Member Training TrainingData evaluate predict",
    "storage.queries": "Overview TrialRecord",
    "strategies": (
        "DONE WAIT Choice Float Full Grid History Int Params Patience Random Resume Scheduler Searcher Space Start State "
        "Stop Stopper Strategy SuccessiveHalving Trial parse_strategy"
    ),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [*_HOME_OF, "__version__"]  # noqa: PLE0604 - the names above, written once


def __getattr__(name: str) -> Any:
    """Load a public name on its first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'hpo' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])


def _check_neighbours() -> None:
    """Raise ImportError when one of our packages is hidden by a file of the same name in the user's folder."""
    here = Path(__file__).resolve().parent.parent
    for name in ("network", "strategies", "storage"):
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != here:
            found = (
                "nothing" if spec is None else spec.origin or f"the folder {[*(spec.submodule_search_locations or ())]}"
            )
            raise ImportError(
                f"hpo needs its own package {name!r} from {here}, but the name leads to {found}: "
                "rename that file or folder, or run from another folder"
            )


_check_neighbours()
