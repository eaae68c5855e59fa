"""Studies moved between files and databases: nothing is lost, nothing is added, and the search goes on as it would."""

import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from adaptive import FOR_TESTS, Echo, Rungs
from crew import SPACE, Hand
from study_files import changed, lines, packed, rows, unpacked

from storage.connection.many import insert_many
from storage.database import Database
from storage.errors import StorageError, StudyExists, StudyFileError, StudyNotFound, Unavailable
from storage.exchange.confirmations import Repeat, read_repeats, write_repeat
from storage.interventions.steering import rename
from storage.interventions.trail import list_interventions
from storage.schema import tables
from storage.studies import StudySpec, create_study, list_studies, load_study
from storage.transfer import copy_study, export_study, import_study
from strategies import STRATEGIES, Choice, Float, Grid, Int, Space, Strategy, SuccessiveHalving, Targets

SEARCHES = {
    "grid+halving": Strategy(Grid(), SuccessiveHalving(eta=2)),
    "random+full": Strategy(),
    "echo+rungs": Strategy(Echo(), Rungs()),
}
ODD = Space(
    {
        "it's %s; --": Choice("a", None, "🙂", 'quo"te'),
        "n" * 70: Int(1, 2**40, log=True),
        "x": Float(1e-300, 0.6, log=True),
        "y": Float(0, 1, when={"it's %s; --": "a"}),
    }
)
CLOCKS = {"started_at", "finished_at", "decided_at", "ended_at", "lease_until"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name, each in FOR_TESTS.items():
        monkeypatch.setitem(STRATEGIES, name, each)


@pytest.fixture
def other_url(postgres, any_url, tmp_path):
    """A database of the other kind."""
    return postgres.new_database() if any_url.startswith("sqlite") else f"sqlite:///{tmp_path / 'other.db'}"


def begun(url, strategy=None, *, jobs=5, name="crew", space=SPACE, **settings):
    """A study in the database at `url` of which so many jobs are done, and another one is running."""
    database = Database(url, create=True)
    spec = StudySpec(name, space, strategy or Strategy(), {"kind": "none"}, 8, Targets(4, 9), parallelism=2, **settings)
    record = create_study(database, spec)
    hand = Hand(None, record, database=database)
    for _ in range(jobs):
        hand.exchange([hand.report(hand.one())], jobs=0)
    if jobs:
        hand.one()
    return database, load_study(database, name)


def finished(database, record):
    """All rows of a study when it has been searched to its end; whoever held a job before is gone."""
    with database.write() as connection:
        connection.execute(sa.update(tables.jobs).values(lease_until=0).where(tables.jobs.c.state == "running"))
    assert Hand(None, record, database=database).work().complete
    return content(database, record, without={*CLOCKS, "revision", "decided_revision", "worker"})


def content(database, record, without=frozenset()):
    """The rows of a study, by table."""
    found = {}
    with database.read() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name not in ("workers", "studies"):
                columns = [c for c in table.c if c.name not in {"study_id", "id", *without}]
                query = sa.select(*columns).where(table.c.study_id == record.id).order_by(*table.primary_key.columns)
                found[table.name] = [tuple(row) for row in connection.execute(query)]
    return found


def as_text(database, record):
    """The rows of a study as the database spells them, by table; but for checkpoints."""
    found = {}
    with database.read() as connection:
        for name in ("trials", "confirmations", "interventions"):
            table = tables.metadata.tables[name]
            columns = [sa.cast(c, sa.Text) for c in table.c if c.name not in ("study_id", "id")]
            query = sa.select(*columns).where(table.c.study_id == record.id).order_by(*table.primary_key.columns)
            found[name] = [tuple(row) for row in connection.execute(query)]
    return found


def about_everything(database, record):
    """Add what no worker writes: confirmations, interventions, a queue."""
    write_repeat(database, record, Repeat(0, 0, 2**63 - 1, 4, 0.1 + 0.2, 2, {"loss": 1e-308}, None, 0.5))
    write_repeat(database, record, Repeat(0, 1, 5, 0, None, None, None, "it's gone", 0.5))
    row = {"study": "old name", "study_id": record.id, "trial": 1, "action": "retry", "details": {"why": ["ü", None]}}
    with database.write() as connection:
        by = {"before_job": 2, "by_user": "me", "by_node": "here", "at": 1.5}
        connection.execute(sa.insert(tables.interventions).values(row | by))


# --- the law -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoints", [True, False])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_study_goes_on_elsewhere_as_it_would_have_here(name, checkpoints, any_url, other_url, tmp_path):
    """Exported half-way and imported into the other kind of database, both searches end with equal tables."""
    database, record = begun(any_url, SEARCHES[name])
    export_study(database, record, tmp_path / "study.hpo", checkpoints=checkpoints)
    other = Database(other_url, create=True)
    imported = import_study(other, tmp_path / "study.hpo")
    assert imported.spec == record.spec
    here, there = finished(database, record), finished(other, imported)
    if not checkpoints:  # those of trials that ended before stay behind
        here.pop("checkpoints"), there.pop("checkpoints")
    assert here["trials"]
    assert here == there


def test_every_column_arrives(any_url, other_url, tmp_path):
    """There and back again, through a file and by copying, every column of every table is what it was, to the last bit."""
    database, record = begun(any_url, SEARCHES["grid+halving"])
    about_everything(database, record)
    before = content(database, record)
    export_study(database, record, tmp_path / "study.hpo", checkpoints=True)
    other = Database(other_url, create=True)
    there = import_study(other, tmp_path / "study.hpo", "another")
    back = copy_study(other, there, database, "back")
    settled = content(other, there)
    assert content(database, back) == settled
    assert read_repeats(database, back) == read_repeats(database, record)
    for table, found in settled.items():
        if table not in ("jobs", "trials"):
            assert found == before[table]
    assert [row for row in before["jobs"] if "done" in row] == [row for row in settled["jobs"] if "done" in row]
    assert [row for row in before["trials"] if "running" not in row] == [
        row for row in settled["trials"] if row[6] != "paused" or row in before["trials"]
    ]
    assert content(database, record) == before


ODD_TEXT = ["\\N", "a\tb\nc\rd", "\\\\", 'it\'s "quoted" %s {}', "", "🙂 é", "\\."]
ODD_NUMBERS = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")]


def test_many_rows_at_once_are_the_same_rows(any_url):
    """Whatever they hold, rows written together are to the last bit those that an INSERT of each makes."""
    database, one = begun(any_url, jobs=0, name="one")
    two = create_study(database, replace(one.spec, name="two"))
    same = {"epochs": 1, "best_epoch": None, "metrics": None, "seconds": 0.5, "confirmed_at": 2.0}
    repeats = [same | {"repeat": i, "seed": 2**63 - 1 - i, "error": text} for i, text in enumerate(ODD_TEXT)]
    for row, value in zip(repeats, [*ODD_NUMBERS, None], strict=True):
        row |= {"value": value, "metrics": {row["error"]: [None, 0.1, row["error"]]} if value else None, "trial": 0}
    noted = {"study": "x", "trial": None, "action": "a", "before_job": 0, "by_user": "u", "by_node": "n"}
    trail = [
        noted | {"at": number, "details": details} for number, details in ((1e-300, {}), (2.0, {"\\N": ["\t", None]}))
    ]
    trial = {
        "number": 0,
        "params": {"x": None, "é": "\n"},
        "seed": 1,
        "bracket": 0,
        "rung": 0,
        "state": "paused",
        "epochs": 0,
    }
    trial |= {"attempts": 0, "train_seconds": 0.0, "revision": 0, "stop_reason": None, "error": "\\N"}
    kept = {"trial": 0, "epoch": 1, "format": "f", "data": bytes(range(256)) * 2, "sha256": ""}
    parts = (("trials", [trial]), ("confirmations", repeats), ("interventions", trail), ("checkpoints", [kept]))
    with database.write() as connection:
        for name, rows in parts:
            table = tables.metadata.tables[name]
            insert_many(connection, table, [row | {"study_id": one.id} for row in rows])
            for row in rows:
                connection.execute(sa.insert(table).values(row | {"study_id": two.id}))
        insert_many(connection, tables.trials, [])

    assert as_text(database, one) == as_text(database, two)
    assert content(database, one) == content(database, two)


def test_many_rows_and_a_line_that_breaks(postgres):
    """An error of the server's in the middle is told as any other: one of ours, and nothing is written."""
    url = postgres.new_database()
    database, record = begun(url, jobs=0)
    table = tables.interventions
    row = {"study": "x", "study_id": record.id, "action": "a", "details": {}, "by_user": "u", "by_node": "n", "at": 1.0}
    with pytest.raises(StorageError, match="at"), database.write() as connection:
        insert_many(connection, table, [row, row | {"at": None}])

    def cut_off_while_writing():
        with database.write() as connection:
            (mine,) = connection.execute(sa.text("SELECT pg_backend_pid()")).one()
            with postgres.admin() as admin:
                admin.execute("SELECT pg_terminate_backend(%s)", (mine,))
            insert_many(connection, table, [row] * 1000)

    with pytest.raises(Unavailable):
        cut_off_while_writing()
    assert content(database, record)["interventions"] == []


def test_two_exports_of_a_study_are_the_same_file(any_url, tmp_path):
    """A study that stands still is exported to the same bytes, and again after an import."""
    database, record = begun(any_url)
    export_study(database, record, tmp_path / "one.hpo", checkpoints=True)
    (tmp_path / "two.hpo").write_text("something older")
    export_study(database, record, tmp_path / "two.hpo", checkpoints=True)
    assert (tmp_path / "one.hpo").read_bytes() == (tmp_path / "two.hpo").read_bytes()
    with database.write() as connection:
        connection.execute(sa.delete(tables.studies))
    import_study(database, tmp_path / "one.hpo")
    export_study(database, load_study(database, "crew"), tmp_path / "three.hpo", checkpoints=True)
    assert (tmp_path / "one.hpo").read_bytes() == (tmp_path / "three.hpo").read_bytes()


def test_moves_are_on_record_where_they_happened(any_url, other_url, tmp_path):
    """Who took a study from where, or brought it: told of either database, under the name there; it does not travel."""
    database, record = begun(any_url)
    other = Database(other_url, create=True)
    path = tmp_path / "study.hpo"
    export_study(database, record, path)
    import_study(other, path, "brought")
    copy_study(other, load_study(other, "brought"), database, "back")
    told = [(each.study, each.action, dict(each.details)) for each in list_interventions(database)]
    assert told == [
        ("crew", "export", {"to": str(path), "checkpoints": False}),
        ("back", "copy", {"from": other.shown_url, "study": "brought"}),
    ]
    assert [(each.study, each.action, dict(each.details)) for each in list_interventions(other, "brought")] == [
        ("brought", "import", {"from": str(path)}),
        ("brought", "copy", {"to": database.shown_url, "study": "back"}),
    ]
    rename(database, record, "crew-2")
    assert [each.action for each in list_interventions(database, "crew-2")] == ["export", "rename"]
    assert [each.action for each in list_interventions(database, "back")] == ["copy"]
    assert all(each.by_user and each.by_node and each.at for each in list_interventions(database))


def test_what_was_running_is_ready_and_nobody_works_on_it(any_url, other_url):
    """A copy has no workers; the jobs that were running are anyone's at once."""
    database, record = begun(any_url)
    other = Database(other_url, create=True)
    copied = copy_study(database, record, other)
    with other.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.workers)).scalar_one() == 0
        states = set(connection.execute(sa.select(tables.jobs.c.state)).scalars())
    assert states == {"done", "ready"}
    hand = Hand(None, copied, database=other)
    assert len(hand.exchange()) == 1


