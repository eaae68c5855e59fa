"""What a study is, and what it has found so far: read from its database."""

from abc import ABC
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from hpo.errors import ObjectiveError, SettingError
from hpo.objectives import Beginning, Objective
from hpo.sources import find_objective, has_changed
from storage.database import Database
from storage.interventions.trail import Intervention, interventions_in
from storage.questions.columns import trial_columns
from storage.questions.queries import Overview, TrialRecord, get_trial, list_trials, overview, read_curves, read_state
from storage.studies import COMPLETE, Direction, StudyRecord, StudySpec, reload_study
from strategies import Params, Space

if TYPE_CHECKING:
    import pandas as pd

    from hpo.confirmation import Confirmed
    from hpo.model import Model


class Findings(ABC):  # noqa: B024 - no study only reads
    """The half of a `Study` that changes nothing."""

    def __init__(self, database: Database, record: StudyRecord, objective: Objective | None = None) -> None:
        self._database = database
        self._record = record
        self._objective = objective

    def __repr__(self) -> str:
        return f"<Study {self.name!r} in {self._database.shown_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections to the database: on a server it keeps one as long as it lives. It may be used again."""
        self._database.close()

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name, unique in its database."""
        return self._record.spec.name

    @property
    def spec(self) -> StudySpec:
        """All that defines it."""
        return self._record.spec

    @property
    def record(self) -> StudyRecord:
        """Itself as the database holds it."""
        return self._record

    @property
    def database(self) -> Database:
        """The database it lives in."""
        return self._database

    @property
    def space(self) -> Space:
        """Its space."""
        return self._record.spec.space

    @property
    def direction(self) -> Direction:
        """Whether low or high values are good."""
        return self._record.spec.direction

    @property
    def objective(self) -> Objective:
        """What it tunes. Raises ObjectiveError when that cannot be found again."""
        if self._objective is None:
            self._objective = find_objective(self._record.spec.objective, self._record.spec.metric)
        return self._objective

    @property
    def objective_has_changed(self) -> bool:
        """Whether the file of its objective is another than when the study was made."""
        return has_changed(self._record.spec.objective)

    # --- looking --------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[TrialRecord]:
        """Every trial, by number."""
        return list_trials(self._database, self._record)

    @property
    def best_trial(self) -> TrialRecord:
        """The trial with the best value. Raises SettingError while there is none."""
        best = list_trials(self._database, self._record, best_first=True, limit=1)
        if not best:
            raise SettingError(f"the study {self.name!r} has no trial with a value yet")
        return best[0]

    @property
    def best_params(self) -> Params:
        """The params of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        if value is None:
            raise SettingError(f"the study {self.name!r} has no trial with a value yet")
        return value

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for has been done."""
        return reload_study(self._database, self._record).state == COMPLETE

    @property
    def confirmed(self) -> "list[Confirmed]":
        """What is on record of its confirmations, the best mean first."""
        from hpo.confirmation import confirmed

        return confirmed(self._database, self._record)

    @property
    def winner(self) -> TrialRecord:
        """The trial with the best confirmed mean; the best trial as long as no trial as good as it is confirmed.

        Only those that were trained from equally many seeds are compared: what was cut short does not count.
        """
        best, found = self.best_trial, self.confirmed
        most = max((len(each.values) + each.failed for each in found), default=0)
        held = [each for each in found if each.mean is not None and len(each.values) + each.failed == most]
        is_current = any(each.value == best.value for each in held)
        return self.trial(held[0].trial) if is_current else best

    def trial(self, number: int) -> TrialRecord:
        """Return a trial. Raises SettingError when there is none of that number."""
        found = get_trial(self._database, self._record, number)
        if found is None:
            raise SettingError(f"the study {self.name!r} has no trial {number}")
        return found

    def overview(self) -> Overview:
        """Return how far it is, how good, and what runs now."""
        return overview(self._database, self._record)

    def curves(self, numbers: Iterable[int] | None = None) -> dict[int, list[float]]:
        """Return the learning curves of all trials, or of some."""
        rows = read_curves(self._database, self._record, None if numbers is None else list(numbers))
        return {number: [value for _, value, _, _ in curve] for number, curve in rows.items()}

    def trials_dataframe(self) -> "pd.DataFrame":
        """Return a row a trial: its columns in the database, and `params_<name>` for each hyperparameter."""
        import pandas as pd

        names = [name for name in TrialRecord.__dataclass_fields__ if name != "traceback"]
        columns = trial_columns(self._database, self._record, names)
        every = columns.pop("params")
        hyperparameters = {f"params_{name}": [params.get(name) for params in every] for name in self.space.parameters}
        return pd.DataFrame(columns | hyperparameters)

    def best_model(self) -> "Model":
        """Return the network of the winner, after its best epoch, with its preprocessing.

        Where its checkpoint is no longer kept, it is trained again: the same seed gives the same network.
        Raises ObjectiveError when the study tunes something else than the built-in network, and when the winner began
        with weights that are no longer kept.
        """
        from hpo.network_objective import NetworkObjective

        objective = self.objective
        if not isinstance(objective, NetworkObjective):
            raise ObjectiveError(
                f"the study {self.name!r} tunes {self.spec.objective.get('shown')}, not a built-in network"
            )
        best = self.winner
        kept = read_state(self._database, self._record, best.number)
        if kept is None and best.parent is not None:
            raise ObjectiveError(
                f"trial {best.number} of {self.name!r} began with the weights of trial {best.parent}, and its own are "
                "no longer kept: its params alone do not make it again"
            )
        state = kept[1] if kept is not None else _trained_again(objective, best)
        return objective.model(best.params, best.seed, state)

    @property
    def interventions(self) -> list[Intervention]:
        """What people have done to it by hand, the newest last."""
        return interventions_in(self._database, self._record)


def _trained_again(objective: Objective, trial: TrialRecord) -> Mapping[str, Any]:
    """Return the state of a trial after its last epoch, by training it once more, on one thread as the search did."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        session = objective.open([Beginning(trial.params, trial.seed)])
        for _ in range(trial.epochs):
            session.train_epoch()
        return session.state(0)
