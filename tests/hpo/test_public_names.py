"""`import hpo` is the only import that a user needs: what is there, what it costs, and who may stand in its way."""

import ast
import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from searches import ROOT, ran

import hpo
import strategies
from hpo import errors
from network import NetworkError
from strategies import STRATEGIES

HEAVY = ["numpy", "sqlalchemy", "pandas", "sklearn", "scipy", "joblib", "alembic", "typer", "rich", "pyarrow"]


def every_error() -> set[type[Exception]]:
    """Return every error class of ours, from every module there is."""
    for package in ("hpo", "network", "storage", "strategies"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith(("__main__", "migrations.env")):
                importlib.import_module(module.name)
    found = {hpo.HpoError, NetworkError}
    while more := {sub for error in found for sub in error.__subclasses__()} - found:
        found |= more
    return {
        error for error in found if error.__module__.partition(".")[0] in ("hpo", "network", "storage", "strategies")
    }


@pytest.mark.parametrize("name", hpo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each name of __all__ can be had, is listed, and is not a module."""
    assert getattr(hpo, name) is not None
    assert name in dir(hpo)
    assert type(getattr(hpo, name)) is not type(hpo)


def test_public_names_are_written_once() -> None:
    """__all__ has no name twice, and `from hpo import *` gives them all."""
    assert len(hpo.__all__) == len(set(hpo.__all__))
    names: dict[str, object] = {}
    exec("from hpo import *", names)  # noqa: S102 - a star import is not allowed within a function
    assert set(hpo.__all__) <= set(names)


def test_no_module_hides_a_public_name() -> None:
    """No module of hpo is called like a public name: once imported, it would take the name's place."""
    assert not {module.name for module in pkgutil.iter_modules(hpo.__path__)} & set(hpo.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """What is imported for type checkers is what is loaded at run time, from the same modules."""
    tree = ast.parse(Path(str(hpo.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == set(hpo.__all__) - {"__version__"}
    for name, place in seen.items():
        module, _, attribute = place.rpartition(".")
        assert attribute == name
        assert getattr(importlib.import_module(module), attribute) is getattr(hpo, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not there is told as for any module."""
    with pytest.raises(AttributeError, match="module 'hpo' has no attribute 'optimise'"):
        hpo.optimise  # noqa: B018 - the access raises
    with pytest.raises(ImportError, match="optimise"):
        exec("from hpo import optimise", {})  # noqa: S102 - as a user would write it


def test_importing_is_light() -> None:
    """`import hpo` loads none of the heavy libraries, and neither does listing its names."""
    script = f"import json, sys, hpo; dir(hpo); print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_version_is_the_package_s() -> None:
    """The version is written in the package and in its metadata alike."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert hpo.__version__ == project["version"]


# --- completeness -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", STRATEGIES.values(), ids=STRATEGIES)
def test_every_strategy_can_be_made(component: type) -> None:
    """The class of every registered searcher, scheduler and stopper is public."""
    assert getattr(hpo, component.__name__) is component


@pytest.mark.parametrize("name", sorted(set(strategies.__all__)))
def test_what_a_strategy_of_one_s_own_needs_is_public(name: str) -> None:
    """Contracts, decisions and parameters are public; only the engine's own tools stay on their floor."""
    engine = {
        *("STRATEGIES", "Decision", "Done", "Entry", "Job", "Ledger", "Parameter", "Plan", "Planned", "Reason"),
        *("Tally", "Targets", "Value", "Wait", "find", "looks_back", "names", "plan_next", "table"),
        *("job_rng", "told", "trial_rng", "trial_seed", "AUTO", "RULES", "Circumstances", "Rule", "choose"),
    }
    assert (name in hpo.__all__) is (name not in engine)


def test_every_error_is_public() -> None:
    """Whatever can be raised for a person to mend can be caught by its name in hpo, and is drawn in the tree."""
    found = every_error()
    assert {error.__name__ for error in found} <= set(hpo.__all__)
    assert all(error.__name__ in str(errors.__doc__) for error in found)


@pytest.mark.parametrize("error", sorted(every_error(), key=lambda error: error.__name__))
def test_every_error_travels(error: type[Exception]) -> None:
    """An error raised in a worker process arrives as it was, and shows its message plainly."""
    raised = error("what is wrong, where, what to do")
    arrived = pickle.loads(pickle.dumps(raised))  # noqa: S301 - our own bytes
    assert type(arrived) is error
    assert str(arrived) == "what is wrong, where, what to do"


# --- neighbours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["network", "storage", "strategies"])
@pytest.mark.parametrize("kind", ["{}.py", "{}/__init__.py"])
def test_a_neighbour_with_one_of_our_names_is_told(tmp_path: Path, name: str, kind: str) -> None:
    """Imported from a folder with a module of one of our names, hpo says which file is in the way."""
    rival = tmp_path / kind.format(name)
    rival.parent.mkdir(exist_ok=True)
    rival.write_text("raise SystemExit('it must not even be imported')\n")
    code, out, errors_ = ran("import hpo", tmp_path)
    assert (code, out) == (1, "")
    assert f"ImportError: hpo needs its own package {name!r}" in errors_
    assert str(rival) in errors_
    assert "rename that file or folder" in errors_


def test_a_folder_of_files_is_no_neighbour(tmp_path: Path) -> None:
    """A folder that is no package may have any name."""
    for name in ("network", "storage", "strategies"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").touch()
    code, out, errors_ = ran("import hpo; print(hpo.Float(0, 1))", tmp_path)
    assert (code, out) == (0, "Float(low=0.0, high=1.0)\n"), errors_


def test_our_packages_are_ours() -> None:
    """All four come from one place: this very tree, or an installation."""
    places = set()
    for name in ("hpo", "network", "storage", "strategies"):
        spec = find_spec(name)
        assert spec is not None
        places.add(Path(str(spec.origin)).parent.parent)
    assert len(places) == 1
