"""Studies: what is created can be found again as it was."""

import threading

import pytest
from crew import Hand, new_study
from evidence import change, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spaces import spaces

from storage.database import Database
from storage.errors import StudyExists, StudyNotFound
from storage.interventions.amending import amend
from storage.interventions.trail import interventions_in
from storage.studies import StudySpec, create_study, list_studies, load_study
from strategies import (
    STRATEGIES,
    Float,
    Grid,
    Random,
    Space,
    Strategy,
    StrategyError,
    SuccessiveHalving,
    Targets,
    parse_strategy,
)

OBJECTIVE = {"kind": "file", "path": "ä/train.py", "shown": "train.py:objective", "options": {"deep": [1, 2.5, None]}}


@pytest.fixture
def database(url):
    """A new database."""
    database = Database(url)
    yield database
    database.close()


def spec(name="digits", **changes):
    """A study of that name."""
    settings = {"space": Space(x=Float(0, 1)), "strategy": Strategy(), "objective": OBJECTIVE, "seed": 1}
    return StudySpec(name, **{**settings, "targets": Targets(9, 20), **changes})


@st.composite
def specs(draw):
    """Studies of every kind of space and strategy, every setting drawn."""
    return spec(
        space=draw(spaces(max_size=4)),
        strategy=draw(
            st.sampled_from([parse_strategy(name) for name in STRATEGIES])
            | st.just(Strategy(Grid(points=7), SuccessiveHalving(eta=4, trials=5)))
        ),
        seed=draw(st.integers(0, 2**63 - 1)),
        targets=Targets(
            draw(st.integers(1, 1000)),
            draw(st.none() | st.integers(0, 10**6)),
            draw(st.none() | st.integers(0, 10**12)),
        ),
        direction=draw(st.sampled_from(["minimize", "maximize"])),
        metric=draw(st.sampled_from(["value", "accuracy", "größe"])),
        parallelism=draw(st.none() | st.integers(1, 64)),
        job_order=draw(st.sampled_from(["reproducible", "free"])),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs())
def test_a_study_is_loaded_as_it_was_created(database, given):
    """All that defines a study comes back: space with order and conditions, strategy with settings, every number."""
    name = f"study {len(list_studies(database))}"
    created = create_study(database, spec(name, **{f: getattr(given, f) for f in given.__slots__ if f != "name"}))
    loaded = load_study(database, name)
    assert loaded == created
    assert loaded.spec.space == given.space
    assert list(loaded.spec.space.parameters) == list(given.space.parameters)
    assert loaded.spec.strategy == given.strategy
    assert loaded.spec == created.spec
    for field in ("objective", "seed", "targets", "direction", "metric", "parallelism", "job_order"):
        assert getattr(loaded.spec, field) == getattr(given, field)
    assert (loaded.state, loaded.ended_at) == ("open", None)


def test_a_name_is_given_once(database):
    """A second study of a name is refused with what to do, and the first is as it was."""
    first = create_study(database, spec(seed=1))
    with pytest.raises(StudyExists, match=r"'digits' exists already in \w+.* `hpo resume digits`.* --name"):
        create_study(database, spec(seed=2))
    assert load_study(database, "digits") == first
    assert len(list_studies(database)) == 1


def test_of_many_that_take_a_name_at_once_one_gets_it(database):
    """Whoever comes to a free name at the same moment: one study is made, and every other is told that it exists."""
    start, made, refused = threading.Barrier(6), [], []

    def create(seed):
        start.wait()
        try:
            made.append(create_study(database, spec(seed=seed)))
        except StudyExists:
            refused.append(seed)

    threads = [threading.Thread(target=create, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (study,) = made
    assert sorted([study.spec.seed, *refused]) == list(range(6))
    assert load_study(database, "digits") == study
    assert rows(database.given_url, f"SELECT count(*) FROM {study.view}") == [(0,)]


def test_an_unknown_study_is_told_its_neighbours(database):
    """A name that is not there brings the nearest one, or those there are, or that there are none."""
    with pytest.raises(StudyNotFound, match=r"no study 'digits' in \w+.*; it holds no studies yet"):
        load_study(database, "digits")
    for name in ("digits", "wine", "iris"):
        create_study(database, spec(name))
    with pytest.raises(StudyNotFound, match=r"; did you mean 'digits'\?$") as caught:
        load_study(database, "digit")
    assert str(caught.value)[0] != "'", "a KeyError would quote it"
    with pytest.raises(StudyNotFound, match=r"; there are: digits, wine, iris$"):
        load_study(database, "zzz")


def test_targets_are_raised_and_parallelism_is_fixed_once(database):
    """New targets open a complete study again; a parallelism that is fixed stays, whoever asks."""
    record = create_study(database, spec())
    change(database.given_url, "UPDATE studies SET state = 'complete', ended_at = 1")
    assert amend(database, record, {}).state == "complete"
    assert amend(database, record, {"n_trials": 20}).state == "complete"
    assert interventions_in(database, record) == []
    extended = amend(database, record, {"n_trials": 30, "budget": 99}, parallelism=4)
    assert (extended.state, extended.ended_at) == ("open", None)
    assert extended.spec.targets == Targets(9, 30, 99)
    assert extended.spec.parallelism == 4
    assert amend(database, record, {}, parallelism=8).spec.parallelism == 4
    assert amend(database, extended, {}, parallelism=8).spec.parallelism == 4


def test_extending_a_deleted_study_says_so(database):
    """A study that is gone cannot be extended."""
    record = create_study(database, spec())
    change(database.given_url, "DELETE FROM studies")
    with pytest.raises(StudyNotFound, match=r"the study 'digits' has been deleted from \w+.*://"):
        amend(database, record, {"n_trials": 30})


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_list_tells_how_far_each_study_is(direction, url):
    """Studies are listed as they were made, with their trials and the best value, failed trials left out."""
    new_study(url, name="empty")
    study = new_study(url, Strategy(Random(), SuccessiveHalving(eta=2)), direction=direction)
    hand = Hand(url, study)
    hand.work()
    empty, crew = list_studies(hand.database)
    assert (empty.name, empty.trials, empty.n_trials, empty.best_value) == ("empty", 0, 9, None)
    assert (crew.name, crew.state, crew.trials, crew.strategy) == ("crew", "complete", 9, "random+halving")
    assert rows(url, "SELECT count(*) FROM trials WHERE state = 'failed'")[0][0] > 0
    best = "max" if direction == "maximize" else "min"
    assert rows(url, f"SELECT {best}(value) FROM trials WHERE state <> 'failed'") == [(crew.best_value,)]


def test_a_missing_plugin_does_not_hide_a_study(database, monkeypatch):
    """Studies can be looked at where the package of one's strategy is not installed; only to go on with it is refused."""
    monkeypatch.setitem(STRATEGIES, "annealing", type("Annealing", (Random,), {"__module__": __name__}))
    strategy = create_study(database, spec(strategy=parse_strategy("annealing+halving"))).spec.strategy.to_dict()
    monkeypatch.delitem(STRATEGIES, "annealing")
    assert [each.strategy for each in list_studies(database)] == ["annealing+halving"]
    loaded = load_study(database, "digits")
    assert loaded.spec.strategy.to_dict() == strategy
    with pytest.raises(StrategyError, match="the strategy 'annealing' to go on, which cannot be had here"):
        Hand(database.given_url, loaded).exchange()
