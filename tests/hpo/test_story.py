"""A trial's story: every reason that a strategy gives is told in words, or in brackets as `name value`."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

import hpo
from hpo.story import story
from hpo.telling import Teller
from storage.questions.queries import DecisionRecord


def decision(reason: dict[str, Any], *, begin: int = 0, until: int = 9) -> DecisionRecord:
    return DecisionRecord(5, begin, until, 0, 0, reason)


BEGINNINGS = {
    "of a rung": (
        {"rung": 0, "epochs": 9, "place": 2, "of": 9, "shape": "9@1 3@3 1@9", "search": {"by": "random"}},
        ", as number 2 of 9 in the bracket 9@1 3@3 1@9. Its hyperparameters were drawn at random.",
    ),
    "a user's": ({"search": {"by": "user"}}, ". Its hyperparameters were a first guess of the user's."),
    "too early": (
        {"search": {"by": "gp", "initial": True}},
        ". Its hyperparameters were drawn: gp had too little to learn from yet.",
    ),
    "gp": (
        {
            "search": {
                "by": "gp",
                "acquisition": "log_ei",
                "score": -2.5,
                "predicted": 0.9,
                "sd": 0.05,
                "incumbent": 0.875,
                "probability": 0.421,
                "observations": 1,
                "level": 1,
            }
        },
        (
            ". Its hyperparameters were proposed by gp, which expected an accuracy of 0.9 ± 0.05 there and saw a chance of "
            "42.1% to beat the best then, 0.875; it had learned from 1 trial at 1 epoch. (acquisition log_ei, score -2.5)"
        ),
    ),
    "tpe": (
        {
            "search": {
                "by": "tpe",
                "score": 2.0,
                "good": 6,
                "others": 63,
                "incumbent": 0.5,
                "observations": 54,
                "level": 3,
            }
        },
        (
            ". Its hyperparameters were proposed by tpe; it had learned from 54 trials at 3 epochs, 6 good ones against 63 "
            "others; the best accuracy then was 0.5. (score 2)"
        ),
    ),
    "tpe at random": (
        {"search": {"by": "tpe", "random": True}},
        ". Its hyperparameters were drawn at random, as tpe does with some.",
    ),
    "de": (
        {"search": {"by": "de", "generation": 2, "rival": 7, "donors": [1, 2, 3], "incumbent": 0.75}},
        (
            ". Its hyperparameters were proposed by de for its generation 2, made from trials 1, 2, 3 to take the place of "
            "trial 7; the best accuracy then was 0.75."
        ),
    ),
    "grid": (
        {"search": {"by": "grid", "place": 3, "of": 8, "another": True}},
        (
            ". Its hyperparameters were proposed by grid, as point 3 of 8. The point it proposed had been tried: another one "
            "near it was taken."
        ),
    ),
    "an heir": (
        {"rung": 1, "epochs": 3, "parent": 35, "incumbent": 0.75},
        ". It is an heir of trial 35, whose accuracy was 0.75.",
    ),
    "freeze-thaw": (
        {
            "by": "freeze-thaw",
            "predicted": 0.75,
            "sd": 0.5,
            "incumbent": 0.25,
            "observations": 11,
            "acquisition": "entropy_search",
            "probability": 0.178,
            "basket": 10,
            "epochs": 8,
        },
        (
            ". Its hyperparameters were proposed by freeze-thaw, which expected an accuracy of 0.75 ± 0.5 there and saw a "
            "chance of 17.8% to be the best of 10 candidates; it had learned from 11 trials; the best accuracy then was 0.25. "
            "(acquisition entropy_search)"
        ),
    ),
    "budgeted": (
        {
            "epochs": 81,
            "class": 3,
            "place": 11,
            "cost": 3.0,
            "spent": 30.0,
            "of": 93.0,
            "selected": {"trial": 10, "class": 1, "criterion": 0.5},
        },
        (
            ", as number 11 of size 3, on which 30 of the 93 units of time so far had been spent. Of all trials before, "
            "trial 10 of size 1 was the one to choose, with a criterion of 0.5. (cost 3)"
        ),
    ),
    "budgeted-bandit": (
        {"epochs": 81, "class": "b", "place": 2, "of": 7, "score": 0.25, "incumbent": 0.5, "leads": "a"},
        ", as number 2 of size b after 7 trials in all. The size with the most trials was a. (score 0.25, incumbent 0.5)",
    ),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_how_a_trial_began(name: str) -> None:
    """Worked examples: the sentence for each way of beginning, in the reasons' own numbers."""
    reason, told = BEGINNINGS[name]
    assert Teller("accuracy").began(decision(reason)) == f"Decision 5 started it, to be trained up to epoch 9{told}"


