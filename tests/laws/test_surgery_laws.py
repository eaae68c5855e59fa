"""Laws of surgery, over every kind of scheduler: what follows an intervention is a function of the record alone."""

import shutil
from pathlib import Path

import pytest
from casts import SLOW
from surgeons import NAME, WIDER, Worker, begin, finish, new_study, result

from storage.database import Database
from storage.exchange.sync import knowledge_of, survey_of
from storage.interventions.steering import extend
from storage.interventions.surgery import discard_trials, retry_trials, stop_trials
from storage.questions.queries import list_trials
from storage.studies import load_study
from strategies import (
    ASHA,
    PASHA,
    STRATEGIES,
    TPE,
    Budgeted,
    FreezeThaw,
    Hyperband,
    MetaMax,
    OneEpoch,
    PopulationBasedTraining,
    Random,
    Scheduler,
    State,
    Strategy,
    SuccessiveHalving,
    parse_strategy,
)

TUNED = {
    "halving": SuccessiveHalving(eta=2, trials=4),
    "hyperband": Hyperband(eta=2),
    "asha": ASHA(eta=2),
    "pasha": PASHA(eta=2),
    "one-epoch": OneEpoch(top=2, trials=5),
    "metamax": MetaMax(instances=3),
    "pbt": PopulationBasedTraining(size=4, interval=1),
    "budgeted": Budgeted(slack=3),
    "freeze-thaw": FreezeThaw(step=2, samples=50, candidates=20, fantasies=2),
}
SCHEDULERS = [name for name, each in STRATEGIES.items() if issubclass(each, Scheduler)]
CAST = {
    **{name: Strategy(Random(), TUNED.get(name) or STRATEGIES[name]()) for name in SCHEDULERS},
    **{name: parse_strategy(name) for name in ("grid", "sobol", "halton", "de", "cmaes", "grid+halving")},
    "tpe": Strategy(TPE(initial=3)),
    "tpe+asha": Strategy(TPE(initial=3), ASHA(eta=2)),
    "asha that stops": Strategy(Random(), ASHA(eta=2, variant="stopping")),
}
ADAPTIVE = [name for name, each in CAST.items() if each.adaptive]


def discard_some(database, study):
    """The best trial and one that is open."""
    best = list_trials(database, study, best_first=True)[:1]
    open_ = list_trials(database, study, states=(State.PAUSED,))[:1]
    discard_trials(database, study, sorted({trial.number for trial in best + open_}), "measured wrongly")


def stop_some(database, study):
    """The first two that are open, if any is."""
    open_ = list_trials(database, study, states=(State.RUNNING, State.PAUSED))[:2]
    stop_trials(database, study, [trial.number for trial in open_])


def retry_all(database, study):
    """All that failed, as what was broken is mended."""
    assert retry_trials(database, study)


OPERATIONS = {
    "discard": discard_some,
    "stop": stop_some,
    "retry": retry_all,
    "more trials": lambda database, study: extend(database, study, n_trials=12),
    "more epochs": lambda database, study: extend(database, study, max_epochs=8),
    "wider": lambda database, study: extend(database, study, space=WIDER, n_trials=12),
}


def operate(url, operation):
    database = Database(url)
    try:
        OPERATIONS[operation](database, load_study(database, NAME))
    finally:
        database.close()


def copies(path, count):
    """The URLs of copies of a database that nobody has open."""
    assert not Path(f"{path}-wal").exists()
    for number in range(count):
        copy = path.with_name(f"copy-{number}.db")
        shutil.copy(path, copy)
        yield f"sqlite:///{copy}"


def jobs_before(name, moment):
    return 10**6 if moment == "at the end" else 6 if name in SLOW else 9


CASES = [
    (name, operation, ("half-way", "at the end")[(i + k) % 2])
    for i, name in enumerate(CAST)
    for k, operation in enumerate(OPERATIONS)
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with its schema alone, to be copied: that is quicker than to make one."""
    path = tmp_path_factory.mktemp("empty") / "hpo.db"
    Database(f"sqlite:///{path}", create=True).close()
    return path


@pytest.mark.parametrize(("name", "operation", "moment"), CASES)
def test_what_follows_is_the_same_search(tmp_path, empty, name, operation, moment):
    """With one hand, three and eight, and where hands die with what they hold: the same trials, to the last bit."""
    path = shutil.copy(empty, tmp_path / "hpo.db")
    strategy = CAST[name]
    study = new_study(f"sqlite:///{path}", strategy, n_trials=7 if name in SLOW else 9)
    begin(f"sqlite:///{path}", study, jobs_before(name, moment))
    operate(f"sqlite:///{path}", operation)
    alone, *others = copies(path, 2 if name in SLOW else 3)
    finish(alone, 1)
    expected = result(alone, log=strategy.adaptive)
    assert {state for *_, state in [row[:7] for row in expected["trials"]]} <= {
        "complete",
        "stopped",
        "discarded",
        "failed",
    }
    for url, (workers, dying) in zip(others, [(3, 0.2), (8, 0.0)], strict=False):
        finish(url, workers, dying=dying)
        assert result(url, log=strategy.adaptive) == expected


def portrait(ledger):
    """All that decisions could ever depend on, under any lag."""
    views = [ledger.view(last) for last in (None, *range(-1, ledger.n_jobs))]
    shown = [(list(view.trials), dict(view.open), view.n_trials, view.max_epochs) for view in views]
    return shown, dict(ledger.pending), ledger._jobs, ledger._epochs, ledger._first_jobs, ledger._taken


def read(knowledge, database, record):
    """Bring what is known up to date, as within an exchange."""
    now = load_study(database, NAME)
    with database.read() as connection:
        revision = connection.exec_driver_sql("SELECT revision FROM studies").scalar_one()
        knowledge.catch_up(connection, revision, now.spec.targets, survey_of(connection, now.id))
    return portrait(knowledge._ledger)


@pytest.mark.parametrize("name", ["halving", "tpe+asha", "pbt"])
def test_a_ledger_made_anew_is_the_one_that_was_kept(any_url, name):
    """Whoever saw every intervention as it came, and whoever reads the record afterwards, know the same to the last bit.

    Whatever was in training, and at every moment.
    """
    study = new_study(any_url, CAST[name], n_trials=11)
    kept, database = knowledge_of(study), Database(any_url)
    first, second = Worker(any_url, study, broken=True), Worker(any_url, study, broken=True)
    done = []
    for operation in (
        None,
        stop_some,
        None,
        discard_some,
        None,
        retry_all,
        None,
        OPERATIONS["more trials"],
        discard_some,
    ):
        for hand in (first, second, first, second, second):
            reports = [hand.report(claim) for claim in list(hand.claims.values())]
            hand.exchange(reports, jobs=2)
        if operation is not None:
            operation(database, study)
        done.append(read(kept, database, study) == read(knowledge_of(study), database, study))
    assert done == [True] * len(done)
    for each in (first.database, second.database, database):
        each.close()