def test_odd_names_travel(any_url, other_url, tmp_path):
    """Names with quotes, percent signs, emoji and more than 63 bytes: the view of the copy has the same columns and values."""
    name = "'; DROP TABLE trials; -- %s 🙂 " + "x" * 300
    database, record = begun(any_url, name=name, space=ODD)
    export_study(database, record, tmp_path / "study.hpo")
    other = Database(other_url, create=True)
    imported = import_study(other, tmp_path / "study.hpo")
    assert imported.spec.name == name
    seen = []
    for each, study in ((database, record), (other, imported)):
        with each.read() as connection:
            quoted = connection.dialect.identifier_preparer.quote_identifier(study.view)
            found = connection.exec_driver_sql(f"SELECT * FROM {quoted} WHERE state = 'complete' ORDER BY number")
            seen.append((list(found.keys()), found.all()))
    assert seen[0][1]
    assert seen[0] == seen[1]


# --- whole or not at all ----------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_refused(any_url, tmp_path):
    """StudyExists, and nothing is written; under another name it is."""
    database, record = begun(any_url)
    export_study(database, record, tmp_path / "study.hpo")
    before = content(database, record)
    for attempt in (
        lambda: import_study(database, tmp_path / "study.hpo"),
        lambda: copy_study(database, record, database),
    ):
        with pytest.raises(StudyExists, match="--name"):
            attempt()
    assert content(database, record) == before
    import_study(database, tmp_path / "study.hpo", "second")
    assert [each.name for each in list_studies(database)] == ["crew", "second"]
    with pytest.raises(StudyFileError, match="name"):
        import_study(database, tmp_path / "study.hpo", "x" * 501)


