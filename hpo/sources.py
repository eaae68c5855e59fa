"""Where an objective comes from, so that `hpo resume`, and every worker, can find it again.

{"kind": "user", "path": "/…/train.py", "name": "objective", "sha256": …, "shown": "train.py:objective"}
{"kind": "user", "module": "package.training", "name": "objective", …}
{"kind": "network", "data": {…}, "settings": {…}}
{"kind": "user", "shown": …}      defined in a notebook, a shell or another function: has to be given again
{"kind": "none"}                  ask and tell
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from hpo.errors import HpoError, ObjectiveError
from hpo.objectives import Objective, UserObjective
from strategies.spelling import nearest

OURS: Final = ("hpo", "network", "strategies", "storage")
_HOME: Final = Path(__file__).resolve().parent.parent


def as_objective(target: Objective | Callable[..., Any], metric: str = "value") -> Objective:
    """Return `target` as an objective; raises ObjectiveError when it cannot be one."""
    return target if isinstance(target, Objective) else UserObjective(target, describe(target), metric)


def find_objective(source: Mapping[str, Any], metric: str = "value") -> Objective:
    """Return the objective that `source` describes. Raises ObjectiveError when it is not there any more."""
    if source.get("kind") == "none":
        raise ObjectiveError(
            "this study has no objective: it is driven by ask() and tell(); or give it one: "
            "load_study(name, objective=...)"
        )
    if source.get("kind") == "network":
        from hpo.network_objective import NetworkObjective

        return NetworkObjective.from_source(source)
    if "path" in source:
        return _from_file(Path(source["path"]), str(source["name"]), metric)
    if "module" in source:
        try:
            module = importlib.import_module(source["module"])
        except (Exception, SystemExit) as error:
            raise ObjectiveError(
                f"the module {source['module']} of the objective {source['shown']} cannot be imported "
                f"({type(error).__name__}: {error}); bring it back, or give the objective again: "
                "load_study(name, objective=...)"
            ) from error
        return UserObjective(_named(module, str(source["name"]), str(source["module"])), source, metric)
    raise ObjectiveError(
        f"the objective {source['shown']} was defined where it cannot be found again; "
        "give it: load_study(name, objective=...)"
    )


def load_objective(reference: str, metric: str = "value") -> Objective:
    """Return the objective named by "file.py:name" or "package.module:name"."""
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise ObjectiveError(f"{reference!r} names no objective: write FILE.py:NAME or MODULE:NAME")
    if place.endswith(".py"):
        return _from_file(Path(place), name, metric)
    return find_objective({"kind": "user", "module": place, "name": name, "shown": reference}, metric)


def describe(target: Any) -> dict[str, Any]:
    """Return where a function or class of the user's comes from: a place only if this very object is there."""
    name = getattr(target, "__qualname__", type(target).__qualname__)
    module = getattr(target, "__module__", None) or ""
    unnamed = {"kind": "user", "shown": f"{module}:{name}"}
    loaded = sys.modules.get(module)
    if loaded is None or _attribute(loaded, name) is not target:
        return unnamed
    if module != "__main__":
        return unnamed | {"module": module, "name": name}
    path = Path(getattr(loaded, "__file__", None) or "").resolve()
    return _in_file(path, name) if path.is_file() and path.suffix == ".py" else unnamed


def has_changed(source: Mapping[str, Any]) -> bool:
    """Tell whether the file of an objective is another than when the study was made."""
    path = source.get("path")
    return path is not None and "sha256" in source and Path(path).is_file() and _sha256(Path(path)) != source["sha256"]


def _from_file(path: Path, name: str, metric: str) -> Objective:
    path = path.resolve()
    if not path.is_file():
        raise ObjectiveError(
            f"there is no file {path}: the objective {name!r} was to come from it; bring it back or name another"
        )
    return UserObjective(_named(_load(path), name, path.name), _in_file(path, name), metric)


def _in_file(path: Path, name: str) -> dict[str, Any]:
    return {"kind": "user", "path": str(path), "name": name, "sha256": _sha256(path), "shown": f"{path.name}:{name}"}


def _load(path: Path) -> ModuleType:
    """Run a file as a module of its own; its folder's other modules can be imported, after ours."""
    rivals = [path.parent / place for name in OURS for place in (f"{name}.py", f"{name}/__init__.py")]
    for rival in rivals:
        if rival.exists() and rival != path and path.parent != _HOME:
            raise ObjectiveError(
                f"{rival} has the name of a package of this program, so neither can import its own: rename it"
            )
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    unique = f"_hpo_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ObjectiveError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        hint = (
            "; what it does as a script belongs under `if __name__ == '__main__':`"
            if isinstance(error, HpoError | SystemExit)
            else ""
        )
        raise ObjectiveError(f"{path} cannot be loaded: {type(error).__name__}: {error}{hint}") from error
    return module


def _named(module: ModuleType, name: str, where: str) -> Any:
    target = _attribute(module, name)
    if target is None:
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        near = nearest(name, names)
        hint = f"did you mean {near!r}?" if near else f"it has: {', '.join(names[:10]) or 'no function at all'}"
        raise ObjectiveError(f"{where} has no {name!r}; {hint}")
    return target


def _attribute(module: ModuleType, name: str) -> Any:
    target: Any = module
    for part in name.split("."):
        target = getattr(target, part, None)
    return target


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