PREDICTED = {"by": "freeze-thaw", "predicted": 0.75, "sd": 0.5, "incumbent": 0.25, "observations": 11}
GROUNDS = {
    "cut short": ({"interrupted_at": 3}, ", as its job had been cut short at epoch 3."),
    "promoted": (
        {"rung": 0, "epochs": 3, "rank": 1, "of": 9, "promoted": 3, "cut_off": 0.5, "rivals": [4, 2], "shape": "9@1"},
        ": it ranked 1 of 9 at epoch 3; 3 of them go on, the last with loss 0.5; next to it are trials 4, 2.",
    ),
    "the only one": (
        {"epochs": 3, "rank": 1, "of": 2, "promoted": 1, "cut_off": 0.5, "rivals": [4], "open": 27},
        (
            ": it ranked 1 of 2 at epoch 3; 1 of them goes on, with loss 0.5; next to it is trial 4; promotions go up to "
            "epoch 27."
        ),
    ),
    "none goes on": (
        {"epochs": 3, "rank": 1, "of": 2, "promoted": 0, "cut_off": None, "rivals": []},
        ": it ranked 1 of 2 at epoch 3; none of them goes on.",
    ),
    "a generation": ({"rung": 1, "epochs": 3, "of": 10, "rank": 4}, ": it ranked 4 of 10 at epoch 3."),
    "an heir's generation": (
        {"rung": 1, "epochs": 6, "of": 10, "rank": 4},
        ": it ranked 4 of 10 at epoch 6 of its lineage.",
    ),
    "metamax": (
        {"rung": 9, "steps": 3, "rank": 1, "of": 4, "rivals": [8], "epochs": 9, "overtakes": 8},
        (
            ": it ranked 1 of 4 after 3 epochs, with 3 steps; next to it is trial 8; so it overtakes trial 8, which had "
            "trained as long at least."
        ),
    ),
    "freeze-thaw": (
        PREDICTED | {"probability": 0.104, "basket": 1, "epochs": 9, "score": 0.5},
        (
            ": it was expected to reach a loss of 0.75 ± 0.5 in the end, and to be the best of 1 candidate, with a chance of "
            "10.4%; the model had learned from 11 trials. (score 0.5)"
        ),
    ),
    "given up": (
        PREDICTED | {"probability": 0.01, "threshold": 0.05},
        (
            ": it was expected to reach a loss of 0.75 ± 0.5 in the end, and to beat the best then, 0.25, with a chance of "
            "1.0%, less than the 5.0% that keep a trial; the model had learned from 11 trials."
        ),
    ),
    "the last stretch": (
        PREDICTED | {"last_stretch": True, "epochs": 9},
        (
            ": it was expected to reach a loss of 0.75 ± 0.5 in the end; the model had learned from 11 trials; what was left "
            "of the budget would just train it to its end."
        ),
    ),
    "too early": ({"by": "freeze-thaw", "initial": True}, ": freeze-thaw had too little to learn from yet."),
    "curves": (
        {
            "probability": 0.042,
            "predicted": 0.5,
            "sd": 0.25,
            "incumbent": 0.375,
            "incumbent_trial": 2,
            "epoch": 3,
            "horizon": 81,
        },
        (
            ": it was expected to reach a loss of 0.5 ± 0.25 at epoch 81, and to beat the best then, 0.375 of trial 2, with a "
            "chance of 4.2%."
        ),
    ),
    "median": (
        {"epoch": 3, "best": 0.5, "cut_off": 0.25, "of": 5},
        ": its best loss so far, 0.5, was worse than the 0.25 of 5 others.",
    ),
    "threshold": (
        {"epoch": 3, "best": 0.5, "cut_off": 0.25, "by": 3},
        ": its best loss within 3 epochs, 0.5, was worse than the 0.25 asked for.",
    ),
    "patience": (
        {"epoch": 3, "best": 0.5, "best_epoch": 1, "patience": 2},
        ": its best loss, 0.5 of epoch 1, had not improved for 2 epochs.",
    ),
    "a plug-in's": ({"mood": 0.25, "moon": {"phase": "full"}}, ". (mood 0.25, moon phase full)"),
    "nothing": ({}, "."),
}