def test_a_file_is_its_owners_alone_and_never_half_there(tmp_path):
    """New files have the mode 0600 whatever the umask; one that cannot be written leaves the old one, and no litter."""
    database, record = begun(f"sqlite:///{tmp_path / 'hpo.db'}")
    folder = tmp_path / "out"
    folder.mkdir()
    before = os.umask(0)
    try:
        export_study(database, record, folder / "study.hpo")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "study.hpo").stat().st_mode) == 0o600
    kept = (folder / "study.hpo").read_bytes()
    with database.write() as connection:
        connection.execute(sa.update(tables.trials).values(value=float("inf")))
    with pytest.raises(StudyFileError, match="not finite"):
        export_study(database, record, folder / "study.hpo")
    with pytest.raises(StudyFileError, match="cannot be written"):
        export_study(database, record, tmp_path / "nowhere" / "study.hpo")
    assert (folder / "study.hpo").read_bytes() == kept
    assert list(folder.iterdir()) == [folder / "study.hpo"]


EXPORTER = """
import sys
from pathlib import Path
from storage.database import Database
from storage.studies import load_study
from storage.transfer import export_study, import_study
what, url, path = sys.argv[1:]
database = Database(url)
print("ready", flush=True)
while True:
    if what == "export":
        export_study(database, load_study(database, "crew"), Path(path))
    else:
        import_study(database, Path(path), "imported")
        break
"""


