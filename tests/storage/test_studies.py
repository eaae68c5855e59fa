"""Studies: what is created can be found again as it was."""

import sqlite3
from contextlib import closing

import pytest
from crew import Hand, new_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spaces import spaces

from storage.database import Database
from storage.errors import StudyExists, StudyNotFound
from storage.studies import StudySpec, create_study, extend_study, list_studies, load_study
from strategies import STRATEGIES, Float, Grid, Random, Space, Strategy, SuccessiveHalving, Targets, parse_strategy

OBJECTIVE = {"kind": "file", "path": "ä/train.py", "shown": "train.py:objective", "options": {"deep": [1, 2.5, None]}}


@pytest.fixture
def database(tmp_path):
    """A new database."""
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
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
    with pytest.raises(StudyExists, match=r"'digits' exists already in sqlite.* `hpo resume digits`.* --name"):
        create_study(database, spec(seed=2))
    assert load_study(database, "digits") == first
    assert len(list_studies(database)) == 1


def test_an_unknown_study_is_told_its_neighbours(database):
    """A name that is not there brings the nearest one, or those there are, or that there are none."""
    with pytest.raises(StudyNotFound, match=r"no study 'digits' in sqlite.*; it holds no studies yet"):
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
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET state = 'complete', ended_at = 1")
    assert extend_study(database, record).state == "complete"
    assert extend_study(database, record, n_trials=20).state == "complete"
    extended = extend_study(database, record, n_trials=30, budget=99, parallelism=4)
    assert (extended.state, extended.ended_at) == ("open", None)
    assert extended.spec.targets == Targets(9, 30, 99)
    assert extended.spec.parallelism == 4
    assert extend_study(database, record, parallelism=8).spec.parallelism == 4
    assert extend_study(database, extended, parallelism=8).spec.parallelism == 4


def test_extending_a_deleted_study_says_so(database):
    """A study that is gone cannot be extended."""
    record = create_study(database, spec())
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM studies")
    with pytest.raises(StudyNotFound, match="no study 'digits'"):
        extend_study(database, record, n_trials=30)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_list_tells_how_far_each_study_is(direction, tmp_path):
    """Studies are listed as they were made, with their trials and the best value, failed trials left out."""
    path = tmp_path / "hpo.db"
    new_study(path, name="empty")
    study = new_study(path, Strategy(Random(), SuccessiveHalving(eta=2)), direction=direction)
    hand = Hand(path, study)
    hand.work()
    empty, crew = list_studies(hand.database)
    assert (empty.name, empty.trials, empty.n_trials, empty.best_value) == ("empty", 0, 9, None)
    assert (crew.name, crew.state, crew.trials, crew.strategy) == ("crew", "complete", 9, "random+halving")
    with closing(sqlite3.connect(path)) as connection:
        values = [
            v for (v,) in connection.execute("SELECT value FROM trials WHERE state <> 'failed' AND value NOT NULL")
        ]
        assert connection.execute("SELECT count(*) FROM trials WHERE state = 'failed'").fetchone()[0] > 0
    assert crew.best_value == (max if direction == "maximize" else min)(values)


def test_a_missing_plugin_does_not_hide_a_study(database, monkeypatch):
    """Studies can be listed where the package of one's strategy is not installed; only loading that one fails."""
    monkeypatch.setitem(STRATEGIES, "annealing", type("Annealing", (Random,), {"__module__": __name__}))
    create_study(database, spec(strategy=parse_strategy("annealing+halving")))
    monkeypatch.delitem(STRATEGIES, "annealing")
    assert [each.strategy for each in list_studies(database)] == ["annealing+halving"]
    with pytest.raises(Exception, match="Unknown strategy 'annealing'"):
        load_study(database, "digits")
