"""Progress: what is shown, and how seldom it looks."""

import io
import os
import sqlite3

import pytest
from rich.console import Console
from rich.text import Text

from hpo.pictures import HEIGHTS, WIDTHS, draw_curves
from hpo.progress import (
    LINE_EVERY,
    LOOK_EVERY,
    QUIET_EVERY,
    LineProgress,
    LiveProgress,
    best_picture,
    clock_time,
    progress_on,
)
from hpo.study import create_study
from storage.questions import queries
from strategies import Float, Space


class Clock:
    """Time that passes only when told to."""

    now = 100.0

    def __call__(self):
        return self.now


def learning(params):
    for epoch in range(4):
        yield params["x"] / (epoch + 1)


@pytest.fixture
def study():
    """A study of five trials of four epochs, none started."""
    made = create_study(
        "s", space=Space(x=Float(0, 1)), objective=learning, storage=None, seed=1, max_epochs=4, n_trials=5
    )
    yield made
    made.database.close()


@pytest.fixture
def clock():
    """A clock at rest."""
    return Clock()


@pytest.fixture
def page():
    """A console that is no terminal."""
    return Console(file=io.StringIO(), width=200)


def tell(study, value):
    """Have one more trial with this value."""
    study.tell(study.ask(), [value] * 4)


def written(page):
    return page.file.getvalue()


def test_at_most_four_looks_a_second(study, clock, page, monkeypatch):
    """Called as often as one likes, it looks at the database at most four times a second."""
    looks = []
    monkeypatch.setattr("hpo.progress.overview", lambda *_: looks.append(clock.now) or queries.overview(*_))
    progress = LineProgress(study.database, study.record, page, clock)
    for _ in range(2000):
        progress.update()
        clock.now += 0.001
    assert len(looks) <= 2 / LOOK_EVERY + 1
    assert len(looks) >= 2 / LOOK_EVERY - 1


def test_looking_takes_a_small_share_of_the_time(study, clock, page, monkeypatch):
    """When a look takes long (a large study, a slow disk), looks become rarer."""
    looks = []

    def slow(*arguments):
        looks.append(clock.now)
        clock.now += 0.5
        return queries.overview(*arguments)

    monkeypatch.setattr("hpo.progress.overview", slow)
    progress = LineProgress(study.database, study.record, page, clock)
    began = clock.now
    while clock.now < began + 100:
        progress.update()
        clock.now += 0.1
    assert 0.5 * len(looks) <= 0.06 * (clock.now - began)


def test_lines_every_few_seconds(study, clock, page):
    """A change is told within LINE_EVERY seconds and no sooner; a better value sooner; nothing new only now and then."""
    progress = LineProgress(study.database, study.record, page, clock)

    def lines_during(seconds):
        before = len(written(page).splitlines())
        for _ in range(int(seconds / LOOK_EVERY)):
            progress.update()
            clock.now += LOOK_EVERY
        return len(written(page).splitlines()) - before

    tell(study, 0.5)
    assert lines_during(LINE_EVERY / 2) == 1
    tell(study, 0.7)
    assert lines_during(LINE_EVERY / 2) == 0
    assert lines_during(LINE_EVERY / 2) == 1
    tell(study, 0.3)
    assert lines_during(1.5) == 1
    assert lines_during(QUIET_EVERY - 3) == 0
    assert lines_during(6) == 1
    assert "3 of 5 trials (3 complete), 12 epochs; best value 0.3 (trial 2)" in written(page).splitlines()[-1]


@pytest.mark.parametrize("kind", [LineProgress, LiveProgress])
def test_a_target_that_is_raised_meanwhile(kind, study, clock, page):
    """Whoever sets the search another target, it is that one which the display tells."""
    with kind(study.database, study.record, page, clock) as progress:
        study.extend(n_trials=1234)
        tell(study, 0.5)
        clock.now += 60
        progress.update()
    assert "of 1,234 trials" in written(page)


def test_the_end_is_told(study, clock, page):
    """When the search is over, its last state is told even if a line has just been written."""
    with LineProgress(study.database, study.record, page, clock) as progress:
        progress.update()
        tell(study, 0.25)
    assert "best value 0.25" in written(page).splitlines()[-1]


