"""Confirmations on record: each training once, whoever writes it down how often."""

import threading
from dataclasses import replace
from math import nan

import pytest
from crew import Hand, new_study
from evidence import change, rows

from storage.errors import StudyNotFound
from storage.exchange.confirmations import Repeat, read_repeats, write_repeat

REPEAT = Repeat(0, 0, 2**63 - 1, 4, 0.1 + 0.2, 3, {"loss": 5e-324}, None, 0.25)


@pytest.fixture
def hand(url):
    """A worker of a study whose trials have ended."""
    hand = Hand(url, new_study(url, n_trials=2))
    hand.work()
    yield hand
    hand.database.close()


def test_what_is_written_is_read(hand):
    """Every number comes back to its last bit, by trial and repeat, whatever the order of writing."""
    failed = replace(REPEAT, repeat=1, value=None, best_epoch=None, metrics=None, error="it's gone: 100 %s")
    written = [replace(REPEAT, trial=1), failed, REPEAT]
    for repeat in written:
        write_repeat(hand.database, hand.study, repeat)
    assert read_repeats(hand.database, hand.study) == [REPEAT, failed, replace(REPEAT, trial=1)]


def test_a_training_written_again_takes_the_place_of_the_first(hand):
    """Also when many write the same one down at once: one of them is on record, whole."""
    start, faults = threading.Barrier(6), []
    versions = [replace(REPEAT, value=float(i), seconds=float(i)) for i in range(6)]

    def write(repeat):
        start.wait()
        try:
            for _ in range(5):
                write_repeat(hand.database, hand.study, repeat)
        except Exception as error:  # noqa: BLE001 - whatever it is
            faults.append(error)

    threads = [threading.Thread(target=write, args=(repeat,)) for repeat in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    (kept,) = read_repeats(hand.database, hand.study)
    assert kept in versions


def test_what_no_database_keeps_is_replaced(hand):
    """Metrics without a number are null, and signs that a database refuses are shown as what they are: unreadable."""
    write_repeat(hand.database, hand.study, replace(REPEAT, metrics={"loss": nan, "a\0": 1.0}, error="half \ud800 \0"))
    (kept,) = read_repeats(hand.database, hand.study)
    assert kept.metrics == {"loss": None, "a\ufffd": 1.0}
    assert kept.error == "half \ufffd \ufffd"


def test_a_deleted_study_is_missed(hand, url):
    """Who confirms the leaders of a study that somebody deletes is told so, and leaves nothing behind."""
    change(url, "DELETE FROM studies")
    with pytest.raises(
        StudyNotFound, match=r"'crew' has been deleted from \w+.*://.* while its leaders were confirmed"
    ):
        write_repeat(hand.database, hand.study, REPEAT)
    assert rows(url, "SELECT count(*) FROM confirmations") == [(0,)]