def test_a_killed_export_leaves_a_whole_file(tmp_path):
    """Killed at any moment, the process that exports leaves the last whole file under its name."""
    url = f"sqlite:///{tmp_path / 'hpo.db'}"
    database, record = begun(url)
    path = tmp_path / "study.hpo"
    export_study(database, record, path)
    whole = path.read_bytes()
    for pause in (0.0, 0.01, 0.03, 0.05):
        process = subprocess.Popen(
            [sys.executable, "-c", EXPORTER, "export", url, path],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        time.sleep(pause)  # any moment will do
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert path.read_bytes() == whole


# --- files that are not what they say ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The members of an honest study file with a row of everything."""
    folder = tmp_path_factory.mktemp("honest")
    database, record = begun(f"sqlite:///{folder / 'hpo.db'}", SEARCHES["grid+halving"])
    about_everything(database, record)
    export_study(database, record, folder / "study.hpo", checkpoints=True)
    return unpacked(folder / "study.hpo")


def refused(tmp_path, path, message):
    """Assert that a file is refused with this message, and that nothing is written."""
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}", create=True)
    with pytest.raises(StudyFileError, match=message) as caught:
        import_study(database, path)
    assert "study.hpo" in str(caught.value)
    assert len(str(caught.value)) < 800
    assert list_studies(database) == []
    with database.read() as connection:
        for table in tables.metadata.sorted_tables:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
    database.close()


def test_honest_files_can_be_put_together_by_hand(honest, tmp_path):
    """What the tests below change is what is wrong with it: unchanged it is imported."""
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
    assert import_study(database, packed(tmp_path / "study.hpo", honest)).spec.name == "crew"