def test_an_error_is_not_talked_over(study, clock, page):
    """When the search ends with an error, that has the last word."""
    with pytest.raises(ValueError), LineProgress(study.database, study.record, page, clock):
        raise ValueError
    assert written(page) == ""


def test_a_database_that_cannot_be_read_does_not_end_the_search(study, clock, page):
    """Who only looks on must not disturb: a failing look shows nothing."""
    with sqlite3.connect(study.database.path) as connection:
        connection.execute("DROP TABLE workers")
    progress = LineProgress(study.database, study.record, page, clock)
    progress.update()
    assert written(page) == ""


def test_the_first_ctrl_c_is_answered(study, clock, page):
    """It says what happens now, and what a second Ctrl-C does."""
    LineProgress(study.database, study.record, page, clock).interrupted()
    assert "finishing the running epochs" in written(page)
    assert "Ctrl-C again" in written(page)


@pytest.mark.parametrize(("width", "height"), [(20, 5), (40, 10), (100, 30), (300, 100)])
def test_a_live_display_fits(study, clock, width, height):
    """Whatever the size of the terminal, no line is wider, and no display higher."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, legacy_windows=False)
    tell(study, 0.5)
    with LiveProgress(study.database, study.record, console, clock) as progress:
        progress.update()
    display = Text.from_ansi(written(console)).plain.splitlines()
    assert all(len(line) <= width for line in display)
    assert ("┤" in written(console)) == (width >= 100)


@pytest.mark.parametrize(
    ("terminal", "place", "live"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (False, {"TERM": "xterm"}, False),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_which_display(study, monkeypatch, terminal, place, live):
    """The live display is for terminals that can move their cursor, and for nothing else."""
    for name in ("TERM", "CI", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    leader, follower = os.openpty() if terminal else os.pipe()
    with os.fdopen(follower, "w") as file:
        assert isinstance(progress_on(Console(file=file), study.database, study.record), LiveProgress) == live
    os.close(leader)


def test_the_picture_is_of_the_best(study):
    """The picture names the best trials, the best one first."""
    for value in (0.9, 0.1, 0.5):
        tell(study, value)
    picture = best_picture(study.database, study.record, 80, 14, trials=2)
    assert picture.plain.splitlines()[-1].split() == ["trial", "1", "trial", "2"]


def test_no_picture_without_epochs():
    """An objective without fidelity has no curve to draw."""
    study = create_study("f", space=Space(x=Float(0, 1)), objective=abs, storage=None, n_trials=1)
    study.tell(study.ask(), 1.0)
    assert best_picture(study.database, study.record, 80, 14) is None
    study.database.close()


@pytest.mark.parametrize("columns", [*range(10, 120, 13), *WIDTHS])
@pytest.mark.parametrize("rows", [3, 8, 9, 14, 18, 60, *HEIGHTS])
def test_pictures_of_every_size(columns, rows):
    """A picture keeps to its place, or there is none."""
    curves = {7: [(1, 0.5), (2, 0.7), (3, 0.72)], 12: [(1, 0.6)]}
    picture = draw_curves(curves, title="accuracy", columns=columns, rows=rows)
    if picture is None:
        assert columns < WIDTHS[0] or rows < HEIGHTS[0]
        return
    lines = picture.plain.splitlines()
    assert len(lines) <= min(rows, HEIGHTS[1])
    assert max(map(len, lines)) <= min(columns, WIDTHS[1])
    assert lines[-1].split() == ["trial", "7", "trial", "12"]


@pytest.mark.parametrize("curves", [{}, {3: []}])
def test_nothing_to_draw(curves):
    """Without a value there is no picture."""
    assert draw_curves(curves, title="accuracy", columns=80, rows=20) is None


def test_equal_and_extreme_values_can_be_drawn():
    """A flat curve, and values from tiny to huge, are drawn all the same."""
    for values in ([0.5, 0.5], [1e-300, 1e300], [-1e-9, 1e-9], [0.0]):
        curve = [(epoch + 1, value) for epoch, value in enumerate(values)]
        assert draw_curves({0: curve}, title="value", columns=80, rows=14) is not None


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (61.9, "0:01:01"), (90061, "1 day, 1:01:01")])
def test_clock_times(seconds, text):
    """Durations read like a clock."""
    assert clock_time(seconds) == text
