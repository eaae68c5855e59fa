"""Surgery on trials and studies: what each operation writes, what it refuses, and what workers make of it."""

import threading
from dataclasses import dataclass

import pytest
from crew import Hand, new_study, train
from evidence import rows

from storage.database import Database
from storage.errors import StudyExists, StudyNotFound, SurgeryError
from storage.exchange.work import Measurement, Progress, Report
from storage.interventions.amending import amend
from storage.interventions.guesses import enqueue
from storage.interventions.steering import delete, extend, pause, rename, reopen, stop_study
from storage.interventions.surgery import discard_trials, retry_trials, stop_trials
from storage.interventions.trail import interventions_in, list_interventions
from storage.studies import StudySpec, create_study, list_studies, load_study
from strategies import (
    STRATEGIES,
    Choice,
    Float,
    Full,
    Grid,
    Random,
    Space,
    SpaceError,
    State,
    Strategy,
    StrategyError,
    SuccessiveHalving,
    Targets,
)


@dataclass(frozen=True)
class Annealing(Full):
    """A scheduler of a plug-in's."""

    eta: int = 3


HALVING = Strategy(Grid(), SuccessiveHalving(eta=2, trials=4))
MIXED = Space(x=Float(0, 1), kind=Choice("a", "b"))


@pytest.fixture
def database(any_url):
    """An empty database, of each kind."""
    database = Database(any_url, create=True)
    yield database
    database.close()


def state_of(url, trial):
    return rows(url, "SELECT state FROM trials WHERE number = ?", trial)[0][0]


def made(database, space=MIXED, strategy=None, **settings):
    targets = Targets(settings.pop("max_epochs", 4), settings.pop("n_trials", 4))
    return create_study(database, StudySpec("wide", space, strategy or Strategy(), {}, 8, targets, **settings))


# --- trials -------------------------------------------------------------------------------------------------------


def test_a_failed_trial_is_trained_again(any_url, database):
    """A job like the one that failed, at the end of the log; a complete study is open again, and complete in the end."""
    study = new_study(any_url)
    hand = Hand(any_url, study, database=database)
    hand.work()
    failed = [number for (number,) in rows(any_url, "SELECT number FROM trials WHERE state = 'failed' ORDER BY number")]
    assert failed
    assert load_study(database, "crew").state == "complete"
    assert retry_trials(database, study) == failed
    assert load_study(database, "crew").state == "open"
    (first, last) = rows(any_url, "SELECT trial, from_epoch, until_epoch, seen FROM jobs WHERE trial = ?", failed[0])
    assert first == last
    assert rows(any_url, "SELECT DISTINCT state, error, attempts FROM trials WHERE state = 'paused'") == [
        ("paused", None, 0)
    ]
    assert hand.work().complete
    assert state_of(any_url, failed[0]) == "failed"  # the formula has not changed
    noted = [(each.trial, each.action, each.before_job) for each in interventions_in(database, study)]
    assert noted == [(number, "retry", 9) for number in failed]


def test_only_what_has_failed_is_retried(any_url, database):
    """All or nothing: one trial that has not failed, or is not there, and none is."""
    study = new_study(any_url)
    Hand(any_url, study, database=database).work()
    (failed,) = rows(any_url, "SELECT min(number) FROM trials WHERE state = 'failed'")[0]
    (complete,) = rows(any_url, "SELECT min(number) FROM trials WHERE state = 'complete'")[0]
    with pytest.raises(SurgeryError, match=f"trial {complete} has not failed, it is complete"):
        retry_trials(database, study, [failed, complete])
    with pytest.raises(SurgeryError, match="no trial 99"):
        retry_trials(database, study, [failed, 99])
    assert state_of(any_url, failed) == "failed"
    assert interventions_in(database, study) == []


