"""A PostgreSQL server that stops, starts again, cuts lines, or stays away, while three workers search."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from command_line import Said
from cut_lines import cutting
from evidence import PATIENCE
from postgres_server import Server
from trouble import Command, Search, found, rows

import hpo
from storage.database import Database
from storage.interventions.steering import delete
from storage.interventions.trail import list_interventions
from storage.studies import load_study
from storage.transfer import copy_study, export_study, import_study
from storage.upkeep.sizes import measure

Moment = Literal["before", "after"]
SPACE = hpo.Space(x=hpo.Float(0, 1))
MEASURED = "SELECT count(*) FROM measurements"


def trouble(server: Server, kind: str) -> None:
    if kind == "cut":
        server.cut()
    else:
        server.stop(kind)
        server.start()


@pytest.mark.parametrize("kind", ["fast", "immediate", "cut"])
def test_a_search_outlives_its_server(kind: str, postgres: Server, search: Search, expected: dict) -> None:
    """A server that is restarted or cuts its lines again and again delays a search: it says nothing, and loses nothing."""
    url = postgres.new_database()
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.05") as command:
        troubles, seen = 0, 0
        while command.wait_for(lambda: measured(url) > seen + 5):  # noqa: B023 - called at once
            trouble(postgres, kind)
            troubles, seen = troubles + 1, measured(url)
        said = command.end()
    assert (said.code, "error" in said.err) == (0, False), said.err
    assert troubles >= 3
    assert found(url) == expected


CUT_BETWEEN_STATEMENTS = """
import sys
import sqlalchemy as sa
from storage.connection.engines import open_engine, parse
url = parse(sys.argv[1])
with open_engine(url).connect() as connection, open_engine(url).connect() as other:
    backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    assert other.scalar(sa.text("SELECT pg_terminate_backend(:backend, 60000)"), {"backend": backend})
    try:
        connection.execute(sa.text("SELECT :row"), [{"row": "a"}, {"row": "b"}])
    except sa.exc.OperationalError:
        print("refused")
