"""Whole numbers at the edge of what the databases keep, and beyond it."""

import re

import pytest
from command_line import command_here

import hpo

WIDE = 2**31 - 1


def generated(params):
    yield params["x"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"n_trials": WIDE + 1}, "n_trials=2147483648: give at most 2,147,483,647"),
        ({"max_epochs": WIDE + 1}, "max_epochs=2147483648"),
        ({"parallelism": WIDE + 1}, "parallelism=2147483648"),
        ({"retries": WIDE + 1}, "retries=2147483648"),
        ({"budget": 2**63}, "budget=9223372036854775808: give at most 9,223,372,036,854,775,807"),
        ({"seed": 2**63}, "seed=9223372036854775808"),
    ],
)
def test_numbers_that_no_column_holds(any_url, settings, told):
    """A whole number beyond what is kept on either database is refused by name, before a database is made."""
    space = hpo.Space(x=hpo.Float(0, 1))
    with pytest.raises(hpo.SettingError, match=told):
        hpo.create_study("s", space=space, objective=generated, storage=any_url, **settings)
    with pytest.raises(hpo.StorageError, match=r"no database|holds no studies"):
        hpo.load_study("s", storage=any_url)


def test_the_largest_numbers_are_kept(url):
    """What is just small enough is on record as it was given, on both databases; beyond it a study stays as it was."""
    most = {"n_trials": WIDE, "budget": 2**63 - 1, "max_epochs": WIDE, "parallelism": WIDE, "retries": WIDE}
    made = {"space": hpo.Space(x=hpo.Float(0, 1)), "objective": generated, "strategy": "random", "seed": 2**63 - 1}
    study = hpo.create_study("s", storage=url, **made, **most)
    spec = hpo.load_study("s", storage=url).spec
    assert spec == study.spec
    assert (spec.targets.n_trials, spec.targets.budget, spec.targets.max_epochs) == (WIDE, 2**63 - 1, WIDE)
    for change in (
        lambda: study.optimize(WIDE + 1),
        lambda: study.optimize(1, n_jobs=WIDE + 1),
        lambda: study.optimize(1, budget=2**63),
        lambda: study.extend(max_epochs=WIDE + 1),
        lambda: study.amend(retries=WIDE + 1),
        lambda: study.confirm(WIDE + 1),
        lambda: study.confirm(1, WIDE + 1),
        lambda: study.stop(WIDE + 1),
        lambda: study.trial(2**64),
    ):
        with pytest.raises(hpo.SettingError, match=r"give|no trial"):
            change()
    assert study.curves([2**64]) == {}
    assert hpo.load_study("s", storage=url).spec == spec


@pytest.mark.parametrize("number", [WIDE + 1, 2**63, 10**30])
def test_commands_refuse_them_too(capsys, url, number):
    """As wrong use, with the number or the largest one named, on both databases."""
    study = hpo.create_study("s", space=hpo.Space(x=hpo.Float(0, 1)), storage=url, n_trials=1)
    study.tell(study.ask(), 0.5)
    for words in (
        ("trials", "s", "--trial"),
        ("trials", "s", "--limit"),
        ("why", "s"),
        ("curves", "s"),
        ("curves", "s", "--top"),
        ("stop", "s"),
        ("extend", "s", "--trials"),
        ("extend", "s", "--max-epochs"),
        ("resume", "s", "--trials"),
        ("resume", "s", "--retries"),
        ("resume", "s", "--jobs"),
    ):
        said = command_here(capsys, *words, number, "--storage", url)
        assert (said.code, said.out) == (2, ""), words
        assert re.search(f"{number}|{WIDE}", said.err), words
        assert "should not have happened" not in said.err