def test_a_trial_is_discarded_under_its_workers_hands(any_url, database):
    """Its job is closed, its checkpoint is gone, and what its worker brings later is refused."""
    study = new_study(any_url)
    hand = Hand(any_url, study, database=database)
    claim = hand.one()
    hand.worklist.record([train(claim, 2, checkpointed=True)])
    discard_trials(database, study, [claim.job.trial], "the data were wrong")
    assert rows(any_url, "SELECT state, outcome, end_epoch FROM jobs") == [("done", "discarded", 2)]
    assert rows(any_url, "SELECT count(*) FROM checkpoints") == [(0,)]
    hand.exchange([Report(train(claim, checkpointed=True), State.COMPLETE)])
    assert rows(any_url, "SELECT state, epochs FROM trials WHERE number = 0") == [("discarded", 2)]
    assert rows(any_url, "SELECT count(*) FROM measurements WHERE trial = 0") == [(2,)]
    assert rows(any_url, "SELECT count(*) FROM leaderboard WHERE trial = 0") == [(0,)]
    with pytest.raises(SurgeryError, match="trial 0 is discarded already"):
        discard_trials(database, study, [0], "once more")


def test_a_discarded_winner_wins_no_more(any_url, database):
    """Neither by its rank nor in the list of studies; its points are not tried again."""
    study = new_study(any_url)
    hand = Hand(any_url, study, database=database)
    hand.work()
    ranked = [trial for (trial,) in rows(any_url, 'SELECT trial FROM leaderboard ORDER BY "rank"')]
    discard_trials(database, study, ranked[:1], "too good to be true")
    assert [trial for (trial,) in rows(any_url, 'SELECT trial FROM leaderboard ORDER BY "rank"')] == ranked[1:]
    (summary,) = list_studies(database)
    assert [summary.best_value] == [row[0] for row in rows(any_url, 'SELECT value FROM leaderboard WHERE "rank" = 1')]
    points = rows(any_url, "SELECT count(*), count(DISTINCT params) FROM trials") if "sqlite" in any_url else [(9, 9)]
    assert points == [(9, 9)]


def test_trials_are_stopped_where_they_are(any_url, database):
    """Running and paused ones; what has ended is refused. They count with what they have measured."""
    study = new_study(any_url, HALVING)
    hand, other = Hand(any_url, study, database=database), Hand(any_url, study)
    claim, second = hand.one(), other.one()
    hand.worklist.record([train(claim, 1, checkpointed=True)])
    other.exchange([other.report(second)], jobs=0)
    open_ = [claim.job.trial, second.job.trial]
    stop_trials(database, study, open_, "hopeless")
    told = rows(any_url, "SELECT state, stop_reason FROM trials ORDER BY number")
    assert [state for state, _ in told] == ["stopped", "stopped"]
    assert all('"person"' in reason and "hopeless" in reason for _, reason in told)
    assert hand.worklist.record([train(claim, 1)]) == set()
    with pytest.raises(SurgeryError, match="trial 0 has ended already, it is stopped"):
        stop_trials(database, study, [0])
    other.database.close()


# --- studies ------------------------------------------------------------------------------------------------------


def test_a_paused_study_hands_out_nothing(any_url, database):
    """Its workers are asked to leave, whoever joins is told, and what they bring is kept; reopened, it goes on."""
    study = new_study(any_url)
    hand = Hand(any_url, study, database=database)
    claim = hand.one()
    assert pause(database, study).state == "paused"
    assert hand.worklist.look()[1] == "stop"
    assert hand.exchange([hand.report(claim)]) == {}
    assert hand.result.closed
    assert state_of(any_url, 0) in ("complete", "failed")
    with pytest.raises(SurgeryError, match="is paused"):
        pause(database, study)
    assert reopen(database, study).state == "open"
    assert hand.work().complete
    assert [each.action for each in interventions_in(database, study)] == ["pause", "resume"]
    with pytest.raises(SurgeryError, match="is complete"):
        pause(database, study)


def test_a_stopped_study_is_over_until_it_is_extended(any_url, database):
    """Open trials end as stopped; an extension opens it, and no stopped trial goes on."""
    study = new_study(any_url, HALVING)
    hand = Hand(any_url, study, database=database)
    hand.exchange([hand.report(hand.one())], jobs=1)
    stopped = stop_study(database, study, "enough")
    assert (stopped.state, stopped.ended_at is not None) == ("stopped", True)
    assert rows(any_url, "SELECT DISTINCT state FROM jobs") == [("done",)]
    assert set(rows(any_url, "SELECT state FROM trials")) <= {("stopped",), ("failed",)}
    assert hand.exchange() == {}
    assert hand.result.closed
    with pytest.raises(SurgeryError, match="is stopped already"):
        stop_study(database, study)
    assert extend(database, study, n_trials=11).state == "open"
    assert hand.work().complete
    assert rows(any_url, "SELECT count(*) FROM trials") == [(9,)]  # all points of the grid