DISHONEST = {
    "an unknown column": ("trials", {"colour": "red"}, 0, "colour: Extra inputs"),
    "a column too few": (
        "trials",
        lambda row: {k: v for k, v in row.items() if k != "seed"},
        0,
        "seed: Field required",
    ),
    "a gap in the trials": ("trials", None, 1, "trial 2 follows after 1 trials"),
    "a trial twice": ("trials", {"number": 0}, 1, "trial 0 follows after 1"),
    "params out of the space": ("trials", {"params": {"x": 2.0}}, 0, "not between"),
    "unknown params": ("trials", {"params": {"z": 0.5}}, 0, "unknown parameter"),
    "params that are a list": ("trials", {"params": [1]}, 0, "object"),
    "a value that is text": ("trials", {"value": "0.1"}, 0, "valid number"),
    "a value without epochs": ("trials", {"epochs": 0, "best_epoch": None}, 0, "value without an epoch"),
    "negative epochs": ("trials", {"epochs": -1}, 0, "greater than or equal to 0"),
    "epochs beyond integers": ("trials", {"epochs": 2**31}, 0, "less than or equal to"),
    "a state that is none": ("trials", {"state": "sleeping"}, 0, "state: Input should be"),
    "a trial that runs": ("trials", {"state": "running"}, 0, "state: Input should be"),
    "a parent that comes later": ("trials", {"parent": 3}, 0, "parent 3"),
    "a revision of the future": ("trials", {"revision": 10**9}, 0, "after the study's last revision"),
    "text with a NUL": ("trials", {"error": "a\0b"}, 0, "NUL"),
    "a NUL in a reason": ("jobs", {"reason": {"a": ["\0"]}}, 0, "NUL"),
    "a job that points nowhere": ("jobs", {"trial": 99}, 0, "there is no trial 99"),
    "a gap in the jobs": ("jobs", None, 1, "job 2 follows after 1 jobs"),
    "a job that goes back": ("jobs", {"from_epoch": 4, "until_epoch": 2}, 0, "ends before it begins"),
    "a job beyond max_epochs": ("jobs", {"until_epoch": 5}, 0, "beyond the study's max_epochs"),
    "a decision from the future": ("jobs", {"seen": 7}, 0, "comes later"),
    "a job without an outcome": ("jobs", {"outcome": None}, 0, "state and outcome differ"),
    "a job for a trial that has ended": (
        "jobs",
        {"state": "ready", "outcome": None, "end_epoch": None},
        0,
        "has ended|has no job|job already",
    ),
    "a measurement of nothing": ("measurements", {"trial": 99}, -1, "there is no trial 99"),
    "a gap in a curve": ("measurements", None, 0, "epochs"),
    "an epoch zero": ("measurements", {"epoch": 0}, 0, "greater than or equal to 1"),
    "a measurement of nothing finite": ("measurements", lambda row: row | {"value": float("nan")}, 0, "finite number"),
    "an infinite metric": ("measurements", {"metrics": {"loss": float("inf")}}, 0, "finite number"),
    "seconds that run backwards": ("measurements", {"seconds": -1.0}, 0, "greater than or equal to 0"),
    "a confirmation of nothing": ("confirmations", {"trial": 99}, 1, "there is no trial 99"),
    "a confirmation twice": ("confirmations", {"repeat": 0}, 1, "there already"),
    "an intervention in nothing": ("interventions", {"trial": 99}, 0, "there is no trial 99"),
    "a checkpoint of nothing": ("checkpoints", {"trial": 99}, -1, "there is no trial 99"),
    "a checkpoint of the future": ("checkpoints", {"epoch": 99}, 0, "after its trial's last epoch"),
    "a checkpoint of another format": ("checkpoints", {"format": "pickle"}, 0, "unknown"),
    "a checkpoint that is longer": ("checkpoints", {"size": 10**15}, 0, "shorter than its checkpoints"),
    "a checkpoint that is shorter": ("checkpoints", {"size": 1}, -1, "longer|SHA-256"),
    "a checkpoint with another hash": ("checkpoints", {"sha256": "0" * 64}, 0, "SHA-256"),
    "no name": ("study", {"name": ""}, 0, "at least 1"),
    "an unknown strategy": ("study", {"strategy": {"searcher": {"name": "nobody"}}}, 0, "nobody"),
    "a strategy of nonsense": ("study", {"strategy": {"searcher": {"name": ["grid"]}}}, 0, "study"),
    "a strategy without a name": ("study", {"strategy": {"searcher": {"name": None}}}, 0, "table with a name"),
    "settings of nonsense": ("study", {"strategy": {"searcher": {"name": "grid", "settings": 3}}}, 0, "study"),
    "a space without parameters": ("study", {"space": {}}, 0, "at least one parameter"),
    "a space of nonsense": ("study", {"space": {"x": {"type": "float", "low": [], "high": {}}}}, 0, "finite number"),
    "a guess outside the space": ("study", {"queue": [{"x": 9}]}, 0, "not between"),
    "no epochs at all": ("study", {"max_epochs": 0}, 0, "greater than or equal to 1"),
    "a seed beyond integers": ("study", {"seed": 2**63}, 0, "less than or equal to"),
    "a study of the far future": ("study", lambda row: row | {"created_at": 1e300}, 0, "created_at"),
    "a trial before all times": ("trials", lambda row: row | {"started_at": -1e18}, 0, "started_at"),
    "an objective of no kind": ("study", lambda row: row | {"objective": {}}, 0, "of no kind"),
    "an objective without data": (
        "study",
        lambda row: row | {"objective": {"kind": "network", "data": [1], "settings": {}, "shown": "a network"}},
        0,
        "lacks its data",
    ),
    "an objective in no place": (
        "study",
        lambda row: row | {"objective": {"kind": "user", "path": 7, "name": "f", "shown": "f"}},
        0,
        "a place that is no text",
    ),
    "an objective without a name": ("study", lambda row: row | {"objective": {"kind": "user"}}, 0, "has no name"),
}


