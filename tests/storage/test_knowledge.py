"""What a worker knows of its study: the same whether it was there all the time or has just read the record."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from adaptive import FOR_TESTS, Echo, Rungs
from crew import Hand, new_study, train

from strategies import STRATEGIES, Grid, Strategy, SuccessiveHalving

SEARCHES = {
    "random+full": Strategy(),
    "grid+halving": Strategy(Grid(), SuccessiveHalving(eta=2)),
    "echo+rungs": Strategy(Echo(), Rungs()),
}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name, each in FOR_TESTS.items():
        monkeypatch.setitem(STRATEGIES, name, each)


def copied(path, place):
    """The database as it stands, in another file."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(place)) as target:
        source.backup(target)
    return place


@pytest.mark.parametrize("name", SEARCHES)
def test_a_newcomer_decides_like_an_old_hand(name, tmp_path):
    """At any moment of a search, a worker that has just come is handed the job that an old one would have been handed.

    Also while trials are half trained, with measurements written of jobs that have not ended.
    """
    path, rng = tmp_path / "hpo.db", np.random.default_rng(4)
    study = new_study(path, SEARCHES[name], max_epochs=8, parallelism=4)
    hands = [Hand(path, study) for _ in range(3)]
    handed = []
    for moment in range(14):
        hand = hands[rng.integers(3)]
        place = copied(path, tmp_path / f"{moment}.db")
        newcomer = Hand(place, study)
        found = newcomer.exchange()
        newcomer.database.close()
        given = hand.exchange(ahead=1)
        assert {number: (claim.job, claim.params) for number, claim in given.items()} == {
            number: (claim.job, claim.params) for number, claim in found.items()
        }
        handed += given
        for claim in list(hand.claims.values()):
            until = int(rng.integers(claim.epochs, claim.job.until + 1))
            hand.worklist.record([train(claim, until)])
        held = {number: hand for hand in hands for number in hand.claims}
        if len(held) > 2:  # two stay half trained
            oldest = min(held)
            held[oldest].exchange([held[oldest].report(held[oldest].claims[oldest])], jobs=0)
    assert len(handed) > 8