def test_bounds_only_rise(any_url, database):
    """A bound that is not higher is refused, and one with nothing given; none of it is written."""
    study = new_study(any_url)
    for bounds in ({"n_trials": 9}, {"max_epochs": 4}, {"n_trials": 12, "max_epochs": 3}):
        with pytest.raises(SurgeryError, match="is the total to reach"):
            extend(database, study, **bounds)
    with pytest.raises(SurgeryError, match="nothing is to be extended"):
        extend(database, study)
    assert load_study(database, "crew") == study
    assert interventions_in(database, study) == []


def test_a_first_budget_is_beyond_what_was_spent(any_url, database):
    """A study without one would end by a budget of fewer epochs than it has had; what was stopped may go on up to more."""
    study = new_study(any_url, HALVING)
    hand = Hand(any_url, study, database=database)
    hand.exchange([hand.report(hand.one())], jobs=1)
    spent = rows(any_url, "SELECT sum(epochs) FROM trials")[0][0]
    assert spent > 0
    with pytest.raises(SurgeryError, match=f"budget is the total to reach, and it is {spent} already"):
        extend(database, study, budget=spent)
    assert extend(database, study, budget=spent + 50).spec.targets.budget == spent + 50
    stop_study(database, study, "enough")
    assert extend(database, study, budget=spent + 1).spec.targets.budget == spent + 1


def test_more_epochs_reopen_what_had_reached_the_last(any_url, database):
    """No epoch is measured twice, where a checkpoint is gone as well; schedules keep their horizon."""
    study = new_study(any_url, n_trials=9)
    Hand(any_url, study, database=database).work()
    complete = rows(any_url, "SELECT number FROM trials WHERE state = 'complete'")
    before = rows(any_url, "SELECT trial, epoch, value FROM measurements ORDER BY trial, epoch")
    longer = extend(database, study, max_epochs=6)
    assert (longer.edition, longer.spec.horizon, longer.spec.schedule_epochs, longer.state) == (1, 4, 4, "open")
    assert rows(any_url, "SELECT number FROM trials WHERE state = 'paused'") == complete
    assert Hand(any_url, longer, database=database).work().complete
    assert rows(any_url, "SELECT number FROM trials WHERE state = 'complete' AND epochs = 6") == complete
    assert (
        rows(any_url, "SELECT trial, epoch, value FROM measurements WHERE epoch <= 4 ORDER BY trial, epoch") == before
    )
    assert extend(database, longer, max_epochs=7).spec.horizon == 4


def test_who_was_at_work_learns_of_more_epochs(any_url, database):
    """What it had taken for complete is paused, and it gets nothing more before it reads the study anew."""
    study = new_study(any_url)
    hand = Hand(any_url, study, database=database)
    claim = hand.one()
    extend(database, study, max_epochs=6)
    assert hand.exchange([hand.report(claim)]) == {}
    assert (hand.result.outdated, hand.result.complete) == (True, False)
    assert state_of(any_url, 0) in ("paused", "failed")
    assert Hand(any_url, load_study(database, "crew"), database=database).work().complete
    assert rows(any_url, "SELECT DISTINCT epochs FROM trials WHERE state = 'complete'") == [(6,)]


def test_a_space_becomes_wider(any_url, database):
    """Ranges and choices; the view has the new values. What is narrower, new, gone, or of another kind is refused."""
    study = made(database)
    Hand(any_url, study, database=database)
    narrower = {
        "would begin at 0.5": Space(x=Float(0.5, 1), kind=Choice("a", "b")),
        "would end at 0.5": Space(x=Float(0, 0.5), kind=Choice("a", "b")),
        "scale": Space(x=Float(0.0001, 1, log=True), kind=Choice("a", "b")),
        "must begin with the values": Space(x=Float(0, 1), kind=Choice("b", "a")),
        "was of type 'choice'": Space(x=Float(0, 1), kind=Float(0, 1)),
        "is missing": Space(x=Float(0, 1)),
        "not in the space": Space(x=Float(0, 1), kind=Choice("a", "b"), y=Float(0, 1)),
        "another condition": Space(x=Float(0, 1, when={"kind": "a"}), kind=Choice("a", "b")),
    }
    for error, space in narrower.items():
        with pytest.raises(SpaceError, match=error):
            extend(database, study, space=space)
    with pytest.raises(SurgeryError, match="no wider"):
        extend(database, study, space=MIXED)
    wider = Space(kind=Choice("a", "b", 3), x=Float(-2, 2))
    after = extend(database, study, space=wider)
    assert list(after.spec.space.parameters) == ["x", "kind"]
    assert after.edition == 1
    assert rows(any_url, "SELECT x, kind FROM wide_trials") == []
    (noted,) = interventions_in(database, study)
    assert noted.details["space"]["x"] == [
        {"type": "float", "low": 0.0, "high": 1.0},
        {"type": "float", "low": -2.0, "high": 2.0},
    ]