@pytest.mark.parametrize("what", DISHONEST)
def test_rows_that_cannot_be_are_refused(what, honest, tmp_path):
    """Whatever a row says that cannot be, it is named, with its table and line; and nothing is written."""
    table, change, at, message = DISHONEST[what]
    refused(tmp_path, packed(tmp_path / "study.hpo", changed(honest, table, change, at)), message)


RAW = {
    "an integer of ten million digits": (b'{"number":' + b"1" * 10_000_000, "line 1"),
    "deep nesting": (b'{"params":' + b"[" * 1_000_000, "recursion|line 1"),
    "a line without end": (b" " * (2**24 + 10), "longer than"),
    "no JSON": (b"\xff\xfe{]\n", "line 1"),
    "an empty line": (b"\n", "line 1"),
    "not a number": (b'{"number":NaN}\n', "line 1"),
    "a number too large": (b'{"number":1e999}\n', "line 1"),
    "an array": (b"[1]\n", "object"),
    "half a surrogate pair": (b'{"error":"\\ud800"}\n', "line 1"),
}


@pytest.mark.parametrize("what", RAW)
def test_lines_that_are_no_rows_are_refused(what, honest, tmp_path):
    """No JSON, or such as would take all memory or the whole stack: one clear error, quickly."""
    data, message = RAW[what]
    began = time.monotonic()
    path = packed(tmp_path / "study.hpo", honest | {"trials.jsonl": data}, zipfile.ZIP_STORED)
    refused(tmp_path, path, message)
    assert time.monotonic() - began < 20


def test_a_deep_value_is_refused(honest, tmp_path):
    """A reason that is nested more deeply than anyone's: refused, also where a parser would take it."""
    deep = {}
    for _ in range(60):
        deep = {"a": deep}
    refused(tmp_path, packed(tmp_path / "study.hpo", changed(honest, "jobs", {"reason": deep})), "deeply|recursion")


