"""The same study on hosts where its files lie elsewhere."""

import os
from pathlib import Path

import pytest
from searches import SPACE, ran

import hpo
from hpo.sources import find_objective, has_changed, load_objective
from hpo.whereabouts import FOLDERS

OBJECTIVE = "def objective(params):\n    return 2 * params['x']\n"
TABLE = "a,b\n" + "\n".join(f"{i % 7},{'xy'[i % 2]}" for i in range(40))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder on the host where a study is made."""
    place = tmp_path / "home" / "ann" / "project" / "src"
    place.mkdir(parents=True)
    (place / "train.py").write_text(OBJECTIVE)
    (place / "table.csv").write_text(TABLE)
    return place


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, on another host."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv(FOLDERS, raising=False)
    return place


@pytest.mark.parametrize("end", ["train.py", "src/train.py", "project/src/train.py"])
def test_an_objective_s_file_is_found_below_the_current_folder(there: Path, here: Path, end: str) -> None:
    """A file that is not where it was is found under any end of its path, and its study goes on from there."""
    study = hpo.create_study("s", space=SPACE, objective=load_objective(f"{there}/train.py:objective"), storage="s.db")
    study.optimize(2)
    (here / end).parent.mkdir(parents=True, exist_ok=True)
    (there / "train.py").rename(here / end)
    study = hpo.load_study("s", storage="s.db")
    study.optimize(4, n_jobs=2)
    assert [trial.value for trial in study.trials] == [2 * trial.params["x"] for trial in study.trials]
    assert study.objective.source["path"] == str(here / end)
    assert not study.objective_has_changed


def test_it_is_found_in_the_folders_that_are_named(there: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HPO_OBJECTIVES names further folders, separated as in PATH."""
    source = load_objective(f"{there}/train.py:objective").source
    named = here.parent / "named"
    named.mkdir()
    (there / "train.py").rename(named / "train.py")
    monkeypatch.setenv(FOLDERS, f"/nowhere{os.pathsep}{named}")
    assert find_objective(source).source["path"] == str(named / "train.py")


def test_a_file_of_other_contents_is_not_taken(there: Path, here: Path) -> None:
    """Only the very contents count: a file that merely has the name is named in the error, with where it was looked."""
    source = load_objective(f"{there}/train.py:objective").source
    (there / "train.py").unlink()
    (here / "train.py").write_text(OBJECTIVE + "\n")
    with pytest.raises(hpo.ObjectiveError, match=FOLDERS) as caught:
        find_objective(source)
    assert f"there is no file {there / 'train.py'}" in str(caught.value)
    assert f"in {here} either; {here / 'train.py'} has other contents" in str(caught.value)


def test_the_file_where_it_was_comes_first(there: Path, here: Path) -> None:
    """A file at its own path is taken, changed or not: that is warned of, not searched around."""
    source = load_objective(f"{there}/train.py:objective").source
    (here / "train.py").write_text(OBJECTIVE)
    (there / "train.py").write_text(OBJECTIVE + "\n")
    assert find_objective(source).source["path"] == str(there / "train.py")
    assert has_changed(source)


def test_a_table_is_found_likewise(there: Path, here: Path) -> None:
    """Data of a study are looked for as its objective is."""
    source = hpo.NetworkObjective(str(there / "table.csv"), target="b").source
    (there / "table.csv").rename(here / "table.csv")
    assert find_objective(source).source["data"]["path"] == str(here / "table.csv")
    (here / "table.csv").write_text(TABLE + "\n1,x\n")
    with pytest.raises(hpo.DataError, match=r"no such file.*no file of its name and contents is in .*; .* has other"):
        find_objective(source)


@pytest.mark.parametrize("given", ["by name", "itself"])
def test_a_module_s_objective_is_known_by_its_contents(tmp_path: Path, given: str) -> None:
    """An objective of a module is noticed to have changed as one of a file is, without importing it."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    path = tmp_path / "package" / "training.py"
    path.write_text(OBJECTIVE)
    objective = "load_objective('package.training:objective')" if given == "by name" else "objective"
    begin = (
        "import hpo\nfrom hpo.sources import load_objective\n"
        + ("" if given == "by name" else "from package.training import objective\n")
        + f"hpo.create_study('s', space=hpo.Space(x=hpo.Float(0, 1)), objective={objective}, storage='s.db')"
    )
    code, _, errors = ran(begin, tmp_path)
    assert code == 0, errors
    tell = (
        "import sys, hpo\nprint(hpo.load_study('s', storage='s.db').objective_has_changed, "
        "'package.training' in sys.modules)"
    )
    assert ran(tell, tmp_path)[1] == "False False\n"
    path.write_text(OBJECTIVE + "\n")
    assert ran(tell, tmp_path)[1] == "True False\n"
    path.unlink()
    assert ran(tell, tmp_path)[1] == "False False\n"


def test_what_is_no_file_has_no_contents() -> None:
    """An objective of a module without a file is found again all the same."""
    source = load_objective("builtins:len").source
    assert "sha256" not in source
    assert not has_changed(source)
