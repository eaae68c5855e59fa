"""Where an objective comes from, so that `hpo resume`, and every worker, can find it again.

{"kind": "user", "path": "/…/train.py", "name": "objective", "sha256": …, "shown": "train.py:objective"}
{"kind": "user", "module": "package.training", "name": "objective", "sha256": …, …}
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
from hpo.whereabouts import FOLDERS, located, search_told, sha256_of
from storage.studies import is_by_hand
from strategies.spelling import nearest

OURS: Final = ("hpo", "network", "strategies", "storage")
_HOME: Final = Path(__file__).resolve().parent.parent


def as_objective(target: Objective | Callable[..., Any], metric: str = "value") -> Objective:
    """Return `target` as an objective; raises ObjectiveError when it cannot be one."""
    return target if isinstance(target, Objective) else UserObjective(target, describe(target), metric)


def find_objective(source: Mapping[str, Any], metric: str = "value") -> Objective:
    """Return the objective that `source` describes. Raises ObjectiveError when it is not there any more."""
    if is_by_hand(source):
        raise ObjectiveError(
            "this study has no objective: it is driven by ask() and tell(); or give it one: "
            "load_study(name, objective=...)"
        )
    if source.get("kind") == "network":
        from hpo.network_objective import NetworkObjective

        return NetworkObjective.from_source(source)
    if "path" in source:
        return _from_file(Path(source["path"]), str(source["name"]), metric, source.get("sha256"))
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
    source = {"kind": "user", "module": place, "name": name, "shown": reference}
    return find_objective(source | _contents(_module_file(place)), metric)


def describe(target: Any) -> dict[str, Any]:
    """Return where a function or class of the user's comes from: a place only if this very object is there."""
    name = getattr(target, "__qualname__", type(target).__qualname__)
    module = getattr(target, "__module__", None) or ""
    unnamed = {"kind": "user", "shown": f"{module}:{name}"}
    loaded = sys.modules.get(module)
    if loaded is None or _attribute(loaded, name) is not target:
        return unnamed
    if module != "__main__":
        return unnamed | {"module": module, "name": name} | _contents(_module_file(module))
    path = Path(getattr(loaded, "__file__", None) or "").resolve()
    return _in_file(path, name) if path.is_file() and path.suffix == ".py" else unnamed


def has_changed(source: Mapping[str, Any]) -> bool:
    """Tell whether the file of an objective, or of its module, is another than when the study was made."""
    if "sha256" not in source:
        return False
    path = Path(source["path"]) if "path" in source else _module_file(str(source["module"]))
    return path is not None and path.is_file() and sha256_of(path) != source["sha256"]


def _from_file(path: Path, name: str, metric: str, sha256: str | None = None) -> Objective:
    wanted = path.resolve()
    found = located(wanted, sha256)
    if found is None and sha256 is not None:
        raise ObjectiveError(
            f"there is no file {wanted}: the objective {name!r} was to come from it, and {search_told(wanted)}; "
            f"bring it back, or name its folder in {FOLDERS}"
        )
    if found is None:
        raise ObjectiveError(
            f"there is no file {wanted}: the objective {name!r} was to come from it; bring it back or name another"
        )
    path = found.resolve()
    return UserObjective(_named(_load(path), name, path.name), _in_file(path, name), metric)


def _in_file(path: Path, name: str) -> dict[str, Any]:
    where = {"kind": "user", "path": str(path), "name": name, "shown": f"{path.name}:{name}"}
    return where | _contents(path)


def _contents(path: Path | None) -> dict[str, str]:
    """Return what tells whether a file has changed; nothing of no file."""
    return {} if path is None or not path.is_file() else {"sha256": sha256_of(path)}


def _module_file(name: str) -> Path | None:
    """Return the file of a module, without importing it; None where it has none, or cannot be found."""
    try:
        spec = sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)
    except (Exception, SystemExit):  # noqa: BLE001 - finding it imports the packages that it is in
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


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
