"""What a worker knows of its study: the same whether it was there all the time or has just read the record."""

import gc

import numpy as np
import pytest
import sqlalchemy as sa
from adaptive import FOR_TESTS, Echo, Rungs
from crew import Hand, new_study, train
from evidence import change

from storage.connection.bulk import no_garbage_collected
from storage.database import Database
from storage.schema.tables import metadata
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


def copy(url, place):
    """Put every row of a database, as it stands, in another."""
    change(place, "DELETE FROM studies")
    source, target = Database(url), Database(place)
    with source.read() as reading, target.write() as writing:
        for table in metadata.sorted_tables:
            found = [dict(row) for row in reading.execute(sa.select(table)).mappings()]
            if found:
                writing.execute(sa.insert(table), found)
    source.close()
    target.close()


@pytest.mark.parametrize("name", SEARCHES)
def test_a_newcomer_decides_like_an_old_hand(name, new_url):
    """At any moment of a search, a worker that has just come is handed the job that an old one would have been handed.

    Also while trials are half trained, with measurements written of jobs that have not ended.
    """
    url, elsewhere, rng = new_url(), new_url(), np.random.default_rng(4)
    study = new_study(url, SEARCHES[name], max_epochs=8, parallelism=4)
    hands = [Hand(url, study) for _ in range(3)]
    handed = []
    for _ in range(14):
        hand = hands[rng.integers(3)]
        copy(url, elsewhere)
        newcomer = Hand(elsewhere, study)
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


def test_garbage_is_collected_again():
    """Threads may do without the collector at overlapping times: the last one switches it on again."""
    first, second = no_garbage_collected(), no_garbage_collected()
    first.__enter__()
    second.__enter__()
    assert not gc.isenabled()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
