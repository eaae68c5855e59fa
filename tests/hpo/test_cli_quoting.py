"""Commands that hpo suggests can be typed as they stand, whatever studies and hyperparameters are called."""

import shlex
import subprocess
import sys

import pytest
from command_line import Said, command, environment
from evidence import PATIENCE

OBJECTIVE = """
def objective(params):
    return sum(value for value in params.values() if not isinstance(value, str))
"""
SPACE = """
[space]
order = {type = "float", low = 0, high = 1}
"a\\"b 50%; c" = {type = "float", low = 0, high = 1}
value = {type = "float", low = 0, high = 1}
"""
NAMES = ["it's; exit 7", '"two" $HOME `exit 8` %s é\\\\', "--storage"]


@pytest.fixture
def folder(tmp_path):
    """A folder with an objective whose hyperparameters' names take quotes in SQL."""
    (tmp_path / "train.py").write_text(OBJECTIVE)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def typed(line, folder, **more):
    """Type a line into a shell in which `hpo` is this program."""
    shell = f'hpo() {{ {shlex.quote(sys.executable)} -m hpo "$@"; }}\n{line}\n'
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_next_can_be_typed(folder, any_url, name):
    """Each line under "next" at the end of a search does what it says, on both databases, for the study of that name."""
    quick = ("--trials", 3, "--jobs", 1, "--backend", "threading", "--strategy", "random")
    run = command(
        "run", "train.py:objective", "--space", "space.toml", f"--name={name}", *quick, "--storage", any_url, cwd=folder
    )
    assert run.code == 0, run.err
    lines = run.out.partition("next\n")[2].splitlines()
    assert [shlex.split(line)[1] for line in lines] == ["show", "best", "sql"]
    for line in lines:
        said = typed(line, folder)
        assert (said.code, said.err) == (0, ""), line
        assert said.out
    again = command(
        "run", "train.py:objective", "--space", "space.toml", f"--name={name}", *quick, "--storage", any_url, cwd=folder
    )
    assert f"`hpo resume {shlex.quote(name)}`" in again.err