def test_a_strategy_has_a_say(database):
    """What its strategy cannot search a study does not become."""
    study = made(database, Space(x=Float(0, 1, points=3)), Strategy(Grid()))
    with pytest.raises(StrategyError, match="resolution"):
        extend(database, study, space=Space(x=Float(-1, 1)))


@pytest.mark.parametrize("before", [2, 99])
def test_a_widened_grid_repeats_and_skips_nothing(any_url, database, before):
    """Half-way or at its end: every point of the new grid is tried, each once, beside those that were tried before."""
    study = made(database, Space(c=Choice("a", "b"), x=Float(0, 1, points=3)), Strategy(Grid()), n_trials=None)
    tried = points(Hand(any_url, study, database=database), before)
    wider = extend(database, study, space=Space(c=Choice("a", "b", "c", "d"), x=Float(0, 2, points=5)))
    grid = {(c, x) for c in "abcd" for x in (0, 0.5, 1, 1.5, 2)}
    assert points(Hand(any_url, wider, database=database), 99) == tried | grid
    assert rows(any_url, "SELECT count(*) FROM trials") == [(len(tried | grid),)]


def points(hand, most):
    """Train at most so many trials of a grid; return all points that were tried."""
    for _ in range(most):
        for claim in hand.exchange().values():
            new = [Measurement(epoch, 1.0, None, 0.0) for epoch in range(1, claim.job.until + 1)]
            hand.exchange([Report(Progress(claim, (1.0,) * len(new), 0.0, new), State.COMPLETE)], jobs=0)
        if hand.result.complete:
            break
    return set(rows(hand.database.given_url, "SELECT c, x FROM wide_trials"))


def test_a_study_is_renamed_with_its_view(any_url, database):
    """A name that is taken is refused; the trail is found under either name, and workers go on."""
    study = new_study(any_url)
    made(database)
    hand = Hand(any_url, study, database=database)
    claim = hand.one()
    with pytest.raises(StudyExists, match="'wide'"):
        rename(database, study, "wide")
    named = rename(database, study, "Ünïted")
    assert (named.spec.name, named.id) == ("Ünïted", study.id)
    hand.exchange([hand.report(claim)], jobs=0)
    assert rows(any_url, f"SELECT count(*) FROM {named.view}") == [(1,)]
    with pytest.raises(StudyNotFound, match="crew"):
        load_study(database, "crew")
    for name in ("crew", "Ünïted"):
        assert [each.action for each in list_interventions(database, name)] == ["rename"]


def test_a_deleted_study_leaves_its_trail_alone(any_url, database):
    """No row, no view; and not before its workers are gone, unless it is forced: then they are told."""
    study, other = new_study(any_url), made(database)
    hand = Hand(any_url, study, database=database)
    claim = hand.one()
    with pytest.raises(SurgeryError, match="1 worker is at work"):
        delete(database, study)
    delete(database, study, force=True)
    with pytest.raises(StudyNotFound, match="deleted"):
        hand.exchange([hand.report(claim)])
    for table in ("trials", "jobs", "measurements", "checkpoints", "workers"):
        assert rows(any_url, f"SELECT count(*) FROM {table}") == [(0,)]
    assert [each.name for each in list_studies(database)] == [other.spec.name]
    assert [(each.study, each.action) for each in list_interventions(database)] == [("crew", "delete")]
    assert new_study(any_url).view == study.view
    with pytest.raises(StudyNotFound, match="has been deleted"):
        discard_trials(database, study, [0], "gone")


