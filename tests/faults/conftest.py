"""A search for tests to trouble, and what it finds when nothing does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Said, command_here
from trouble import Command, Search, found

SIZE = {"trials": 27, "jobs": 3, "confirm": False}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    """Some 80 epochs by three workers."""
    return Search(tmp_path, **SIZE)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple]]:
    """What that search finds undisturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{folder / 'hpo.db'}"
    with Command(*Search(folder, **SIZE).run(url), cwd=folder) as command:
        assert command.end().code == 0, command.said()
    return found(url)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run `hpo` in this process, in the search's folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command_here(capsys, *arguments)