@pytest.mark.parametrize("name", GROUNDS)
def test_why_a_trial_went_on_and_was_stopped(name: str) -> None:
    """Worked examples: a reason reads the same where it lets a trial go on and where it ends one."""
    reason, told = GROUNDS[name]
    what = "Decision 5 trained it on from epoch 3 to epoch 9"
    assert Teller("loss").went_on(decision(reason, begin=3)) == what + told
    if "interrupted_at" not in reason:
        state = SimpleNamespace(value="stopped")
        trial: Any = SimpleNamespace(state=state, value=0.5, best_epoch=1, epochs=3, stop_reason=reason)
        assert (
            Teller("loss").ended(trial) == f"It was stopped after 3 epochs{told} Its best loss was 0.5, after epoch 1."
        )


class Trainer:
    """A loss that falls, faster for some x."""

    def __init__(self, params: dict[str, Any], seed: int) -> None:
        self.params, self.epoch = params, 0

    def train_epoch(self) -> float:
        self.epoch += 1
        return (self.params["x"] - 0.3) ** 2 + 1 / (self.params["hidden"] + self.epoch)

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]


TOLD = ["bayes", "tpe", "bohb", "asha", "pasha", "freeze-thaw", "metamax", "budgeted", "budgeted-bandit", "pbt"]
TOLD += ["median", "curves", "cmaes", "de", "sobol", "one-epoch", "tpe+asha+curves"]


@pytest.mark.parametrize("strategy", TOLD)
def test_no_story_shows_raw_data(strategy: str) -> None:
    """Whatever a strategy's reasons hold, its trials' stories are sentences: no dicts, lists, None or JSON in them."""
    space = hpo.Space(x=hpo.Float(0, 1), hidden=hpo.Int(1, 8))
    study = hpo.create_study(
        "told", space=space, objective=Trainer, strategy=strategy, max_epochs=9, seed=1, storage=None
    ).optimize(16)
    for trial in study.trials:
        for sentence in story(study, trial.number)[1:]:
            assert not re.search(r"[{}\[\]]|None|True|False|nan|inf\b", sentence), sentence
            assert sentence.endswith((".", ")")), sentence


def test_many_decisions_are_counted() -> None:
    """Of a trial that is trained on epoch by epoch the first and the last few decisions are told; the others counted."""
    study = hpo.create_study(
        "long", space=hpo.Space(x=hpo.Float(0, 1), hidden=hpo.Int(1, 8)), objective=Trainer, strategy="metamax",
        max_epochs=30, seed=1, storage=None, n_trials=2,
    ).optimize()  # fmt: skip
    told = [sentence for sentence in story(study, study.best_trial.number) if "trained it on" in sentence]
    assert len(told) == 11
    assert told[5] == "19 more decisions trained it on from epoch 6 to epoch 25."
    assert told[6].split("trained it on ")[1].startswith("from epoch 25 to epoch 26: ")


def test_where_a_trial_stands() -> None:
    """Who shares its value with others is told so, the best included."""
    study = hpo.create_study(space=hpo.Space(x=hpo.Float(0, 1)), storage=None)
    for value in (2.0, 1.0, 2.0, 1.0, 1.0, 3.0):
        study.tell(study.ask(), value)
    told = {number: "".join(story(study, number)) for number in range(6)}
    assert "It is among the best of 6 trials with a value; 2 are as good." in told[1]
    assert "It ranks 4 of 6 trials with a value; 1 is as good." in told[2]
    assert "It ranks 6 of 6 trials with a value." in told[5]
    study.tell(study.ask(), 0.5)
    assert "It is the best of 7 trials with a value." in "".join(story(study, 6))