def test_the_trail_knows_every_name_it_ever_saw(database):
    """A name that neither a study nor the trail has is an error with the nearest one; a study without a trail has none."""
    made(database)
    assert list_interventions(database, "wide") == []
    with pytest.raises(StudyNotFound, match="did you mean 'wide'"):
        list_interventions(database, "wode")


# --- side by side -------------------------------------------------------------------------------------------------


def test_guesses_that_come_at_once_have_places_of_their_own(any_url, database):
    """Twenty threads, each with a guess: twenty guesses, made for the places 0 to 19."""
    study = made(database)
    threads = [
        threading.Thread(target=enqueue, args=(database, study, lambda place: {"x": place / 100, "kind": "a"}))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue = load_study(database, "wide").spec.targets.queue
    assert [guess["x"] for guess in queue] == [place / 100 for place in range(20)]


def test_a_decision_that_was_thought_about_before_does_not_count_after(any_url, database, monkeypatch):
    """A slow strategy's end of the search counts only towards the targets that it was computed for, as does a trial."""
    from test_slow_strategies import Musing

    monkeypatch.setitem(STRATEGIES, "musing", Musing)
    study = new_study(any_url, Strategy(Musing()), n_trials=1)
    hand = Hand(any_url, study, database=database)
    hand.exchange([hand.report(hand.one())], jobs=0)
    decide = hand.worklist._known.decide
    extended = []

    def meanwhile():
        plan = decide()
        if not extended:
            extended.append(extend(database, study, n_trials=2))
        return plan

    monkeypatch.setattr(hand.worklist._known, "decide", meanwhile)
    assert list(hand.exchange()) == [1]
    assert not hand.result.complete
    assert load_study(database, "crew").state == "open"


def test_a_study_whose_plug_in_is_gone_can_be_looked_at(any_url, database, monkeypatch):
    """It is read, changed and written down with the name of what is missing; only to go on is refused."""
    monkeypatch.setitem(STRATEGIES, "annealing", Annealing)
    study = new_study(any_url, Strategy(Random(), Annealing(eta=2)))
    monkeypatch.delitem(STRATEGIES, "annealing")
    found = load_study(database, "crew")
    assert found.id == study.id
    assert found.spec.strategy.name == "random+annealing"
    assert found.spec.strategy.to_dict()["scheduler"] == {"name": "annealing", "settings": {"eta": 2}}
    assert extend(database, found, n_trials=20).spec.targets.n_trials == 20
    with pytest.raises(StrategyError, match="annealing"):
        extend(database, found, max_epochs=8)
    with pytest.raises(StrategyError, match=r"'annealing'.*cannot be had here"):
        Hand(any_url, found, database=database).exchange()


def test_what_is_amended_is_on_record(any_url, database):
    """Who changed which setting, from what to what and before which decision; where nothing changes nothing is written."""
    study = new_study(any_url, n_trials=4)
    Hand(any_url, study, database=database).work()
    before = rows(any_url, "SELECT revision FROM studies")
    same = amend(database, study, {"n_trials": 4, "retries": 2, "trial_timeout": None, "tolerance": None})
    assert (rows(any_url, "SELECT revision FROM studies"), interventions_in(database, study)) == (before, [])
    amended = amend(database, same, {"n_trials": 5, "retries": 2, "trial_timeout": 90.0, "tolerance": 0.5})
    amend(database, amended, {"trial_timeout": None, "tolerance": None})
    first, second = interventions_in(database, study)
    assert first.details == {"n_trials": [4, 5], "trial_timeout": [None, 90.0], "tolerance": [None, 0.5]}
    assert second.details == {"trial_timeout": [90.0, None], "tolerance": [0.5, None]}
    assert {(each.action, each.trial, each.before_job) for each in (first, second)} == {("amend", None, 4)}
    assert first.by_user
    assert first.by_node
    assert rows(any_url, "SELECT state, tolerance, trial_timeout FROM studies") == [("open", None, None)]


def test_only_a_complete_study_is_opened_by_other_targets(any_url, database):
    """One that a person has paused or stopped stays so, whatever its settings become."""
    study = new_study(any_url, n_trials=4)
    paused = pause(database, study)
    assert amend(database, paused, {"tolerance": 0.5}).state == "paused"
    stopped = stop_study(database, paused)
    assert amend(database, stopped, {"tolerance": None, "budget": 99}).state == "stopped"
