"""Leaders trained again from fresh seeds: honest means, on record, the same however the work was divided."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from evidence import rows
from fragile_objectives import Fragile, Unlucky
from noisy_objective import Noisy
from scipy import stats
from searches import SPACE, searched

import hpo
from hpo.confirmation import fresh_seed, leaders
from storage.exchange.confirmations import Repeat, read_repeats, write_repeat


class Turned(Noisy):
    """The same values, negated."""

    direction = -1


class Failing(Noisy):
    """It fails in its second epoch for a third of the seeds that a confirmation gives, and for all of them above 0.75."""

    searching: ClassVar[set[int]] = set()

    def train_epoch(self) -> dict[str, float]:
        fresh = self.seed not in self.searching
        if fresh and self.epoch == 1 and (self.seed % 3 == 0 or self.x > 0.75):
            raise FloatingPointError("it diverged")
        return super().train_epoch()


def noisy(objective: Any = Noisy, n_trials: int = 12, **settings: Any) -> hpo.Study:
    """A search over noisy values, by halving unless told otherwise."""
    return searched(objective, n_trials, **{"strategy": "halving", "max_epochs": 9} | settings)


def record(study: hpo.Study) -> list[tuple[Any, ...]]:
    """All that is on record of a study's confirmations, but for the time it took."""
    found = read_repeats(study.database, study.record)
    return [
        (each.trial, each.repeat, each.seed, each.epochs, each.value, each.best_epoch, each.metrics, each.error)
        for each in found
    ]