ARCHIVES = {
    "a member too many": (lambda m: m | {"../../etc/passwd": b""}, {}, "does not hold"),
    "a member too few": (lambda m: {k: v for k, v in m.items() if k != "trials.jsonl"}, {}, "does not hold"),
    "checkpoints without data": (
        lambda m: {k: v for k, v in m.items() if k != "checkpoints.bin"},
        {},
        "lack their data",
    ),
    "a newer format": (lambda m: m, {"format": 2}, "newer program"),
    "a newer schema": (lambda m: m, {"schema_version": "9999"}, "newer program"),
    "a manifest of nonsense": (lambda m: m, {"members": {"x": 3}}, "manifest"),
    "a manifest of others": (lambda m: m, {"members": {}}, "other members"),
    "a second study": (lambda m: m | {"study.jsonl": m["study.jsonl"] * 2}, {}, "more rows"),
    "no study": (lambda m: m | {"study.jsonl": b""}, {}, "no row"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_archives_that_are_no_studies_are_refused(what, honest, tmp_path):
    """An archive with other members, of a newer program, or with a manifest of nonsense is refused by name."""
    change, about, message = ARCHIVES[what]
    refused(tmp_path, packed(tmp_path / "study.hpo", change(honest), about=about), message)


@pytest.mark.parametrize("name", ["trials.jsonl", "measurements.jsonl", "checkpoints.bin"])
def test_members_that_are_not_as_the_manifest_says_are_refused(name, honest, tmp_path):
    """A changed member is found by its digest, even where every row of it could be."""
    path = packed(tmp_path / "study.hpo", honest)
    other = honest[name].replace(b'"seconds":1.0', b'"seconds":2.0', 1).replace(b'"attempts":0', b'"attempts":1', 1)
    other = other if other != honest[name] else other[:-1] + b"!"
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json")
    with zipfile.ZipFile(path, "w") as archive:
        for each, data in (honest | {name: other}).items():
            archive.writestr(each, data)
        archive.writestr("manifest.json", manifest)
    refused(tmp_path, path, "SHA-256")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(share, honest, tmp_path):
    """Half a file is no study."""
    path = packed(tmp_path / "study.hpo", honest)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(tmp_path, path, "is not a study file")


def test_other_files_are_refused(tmp_path):
    """What is not there, a folder and a text are refused, each for what it is."""
    refused(tmp_path, tmp_path / "study.hpo", "No such file")
    (tmp_path / "study.hpo").mkdir()
    refused(tmp_path, tmp_path / "study.hpo", "directory")
    (tmp_path / "study.hpo").rmdir()
    (tmp_path / "study.hpo").write_text("x,y\n1,2\n" * 100)
    refused(tmp_path, tmp_path / "study.hpo", "no archive")


def test_a_bomb_does_not_go_off(honest, tmp_path):
    """A member that would fill the disk when it is unpacked is refused before it is; so is a list of a million members."""
    path = packed(tmp_path / "study.hpo", honest | {"trials.jsonl": b" " * (500 * 2**20)})
    tracemalloc.start()
    try:
        refused(tmp_path, path, "would grow to")
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(20_000):
                archive.writestr(f"{number}", b"")
        tracemalloc.reset_peak()
        refused(tmp_path, path, "more members")
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()


def test_a_long_study_takes_no_more_memory_than_a_short_one(tmp_path):
    """Importing and exporting four times as many measurements takes the same memory: some rows at a time."""
    database, record = begun(f"sqlite:///{tmp_path / 'hpo.db'}", jobs=1)
    export_study(database, record, tmp_path / "study.hpo")
    members, epochs = unpacked(tmp_path / "study.hpo"), 50
    trial, job = (rows(members[f"{table}.jsonl"])[0] for table in ("trials", "jobs"))
    point = rows(members["measurements.jsonl"])[0]
    members["study.jsonl"] = lines([rows(members["study.jsonl"])[0] | {"max_epochs": epochs}])
    peaks = []
    for count in (100, 400):
        members["trials.jsonl"] = lines(trial | {"number": n, "epochs": epochs} for n in range(count))
        ends = {"until_epoch": epochs, "end_epoch": epochs}
        members["jobs.jsonl"] = lines(job | {"number": n, "trial": n} | ends for n in range(count))
        members["measurements.jsonl"] = lines(
            point | {"trial": n, "epoch": e} for n in range(count) for e in range(1, epochs + 1)
        )
        packed(tmp_path / "long.hpo", members)
        tracemalloc.start()
        try:
            imported = import_study(database, tmp_path / "long.hpo", f"long {count}")
            export_study(database, imported, tmp_path / "again.hpo")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert len(rows(unpacked(tmp_path / "again.hpo")["measurements.jsonl"])) == count * epochs
    assert peaks[1] < 1.3 * peaks[0]


def test_a_study_that_is_gone_is_not_copied(tmp_path):
    """A study that was deleted after it was opened is not found, and no file is written."""
    database, record = begun(f"sqlite:///{tmp_path / 'hpo.db'}")
    with database.write() as connection:
        connection.execute(sa.delete(tables.studies))
    with pytest.raises(StudyNotFound):
        export_study(database, record, tmp_path / "study.hpo")
    assert not (tmp_path / "study.hpo").exists()