"""


def test_a_broken_line_says_nothing_by_itself(postgres: Server) -> None:
    """A driver that stumbles once more as it leaves a broken line does not write about it to the terminal."""
    url = postgres.new_database()
    said = subprocess.run(
        [sys.executable, "-c", CUT_BETWEEN_STATEMENTS, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (said.stdout, said.stderr) == ("refused\n", "")


def measured(url: str) -> int:
    """The number of measurements; 0 where there is no such table yet."""
    there = rows(url, "SELECT count(*) FROM pg_tables WHERE tablename = 'measurements'")[0][0]
    return rows(url, MEASURED)[0][0] if there else 0


def test_a_server_that_stays_away_ends_the_search(
    postgres: Server, search: Search, expected: dict, here: Callable[..., Said]
) -> None:
    """After HPO_PATIENCE: exit code 1, an error that says what to do, no process left; and the study can be resumed."""
    url = postgres.new_database()
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.05", HPO_PATIENCE="1") as command:
        assert command.wait_for(lambda: measured(url) > 10)
        postgres.stop("fast")
        try:
            said = command.end()
            assert said.code == 1, said.err
            assert "the server cannot be reached" in said.err
            assert "hpo resume" in said.err
            assert "Traceback" not in said.err
        finally:
            postgres.start()
        assert not command.workers()
    assert here(*search.resume(url), "--backend", "threading").code == 0
    assert found(url) == expected


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_line_that_breaks_at_a_commit(moment: Moment, postgres: Server, search: Search, expected: dict) -> None:
    """Whether a commit has happened or not when the line broke: nothing is doubled, and no job stays with nobody."""
    url = postgres.new_database()
    with cutting(postgres.port, moment, every=4) as proxy:
        through = url.replace(f":{postgres.port}/", f":{proxy.port}/")
        with Command(*search.run(through), cwd=search.folder, TRAINER_PAUSE="0.02") as command:
            said = command.end()
    assert said.code == 0, said.err
    assert proxy.cuts >= 5
    assert found(url) == expected


INTERVENTIONS: dict[str, Callable[[hpo.Study], object]] = {
    "enqueue": lambda study: study.enqueue({"x": 0.25}),
    "amend": lambda study: study.amend(retries=5),
    "retry": lambda study: study.retry(0),
    "discard": lambda study: study.discard(1, reason="a fault of the data"),
    "stop of a trial": lambda study: study.stop(2),
    "pause": lambda study: study.pause(),
    "stop": lambda study: study.stop(),
    "extend": lambda study: study.extend(n_trials=50, space={"x": hpo.Float(0, 2)}),
    "rename": lambda study: study.rename("another"),
    "delete": lambda study: delete(study.database, study.record, force=True),
}


@contextmanager
def cut_twice(postgres: Server, url: str, moment: Moment) -> Iterator[Database]:
    """Open the database by a line that breaks at each of the next two commits."""
    with cutting(postgres.port, moment) as proxy:
        through = Database(url.replace(f":{postgres.port}/", f":{proxy.port}/"))
        proxy.doomed = 2
        yield through
        assert proxy.cuts == 2
        through.close()


@pytest.mark.parametrize("action", INTERVENTIONS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_intervention_happens_once(moment: Moment, action: str, postgres: Server) -> None:
    """Whether its commit has happened or not when the line breaks, twice in a row: no error, one entry in the trail."""
    url = postgres.new_database()
    study = hpo.create_study("s", space=SPACE, storage=url, n_trials=10, seed=0)
    study.tell(study.ask(), error="diverged")
    study.tell(study.ask(), 0.5)
    study.ask()
    study.database.close()
    with cut_twice(postgres, url, moment) as through:
        INTERVENTIONS[action](hpo.Study(through, load_study(through, "s")))
    assert rows(url, "SELECT action FROM interventions") == [(action.partition(" ")[0],)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_results_come_once(moment: Moment, postgres: Server, tmp_path: Path) -> None:
    """The same for what another tool knows."""
    url = postgres.new_database()
    hpo.create_study("s", space=SPACE, storage=url).database.close()
    (tmp_path / "known.csv").write_text("x,value\n0.5,1\n0.25,2\n")
    with cut_twice(postgres, url, moment) as through:
        assert hpo.warm_start(hpo.Study(through, load_study(through, "s")), tmp_path / "known.csv") == 2
    assert rows(url, "SELECT number, value FROM trials ORDER BY number") == [(0, 1.0), (1, 2.0)]
    assert rows(url, "SELECT action FROM interventions") == [("import",)]


@pytest.mark.parametrize("action", ["import", "copy"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_study_comes_once(moment: Moment, action: str, postgres: Server, tmp_path: Path) -> None:
    """The same for a whole study from a file or from another database."""
    url = postgres.new_database()
    Database(url, create=True).close()
    study = hpo.create_study("s", space=SPACE, objective=lambda params: params["x"], storage=tmp_path / "hpo.db")
    study.optimize(3)
    hpo.export_study("s", tmp_path / "s.hpo", storage=tmp_path / "hpo.db")
    with cut_twice(postgres, url, moment) as through:
        if action == "import":
            assert import_study(through, tmp_path / "s.hpo").spec.name == "s"
        else:
            assert copy_study(study.database, study.record, through).spec.name == "s"
    assert rows(url, "SELECT count(*), count(DISTINCT number) FROM trials") == [(3, 3)]
    assert rows(url, "SELECT action FROM interventions") == [(action,)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_export_is_noted_once(moment: Moment, postgres: Server, tmp_path: Path) -> None:
    """A study that is taken away while lines break is whole, and in the trail of where it was once."""
    url = postgres.new_database()
    hpo.create_study("s", space=SPACE, objective=lambda params: params["x"], storage=url).optimize(3).database.close()
    with cut_twice(postgres, url, moment) as through:
        export_study(through, load_study(through, "s"), tmp_path / "s.hpo")
    assert len(hpo.import_study(tmp_path / "s.hpo", storage=tmp_path / "hpo.db").trials) == 3
    assert rows(url, "SELECT action FROM interventions") == [("export",)]


READING: dict[str, Callable[[hpo.Study], object]] = {
    "the trail": lambda study: study.interventions,
    "all trails": lambda study: list_interventions(study.database),
    "sizes": lambda study: measure(study.database),
    "trials": lambda study: study.trials,
    "a table": lambda study: study.trials_dataframe(),
    "a file": lambda study: export_study(study.database, study.record, Path("s.hpo")),
}


@pytest.mark.parametrize("what", READING)
def test_what_is_read_after_a_restart(
    what: str, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line is broken: whoever asks next gets an answer."""
    monkeypatch.chdir(tmp_path)
    url = postgres.new_database()
    study = hpo.create_study("s", space=SPACE, objective=lambda params: params["x"], storage=url).optimize(2)
    READING[what](study)
    postgres.cut()
    READING[what](study)
    study.database.close()
