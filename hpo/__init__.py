"""Hyperparameter search: `import hpo` is the only import that a user needs.

Every public name of all four packages is here, loaded when it is first used: `import hpo` itself loads nothing heavy.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hpo.asking import AskedTrial as AskedTrial
    from hpo.data import Data as Data
    from hpo.data import DataError as DataError
    from hpo.data import load_data as load_data
    from hpo.default_spaces import default_space as default_space
    from hpo.errors import (
        CheckpointError as CheckpointError,
    )
    from hpo.errors import (
        Exhausted as Exhausted,
    )
    from hpo.errors import (
        HpoError as HpoError,
    )
    from hpo.errors import (
        NetworkError as NetworkError,
    )
    from hpo.errors import (
        ObjectiveError as ObjectiveError,
    )
    from hpo.errors import (
        SearchFailed as SearchFailed,
    )
    from hpo.errors import (
        SettingError as SettingError,
    )
    from hpo.errors import (
        SpaceError as SpaceError,
    )
    from hpo.errors import (
        StorageError as StorageError,
    )
    from hpo.errors import (
        StrategyError as StrategyError,
    )
    from hpo.errors import (
        StudyExists as StudyExists,
    )
    from hpo.errors import (
        StudyFileError as StudyFileError,
    )
    from hpo.errors import (
        StudyNotFound as StudyNotFound,
    )
    from hpo.errors import (
        SurgeryError as SurgeryError,
    )
    from hpo.errors import (
        Unavailable as Unavailable,
    )
    from hpo.errors import (
        WorkerError as WorkerError,
    )
    from hpo.model import Model as Model
    from hpo.model import ModelError as ModelError
    from hpo.model import load_model as load_model
    from hpo.moving import copy_study as copy_study
    from hpo.moving import export_study as export_study
    from hpo.moving import import_study as import_study
    from hpo.network_objective import NetworkObjective as NetworkObjective
    from hpo.objectives import Objective as Objective
    from hpo.results import warm_start as warm_start
    from hpo.study import (
        Study as Study,
    )
    from hpo.study import (
        create_study as create_study,
    )
    from hpo.study import (
        delete_study as delete_study,
    )
    from hpo.study import (
        load_study as load_study,
    )
    from network import Architecture as Architecture
    from network import ArchiveError as ArchiveError
    from network import Constant as Constant
    from network import Convolution as Convolution
    from network import Cosine as Cosine
    from network import Epoch as Epoch
    from network import Exponential as Exponential
    from network import Fitted as Fitted
    from network import Member as Member
    from network import Plateau as Plateau
    from network import Schedule as Schedule
    from network import Starts as Starts
    from network import Step as Step
    from network import Training as Training
    from network import TrainingData as TrainingData
    from network import Warmup as Warmup
    from network import evaluate as evaluate
    from network import fit as fit
    from network import load_estimator as load_estimator
    from network import multi_start as multi_start
    from network import predict as predict
    from network.estimators import MLPClassifier as MLPClassifier
    from network.estimators import MLPRegressor as MLPRegressor
    from network.estimators import Perceptron as Perceptron
    from storage.interventions.trail import Intervention as Intervention
    from storage.questions.queries import Overview as Overview
    from storage.questions.queries import TrialRecord as TrialRecord
    from strategies import (
        ASHA as ASHA,
    )
    from strategies import (
        CMAES as CMAES,
    )
    from strategies import (
        DONE as DONE,
    )
    from strategies import (
        PASHA as PASHA,
    )
    from strategies import (
        TPE as TPE,
    )
    from strategies import (
        WAIT as WAIT,
    )
    from strategies import (
        Bayes as Bayes,
    )
    from strategies import (
        Budgeted as Budgeted,
    )
    from strategies import (
        BudgetedBandit as BudgetedBandit,
    )
    from strategies import (
        Choice as Choice,
    )
    from strategies import (
        CurveExtrapolation as CurveExtrapolation,
    )
    from strategies import (
        DifferentialEvolution as DifferentialEvolution,
    )
    from strategies import (
        Float as Float,
    )
    from strategies import (
        FreezeThaw as FreezeThaw,
    )
    from strategies import (
        Full as Full,
    )
    from strategies import (
        GaussianProcess as GaussianProcess,
    )
    from strategies import (
        Grid as Grid,
    )
    from strategies import (
        Halton as Halton,
    )
    from strategies import (
        History as History,
    )
    from strategies import (
        Hyperband as Hyperband,
    )
    from strategies import (
        InfiniteHyperband as InfiniteHyperband,
    )
    from strategies import (
        Int as Int,
    )
    from strategies import (
        Loss as Loss,
    )
    from strategies import (
        Median as Median,
    )
    from strategies import (
        MetaMax as MetaMax,
    )
    from strategies import (
        OneEpoch as OneEpoch,
    )
    from strategies import (
        Params as Params,
    )
    from strategies import (
        Patience as Patience,
    )
    from strategies import (
        PopulationBasedTraining as PopulationBasedTraining,
    )
    from strategies import (
        Proposal as Proposal,
    )
    from strategies import (
        Random as Random,
    )
    from strategies import (
        RecordedSpace as RecordedSpace,
    )
    from strategies import (
        Resume as Resume,
    )
    from strategies import (
        Scheduler as Scheduler,
    )
    from strategies import (
        Searcher as Searcher,
    )
    from strategies import (
        Skopt as Skopt,
    )
    from strategies import (
        Sobol as Sobol,
    )
    from strategies import (
        Space as Space,
    )
    from strategies import (
        Start as Start,
    )
    from strategies import (
        State as State,
    )
    from strategies import (
        Stop as Stop,
    )
    from strategies import (
        Stopper as Stopper,
    )
    from strategies import (
        Strategy as Strategy,
    )
    from strategies import (
        SuccessiveHalving as SuccessiveHalving,
    )
    from strategies import (
        Threshold as Threshold,
    )
    from strategies import (
        Trial as Trial,
    )
    from strategies import (
        parse_strategy as parse_strategy,
    )

__version__: Final = "0.1.0"

_HOMES: Final = {
    "hpo.asking": "AskedTrial",
    "hpo.data": "Data DataError load_data",
    "hpo.errors": (
        "CheckpointError Exhausted HpoError NetworkError ObjectiveError SearchFailed SettingError SpaceError "
        "StorageError StrategyError StudyExists StudyFileError StudyNotFound SurgeryError Unavailable WorkerError"
    ),
    "hpo.model": "Model ModelError load_model",
    "hpo.default_spaces": "default_space",
    "hpo.moving": "copy_study export_study import_study",
    "hpo.network_objective": "NetworkObjective",
    "hpo.objectives": "Objective",
    "hpo.study": "Study create_study delete_study load_study",
    "hpo.results": "warm_start",
    "network": (
        "Architecture ArchiveError Constant Convolution Cosine Epoch Exponential Fitted Member Plateau Schedule Starts "
        "Step Training TrainingData Warmup evaluate fit load_estimator multi_start predict"
    ),
    "network.estimators": "MLPClassifier MLPRegressor Perceptron",
    "storage.questions.queries": "Overview TrialRecord",
    "storage.interventions.trail": "Intervention",
    "strategies": (
        "DONE WAIT ASHA Bayes Budgeted BudgetedBandit CMAES Choice CurveExtrapolation DifferentialEvolution Float "
        "FreezeThaw Full GaussianProcess Grid Halton History Hyperband InfiniteHyperband Int Loss Median MetaMax "
        "OneEpoch PASHA Params Patience PopulationBasedTraining Proposal Random RecordedSpace Resume Scheduler "
        "Searcher Skopt Sobol Space Start State Stop Stopper Strategy SuccessiveHalving TPE Threshold Trial "
        "parse_strategy"
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