def change(study: hpo.Study, statement: str) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(study.database.path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_confirmation_is_the_training_from_a_fresh_seed(direction: str) -> None:
    """By hand: the params of each leader, as many epochs as its trial had, from each fresh seed; the best of the curve counts."""
    objective = Noisy if direction == "minimize" else Turned
    best = min if direction == "minimize" else max
    study = noisy(objective, direction=direction)
    study.confirm(3, 4)
    found = read_repeats(study.database, study.record)
    ranked = sorted(study.trials, key=lambda trial: (objective.direction * trial.value, trial.number))
    assert {repeat.trial for repeat in found} == {trial.number for trial in ranked[:3]}
    assert [(repeat.trial, repeat.repeat) for repeat in found] == sorted(
        (trial.number, k) for trial in ranked[:3] for k in range(4)
    )
    for repeat in found:
        trial = study.trial(repeat.trial)
        training = objective(trial.params, fresh_seed(study.spec.seed, trial.number, repeat.repeat))
        values = [training.train_epoch()["value"] for _ in range(trial.epochs)]
        assert (repeat.value, repeat.epochs) == (best(values), trial.epochs)
        assert values[repeat.best_epoch - 1] == repeat.value
        assert repeat.metrics == {"epoch": repeat.best_epoch}


def test_fresh_seeds_are_fresh() -> None:
    """No two confirmations share a seed, and none has the seed of a trial: the search never saw them."""
    fresh = {fresh_seed(seed, trial, repeat) for seed in range(3) for trial in range(20) for repeat in range(20)}
    assert len(fresh) == 3 * 20 * 20
    assert all(0 <= seed < 2**63 for seed in fresh)
    study = noisy()
    assert fresh.isdisjoint(trial.seed for trial in study.trials)


def test_means_have_students_interval() -> None:
    """Against scipy: the mean of each leader's values, and Student's 95 % interval around it; none around a single value."""
    study = noisy()
    for found in study.confirm(4, 6):
        assert (found.value, len(found.values), found.failed) == (study.trial(found.trial).value, 6, 0)
        assert found.mean == pytest.approx(np.mean(found.values))
        interval = stats.t.interval(0.95, 5, loc=np.mean(found.values), scale=stats.sem(found.values))
        assert (found.low, found.high) == pytest.approx(interval)
    (single,) = noisy().confirm(1, 1)
    assert (single.mean, single.low, single.high) == (single.values[0], None, None)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_mean_wins(direction: str) -> None:
    """Confirmed trials are ranked by their means, and the first is the winner, also where the search had another one."""
    objective = Noisy if direction == "minimize" else Turned
    overtaken = 0
    for seed in range(4):
        study = noisy(objective, direction=direction, seed=seed)
        assert study.winner == study.best_trial
        found = study.confirm(4, 5)
        assert found == study.confirmed
        means = [objective.direction * each.mean for each in found]
        assert means == sorted(means)
        assert study.winner.number == found[0].trial
        overtaken += study.winner != study.best_trial
    assert overtaken


def test_a_confirmation_cut_short_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted after five of twelve trainings and called again, it trains the other seven; the record is the undisturbed one."""
    whole, half = noisy(), noisy()
    whole.confirm(3, 4)
    begun: list[int] = []

    def interrupted(self: Noisy) -> dict[str, float]:
        if self.epoch == 0:
            begun.append(self.seed)
        if len(begun) > 5:
            raise KeyboardInterrupt
        return Noisy_train_epoch(self)

    Noisy_train_epoch = Noisy.train_epoch  # noqa: N806 - the method itself
    monkeypatch.setattr(Noisy, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        half.confirm(3, 4)
    monkeypatch.undo()
    assert len(record(half)) == 5
    Noisy.trained.clear()
    half.confirm(3, 4)
    assert len(Noisy.trained) == 7
    assert record(half) == record(whole)
    half.confirm(3, 4)
    assert len(Noisy.trained) == 7


def test_more_seeds_and_more_leaders_are_added() -> None:
    """A larger confirmation keeps what is on record and trains the rest."""
    study = noisy()
    study.confirm(2, 2)
    before = record(study)
    Noisy.trained.clear()
    study.confirm(3, 4)
    assert len(Noisy.trained) == 3 * 4 - 2 * 2
    assert [each for each in record(study) if each in before] == before


def test_any_number_of_workers_confirms_the_same() -> None:
    """In two processes the same is measured as in one."""
    one, two = noisy(), noisy()
    one.confirm(3, 4)
    two.confirm(3, 4, n_jobs=2)
    assert record(two) == record(one)
    assert two.confirmed == one.confirmed


def test_a_stack_confirms_what_each_does_alone() -> None:
    """Networks trained as stacks have bit for bit the values of networks trained one by one."""

    class Alone(hpo.NetworkObjective):
        stack = 1

    space = hpo.Space(learning_rate=hpo.Float(1e-3, 1e-1, log=True), hidden=hpo.Choice(4, 8))
    settings = {"space": space, "max_epochs": 4, "n_trials": 8, "strategy": "halving"}
    together, alone = (noisy(each("iris"), **settings) for each in (hpo.NetworkObjective, Alone))
    together.confirm(4, 3)
    alone.confirm(4, 3)
    assert record(together) == record(alone)
    assert len({each[4] for each in record(alone)}) > 1


def test_failures_are_counted_and_lead_nobody() -> None:
    """Means are over what did not fail; who failed stands behind those that never did; who failed always has no mean, and is last."""
    study = noisy(strategy="random", n_trials=10, max_epochs=3)
    Failing.searching = {trial.seed for trial in study.trials}
    study = noisy(Failing, strategy="random", n_trials=10, max_epochs=3)
    found = study.confirm(10, 4)
    assert len(found) == 10
    for each in found:
        seeds = [fresh_seed(0, each.trial, repeat) for repeat in range(4)]
        hopeless = study.trial(each.trial).params["x"] > 0.75
        assert each.failed == (4 if hopeless else sum(seed % 3 == 0 for seed in seeds))
        assert len(each.values) == 4 - each.failed
        assert (each.mean is None) == (not each.values)
    key = [(each.mean is None, each.failed, each.mean or 0) for each in found]
    assert key == sorted(key)
    assert found[0].mean is not None
    assert found[-1].mean is None
    errors = [each for each in record(study) if each[-1] is not None]
    assert {each[3:] for each in errors} == {(1, None, None, None, "FloatingPointError: it diverged")}


def test_the_steadier_of_equal_trials_leads() -> None:
    """Of trials with one value those lead whose five best epochs are the better on average, then the lower numbers."""
    curves = {
        0: [1, 9, 9, 9, 9, 9],
        1: [3, 1, 2, 2, 2, 9],
        2: [0.5, 9, 9, 9, 9, 9],
        3: [9, 2, 2, 2, 3, 1],
        4: [2, 2, 2, 2, 2, 2],
        5: [1, 5, 5, 5, 5, 5],
    }
    study = hpo.create_study(space=SPACE, strategy="random", max_epochs=6, n_trials=6, seed=0, storage=None)
    for curve in curves.values():
        study.tell(study.ask(), curve)
    ranked = [trial.number for trial in leaders(study.database, study.record, 6)]
    assert ranked == [2, 1, 3, 5, 0, 4]
    for top in range(1, 6):
        assert [trial.number for trial in leaders(study.database, study.record, top)] == ranked[:top]


def test_a_generator_that_ends_early_is_confirmed_as_far_as_it_goes() -> None:
    """An objective that ends by itself before its trial's epochs still has the best of its curve; one without a value has failed."""

    def objective(params: Mapping[str, float], seed: int) -> Any:
        for epoch in range(1 + seed % 5):
            yield params["x"] + (seed % 11) / (epoch + 1)

    study = noisy(objective, strategy="random", n_trials=5, max_epochs=9)
    study.confirm(2, 6)
    for number, _, seed, epochs, value, best_epoch, _, error in record(study):
        most = study.trial(number).epochs
        assert epochs == min(1 + seed % 5, most)
        assert (best_epoch, error) == (epochs if seed % 11 else 1, None)
        assert value == study.trial(number).params["x"] + (seed % 11) / best_epoch


def test_what_cannot_be_confirmed_says_why() -> None:
    """No seed to vary, no trial with a value, an heir of another's weights, counts that are none."""
    with pytest.raises(hpo.SettingError, match="takes no seed, so another training would be the same"):
        searched(lambda params: params["x"], 3).confirm()
    with pytest.raises(hpo.SettingError, match="has no trial with a value yet: there is nothing to confirm"):
        hpo.create_study(space=SPACE, objective=Noisy, strategy="random", storage=None).confirm()
    heirs = noisy(strategy="pbt", n_trials=30)
    assert any(trial.parent is not None for trial in heirs.trials)
    with pytest.raises(hpo.SettingError, match=r"trial \d+ .* began with the weights of trial \d+"):
        heirs.confirm(30, 2)
    for top, seeds in [(0, 1), (1, 0), (1.5, 1), (True, 1)]:
        with pytest.raises(hpo.SettingError, match="give a whole number above 0"):
            noisy().confirm(top, seeds)


def test_a_training_that_takes_its_process_along_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended, left or hung, it is tried again as often as a trial is, and told by its repeat; the others are as ever."""
    expected, study = noisy(Unlucky), noisy(Unlucky, retries=1, trial_timeout=3.0)
    expected.confirm(2, 4)
    first, second = (trial.number for trial in leaders(study.database, study.record, 2))
    seed = study.spec.seed
    bad = {(first, 1): "is killed", (first, 2): "leaves", (second, 0): "hangs"}
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setenv("UNLUCKY", json.dumps({str(fresh_seed(seed, *key)): what for key, what in bad.items()}))
    found = {each.trial: each for each in study.confirm(2, 4, n_jobs=2)}
    assert found[first].errors == (
        "repeat 1: its worker was ended by SIGKILL (out of memory?), in the last of 2 attempts",
        "repeat 2: its worker exited with code 7, in the last of 2 attempts",
    )
    assert found[second].errors == ("repeat 0: trained longer than its 3 s",)
    tried = Counter((tmp_path / "attempts").read_text().split())
    assert [tried[str(fresh_seed(seed, *key))] for key in bad] == [2, 2, 1]
    assert [row for row in record(study) if row[:2] not in bad] == [
        row for row in record(expected) if row[:2] not in bad
    ]
    monkeypatch.setenv("UNLUCKY", "{}")
    again = {each.trial: each for each in study.confirm(2, 5, n_jobs=1)}
    assert (len(again[first].values), again[first].failed, len(again[second].values)) == (3, 2, 4)


def test_a_stack_that_was_lost_is_trained_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stack whose process died only the guilty one fails, with the rest as if nothing had been."""
    data = hpo.load_data("iris")
    studies = []
    for kind in (hpo.NetworkObjective, Fragile):
        study = hpo.create_study(objective=kind(data), storage=None, strategy="random", max_epochs=3, seed=1)
        studies.append(study.optimize(4))
    expected, study = studies
    expected.confirm(2, 3)
    best = leaders(study.database, study.record, 1)[0].number
    monkeypatch.setenv("FRAGILE", str(fresh_seed(study.spec.seed, best, 1)))
    study.confirm(2, 3, n_jobs=1, backend="loky")
    failed = [row for row in record(study) if row[-1] is not None]
    assert [(row[:2], row[-1]) for row in failed] == [
        ((best, 1), "its worker exited with code 9, in the last of 3 attempts")
    ]
    assert [row for row in record(study) if row[:2] != (best, 1)] == [
        row for row in record(expected) if row[:2] != (best, 1)
    ]


def test_the_view_tells_what_was_confirmed() -> None:
    """`confirmed` in SQL has a row a trial: its value in the search, and the mean, extremes and failures over fresh seeds."""
    study = noisy(Failing)
    found = study.confirm(4, 5)
    query = "SELECT trial, searched, repeats, mean, lowest, highest, failed FROM confirmed WHERE study = 'study'"
    expected = {
        each.trial: (
            each.value,
            len(each.values),
            each.mean,
            min(each.values, default=None),
            max(each.values, default=None),
            each.failed,
        )
        for each in found
    }
    told = {trial: rest for trial, *rest in rows(study.database.path, query)}
    assert told.keys() == expected.keys()
    for trial, rest in told.items():
        assert [x is None for x in rest] == [x is None for x in expected[trial]]
        assert [x for x in rest if x is not None] == pytest.approx([x for x in expected[trial] if x is not None])


def test_a_discarded_trial_is_confirmed_no_more() -> None:
    """What a person has taken out is no longer among the confirmed, and cannot win."""
    study = noisy()
    first, second, *_ = study.confirm(3, 3)
    change(study, f"UPDATE trials SET state = 'discarded' WHERE number = {first.trial}")
    assert study.confirmed[0].trial == second.trial
    assert study.winner.number == second.trial


@pytest.fixture(scope="module")
def networks() -> hpo.Study:
    """A search among networks, confirmed, in which the winner is not the one that the search had found best."""
    space = hpo.Space(learning_rate=hpo.Float(1e-3, 1, log=True), hidden=hpo.Choice(4, 8))
    for seed in range(20):
        study = searched(hpo.NetworkObjective("iris"), 9, space=space, seed=seed, strategy="halving", max_epochs=9)
        study.confirm(4, 3)
        if study.winner != study.best_trial:
            return study
    raise AssertionError("the best was always confirmed")


def test_the_model_is_the_winners(networks: hpo.Study) -> None:
    """`best_model` is the network of the confirmed winner: what it scores on the validation part is that trial's value."""
    model = networks.best_model()
    assert model.params == networks.winner.params
    scores = model.evaluate(networks.objective.data, "validation")
    assert scores["accuracy"] == pytest.approx(networks.winner.value)


def test_a_winner_whose_checkpoint_is_gone_is_trained_again(networks: hpo.Study) -> None:
    """Without its checkpoint the winner's network is made again, bit for bit: the same weights."""
    kept = networks.best_model()
    change(networks, "DELETE FROM checkpoints")
    again = networks.best_model()
    assert again.params == kept.params
    for one, other in zip(_weights(again), _weights(kept), strict=True):
        assert np.array_equal(one, other)


def _weights(model: Any) -> list[Any]:
    return [array for layer in model.weights for array in layer]


def test_a_better_trial_found_since_is_the_winner() -> None:
    """A confirmation says nothing of what was found after it."""
    study = noisy(n_trials=6, strategy="random")
    study.confirm(1, 3)
    assert study.winner.number == study.confirmed[0].trial
    study.optimize(40)
    assert study.best_value < study.confirmed[0].value
    assert study.winner == study.best_trial


def test_few_seeds_do_not_dethrone_many() -> None:
    """Only trials trained from equally many seeds, the most there are, are compared."""
    study = noisy()
    winner = study.confirm(2, 6)[0].trial
    study.confirm(8, 1)
    assert study.winner.number == winner


def test_a_trial_that_went_on_is_to_be_confirmed_again() -> None:
    """Trainings shorter than their trial do not count any more, and are replaced."""
    study = noisy(strategy="asha", n_trials=12, budget=12)
    short = [trial for trial in study.trials if trial.state is hpo.State.PAUSED]
    study.confirm(12, 2)
    study.optimize(budget=500)
    longer = [trial.number for trial in short if study.trial(trial.number).epochs > trial.epochs]
    assert longer
    assert not {each.trial for each in study.confirmed} & set(longer)
    study.confirm(12, 2)
    epochs = {trial.number: trial.epochs for trial in study.trials}
    assert all(each.epochs == epochs[each.trial] for each in read_repeats(study.database, study.record))


def test_huge_values_are_confirmed_too() -> None:
    """Values whose sum is beyond all floats have a mean like any others."""

    def huge(params: Mapping[str, float], seed: int) -> float:
        return 1e308 + seed % 7 * 1e300 * params["x"]

    study = searched(huge, 3, strategy="random")
    assert len(study.confirm(3, 3)) == 3
    assert study.winner.value is not None


def test_an_interval_stays_within_what_the_metric_can_be() -> None:
    """A mean accuracy near 1 is not followed by an interval that goes beyond."""
    study = searched(hpo.NetworkObjective("iris"), 2, space=hpo.Space(learning_rate=hpo.Float(0.01, 0.1)), max_epochs=2)
    best = study.best_trial
    for repeat, value in enumerate((1.0, 1.0, 0.9)):
        write_repeat(study.database, study.record, Repeat(best.number, repeat, 1, best.epochs, value, 1, {}, None, 0.1))
    (found,) = study.confirmed
    assert found.low is not None
    assert 0.7 < found.low < 0.9
    assert found.high == 1.0
