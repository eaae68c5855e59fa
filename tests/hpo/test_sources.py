"""Where an objective comes from, and that it is found again there: here, in another process, in workers."""

import functools
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from searches import SPACE, Trainer, ran, searched

import hpo
from hpo.sources import as_objective, describe, find_objective, has_changed, load_objective

OBJECTIVES = """
from sibling import scale

def objective(params):
    return scale * params["x"]

def another(params, seed):
    return float(seed)

class Outer:
    class Inner:
        def __init__(self, params): ...
        def train_epoch(self): return 1.0

constant = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder with a file of objectives and a module that it imports; forgotten afterwards."""
    (tmp_path / "train.py").write_text(OBJECTIVES)
    (tmp_path / "sibling.py").write_text("scale = 2.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("train", "sibling", "broken"):
        sys.modules.pop(name, None)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def value_of(objective: hpo.Objective, **params: float) -> float:
    return searched(objective, 1, space=hpo.Space({name: hpo.Float(x, x) for name, x in params.items()})).best_value


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_s_objective_is_found_again(folder: Path) -> None:
    """FILE.py:NAME leads to an objective whose source leads there again, from any folder; siblings are imported."""
    objective = load_objective(f"{folder}/train.py:objective")
    assert value_of(objective, x=3.0) == 6.0
    assert objective.source["path"] == str(folder / "train.py")
    assert objective.source["shown"] == "train.py:objective"
    again = find_objective(objective.source)
    assert again.source == objective.source
    assert value_of(again, x=3.0) == 6.0


def test_a_relative_path_is_kept_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is resolved when it is given, so that a later change of folder does not matter."""
    monkeypatch.chdir(folder)
    objective = load_objective("train.py:objective")
    monkeypatch.chdir("/")
    assert find_objective(objective.source).source == objective.source


def test_a_nested_class_is_found(folder: Path) -> None:
    """A name may have dots in it."""
    assert load_objective(f"{folder}/train.py:Outer.Inner").kind == "class"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("train.py", "names no objective: write FILE.py:NAME or MODULE:NAME"),
        (":objective", "names no objective"),
        ("train.py:", "names no objective"),
        ("{}/train.py:objektive", "train.py has no 'objektive'; did you mean 'objective'?"),
        ("{}/train.py:zzz", "train.py has no 'zzz'; it has: objective, another, Outer"),
        ("{}/train.py:Outer.Missing", "train.py has no 'Outer.Missing'"),
        ("{}/train.py:constant", "not 3"),
        ("{}/train.py:Outer", "the class Outer has no train_epoch"),
        ("{}/gone.py:objective", "there is no file {}/gone.py"),
        ("nowhere.at.all:objective", "the module nowhere.at.all of the objective nowhere.at.all:objective cannot be"),
        ("math:sinus", "math has no 'sinus'; did you mean 'sin'?"),
    ],
)
def test_what_cannot_be_found_is_named(folder: Path, reference: str, message: str) -> None:
    """Each way in which a reference leads nowhere has a message with the place, and the nearest name if there is one."""
    with pytest.raises(hpo.ObjectiveError) as caught:
        load_objective(reference.format(folder))
    assert message.format(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def objective(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(2)", "SystemExit: 2; what it does as a script belongs under `if __name__ == '__main__':`"),
        ("import hpo; raise hpo.StudyExists('mine')", "StudyExists: mine; what it does as a script belongs under"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "module"])
def test_a_file_that_cannot_be_loaded_is_named(folder: Path, kind: str, content: str, message: str) -> None:
    """An error inside the user's file, or module, is told with its place; nothing half-loaded stays behind."""
    (folder / "broken.py").write_text(content)
    reference = f"{folder}/broken.py:objective" if kind == "file" else "broken:objective"
    for _ in range(2):
        with pytest.raises(hpo.ObjectiveError, match=r"broken.* cannot be (loaded|imported)") as caught:
            load_objective(reference)
        assert message.partition(";")[0] in str(caught.value)
        assert kind == "module" or message in str(caught.value)
    assert not [name for name in sys.modules if name.endswith("broken")]


@pytest.mark.parametrize("rival", ["network.py", "storage/__init__.py", "strategies.py", "hpo.py"])
def test_a_file_with_one_of_our_names_is_told(folder: Path, rival: str) -> None:
    """Beside a file or package that has the name of one of ours, neither could import its own: it is named."""
    path = folder / rival
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(hpo.ObjectiveError, match="rename it") as caught:
        load_objective(f"{folder}/train.py:objective")
    assert str(path) in str(caught.value)


def test_a_folder_of_data_may_have_any_name(folder: Path) -> None:
    """A folder that is no package is in nobody's way."""
    (folder / "storage").mkdir()
    assert load_objective(f"{folder}/train.py:objective").kind == "function"


def test_a_changed_file_is_noticed(folder: Path) -> None:
    """A study tells whether the file of its objective is another than when the study was made; a file gone is none."""
    path = folder / "train.py"
    study = hpo.create_study(space=SPACE, objective=load_objective(f"{path}:objective"), storage=None)
    assert not study.objective_has_changed
    path.write_text(path.read_text() + "\n")
    assert study.objective_has_changed
    path.unlink()
    assert not has_changed(study.spec.objective)


def test_a_study_whose_file_is_gone_says_so(folder: Path, tmp_path: Path) -> None:
    """Without its file a study can be looked at; to go on with it takes the file, or the objective given again."""
    database, path = tmp_path / "hpo.db", folder / "train.py"
    hpo.create_study("s", space=SPACE, objective=load_objective(f"{path}:objective"), storage=database).optimize(2)
    path.unlink()
    study = hpo.load_study("s", storage=database)
    assert len(study.trials) == 2
    with pytest.raises(hpo.ObjectiveError, match="there is no file") as caught:
        study.optimize(3)
    assert str(path) in str(caught.value)
    assert len(hpo.load_study("s", storage=database, objective=lambda _params: 0.0).optimize(3).trials) == 3


# --- modules ------------------------------------------------------------------------------------------------------


@pytest.fixture
def module(folder: Path) -> ModuleType:
    import train  # type: ignore[import-not-found] # of the user's folder

    return train


def test_an_imported_objective_is_found_again(module: ModuleType) -> None:
    """A function or class of a module is stored as module and name."""
    for target, name in ((module.objective, "objective"), (module.Outer.Inner, "Outer.Inner")):
        source = describe(target)
        assert (source["module"], source["name"], source["shown"]) == ("train", name, f"train:{name}")
        assert find_objective(source).source == source


def bound_method() -> Any:
    class Tuner:
        def objective(self, _params: Mapping[str, Any]) -> float:
            return 0.0

    return Tuner().objective


class Tuner:
    def __call__(self, _params: Mapping[str, Any]) -> float:
        return 0.0

    def objective(self, _params: Mapping[str, Any]) -> float:
        return 0.0


def replaced(_params: Mapping[str, Any]) -> float:
    return 0.0


undecorated, replaced = replaced, 3  # type: ignore[assignment] # as a decorator might


@pytest.mark.parametrize(
    "target",
    [
        lambda _params: 0.0,
        bound_method(),
        Tuner(),
        Tuner().objective,
        functools.partial(lambda _params, _scale: 0.0, _scale=2),
        undecorated,
        type("Made", (Trainer,), {}),
    ],
    ids=["lambda", "nested", "instance", "bound method", "partial", "replaced", "made"],
)
def test_what_is_nowhere_to_be_found_has_to_be_given_again(target: Any, tmp_path: Path) -> None:
    """An objective without a place of its own works, and a study loaded again asks for it; then it goes on."""
    assert not {"path", "module"} & set(describe(target))
    settings = {} if not isinstance(target, type) else {"max_epochs": 1}
    path = tmp_path / "hpo.db"
    hpo.create_study("s", space=SPACE, objective=target, seed=0, storage=path, **settings).optimize(1)
    study = hpo.load_study("s", storage=path)
    with pytest.raises(hpo.ObjectiveError, match=r"cannot be found again; give it: load_study\(name, objective="):
        study.optimize(2)
    assert len(hpo.load_study("s", storage=path, objective=target).optimize(2).trials) == 2


def test_a_study_driven_by_hand_has_no_objective(tmp_path: Path) -> None:
    """To optimize an ask-and-tell study takes an objective; the message says so."""
    study = hpo.create_study(space=SPACE, storage=None)
    with pytest.raises(hpo.ObjectiveError, match="has no objective"):
        study.optimize(1)


def test_an_objective_stays_what_it_is() -> None:
    """What is an objective already is taken as it is."""
    objective = as_objective(lambda _params: 0.0)
    assert as_objective(objective) is objective


def test_an_objective_travels_as_a_place(folder: Path) -> None:
    """The objective of a file is loaded afresh where it arrives: its function need not be something pickle knows."""
    objective = load_objective(f"{folder}/train.py:objective", metric="loss")
    arrived = pickle.loads(pickle.dumps(objective))  # noqa: S301 - our own bytes
    assert (arrived.source, arrived.metric) == (objective.source, "loss")
    assert arrived is not objective


# --- scripts, notebooks, workers ----------------------------------------------------------------------------------

SCRIPT = """
import hpo
from sibling import scale

def objective(params):
    return scale * params["x"]

print("began")
study = hpo.create_study("s", space=hpo.Space(x=hpo.Float(0, 1)), objective=objective, seed=0, storage="hpo.db")
study.optimize(8, n_jobs=2)
print(study.spec.objective["shown"], len(study.trials), {trial.state.value for trial in study.trials})
"""


def test_a_script_is_not_run_by_its_workers(folder: Path) -> None:
    """A script that defines an objective and searches, all at top level, runs once, with two worker processes."""
    code, out, errors = ran(SCRIPT, folder)
    assert code == 0, errors
    assert out.splitlines() == ["began", "script.py:objective 8 {'complete'}"]


def test_a_script_s_objective_is_found_from_elsewhere(folder: Path) -> None:
    """The study of a script goes on from another process, in another folder, if the script can be loaded as a file."""
    code, _, errors = ran(SCRIPT.replace('print("began")', 'if __name__ != "__main__": raise SystemExit'), folder)
    assert code == 0, errors
    with pytest.raises(hpo.ObjectiveError, match=r"script.py cannot be loaded.*__main__"):
        hpo.load_study("s", storage=folder / "hpo.db").optimize(9)
    guarded = SCRIPT.replace('print("began")\n', 'if __name__ == "__main__":\n  ').partition("study.optimize")[0]
    (folder / "script.py").write_text(guarded)
    study = hpo.load_study("s", storage=folder / "hpo.db")
    study.optimize(9)
    assert study.trial(8).value == 2 * study.trial(8).params["x"]


@pytest.mark.parametrize("how", ["file", "module"])
def test_workers_find_what_an_objective_imports(folder: Path, how: str) -> None:
    """In worker processes, too, an objective of a file or a module has its siblings."""
    script = f"""
import hpo
from hpo.sources import load_objective
import train
objective = train.objective if {how!r} == "module" else load_objective("train.py:objective")
study = hpo.create_study(space=hpo.Space(x=hpo.Float(0, 1)), objective=objective, seed=0, storage=None)
study.optimize(4, n_jobs=2)
print(all(trial.value == 2 * trial.params["x"] for trial in study.trials), len(study.trials))
"""
    code, out, errors = ran(script, folder)
    assert (code, out) == (0, "True 4\n"), errors


def test_what_cannot_travel_to_a_worker_is_told(folder: Path) -> None:
    """An objective that holds what no other process can have is refused with what to do instead."""
    script = """
import threading, hpo
lock = threading.Lock()
def objective(params):
    with lock:
        return params["x"]
study = hpo.create_study(space=hpo.Space(x=hpo.Float(0, 1)), objective=objective, storage=None)
try:
    study.optimize(4, n_jobs=2)
except hpo.WorkerError as error:
    print(error)
study.optimize(4, n_jobs=2, backend="threading")
print(len(study.trials))
"""
    code, out, errors = ran(script, folder)
    assert code == 0, errors
    assert "cannot travel to a worker process" in out
    assert "backend='threading'" in out
    assert out.endswith("\n4\n")


def test_what_a_worker_cannot_load_is_told(folder: Path) -> None:
    """When an objective's file is gone by the time a worker wants it, the search ends soon, with the reason."""
    script = """
import hpo, os
from hpo.sources import load_objective
objective = load_objective("train.py:objective")
os.unlink("train.py")
study = hpo.create_study(space=hpo.Space(x=hpo.Float(0, 1)), objective=objective, storage=None)
try:
    study.optimize(4, n_jobs=2)
except hpo.WorkerError as error:
    print(error)
"""
    code, out, errors = ran(script, folder)
    assert code == 0, errors
    assert "there is no file" in out
    assert "train.py" in out
