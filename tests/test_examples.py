"""The examples run as a reader runs them, and show what they promise."""

import re
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.image import imread

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", line)]


def row(printed: str, label: str) -> list[float]:
    """Return the numbers of the one line that is a label and numbers."""
    (line,) = re.findall(rf"^ *{label}((?: +[\d.()]+)+)$", printed, re.MULTILINE)
    return numbers(line)


def keeps_promise_of_xor(printed: str) -> None:
    """All truth tables are right, the rule finds AND and OR only, and of the starts the more succeed the more units."""
    truth = [numbers(line) for line in printed.splitlines() if re.fullmatch("( +[01]){5}", line)]
    assert truth == [[a, b, a & b, a | b, a ^ b] for a in (0, 1) for b in (0, 1)]

    verdicts = dict(re.findall(r"^  (AND|OR|XOR) +(.*(?:\n {7}.*)*)", printed, re.MULTILINE))
    assert "linearly separable" in verdicts["AND"]
    assert "linearly separable" in verdicts["OR"]
    assert "never will" in verdicts["XOR"]

    assert row(printed, "hidden units") == [2, 3, 4, 8]
    for activation in ("tanh", "relu"):
        counts = row(printed, activation)
        assert 0 < counts[0] < 21, "two units find it from some starts, and from some they do not"
        assert counts[0] + 5 < counts[-1] <= 27
        assert counts[-1] > 22
        assert all(wider >= narrower - 2 for narrower, wider in pairwise(counts))


def keeps_promise_of_approximation(printed: str) -> None:
    """The error falls with the width, to a fraction; no start is better than the best."""
    table = [numbers(line) for line in printed.splitlines() if re.fullmatch(r"( +\d+){2}( +\d\.\d+){2}", line)]
    units, parameters, best, median = zip(*table, strict=True)
    assert units == (1, 2, 4, 8, 16, 64)
    assert parameters == tuple(3 * width + 1 for width in units)
    assert all(wider < 1.1 * narrower for narrower, wider in pairwise(best))
    assert best[-1] < best[0] / 50
    assert all(middle > 0.95 * least for least, middle in zip(best, median, strict=True))


def keeps_promise_of_overfitting(printed: str) -> None:
    """What has no cure learns its sample by heart, and ends far above its best; every cure ends clearly below it."""
    epochs, training, best, best_epoch, final, accuracy = row(printed, "nothing")
    assert training < 0.05
    assert final > 1.5 * best
    for cure in ("early stopping", "dropout", "L2"):
        *_, cured, cured_accuracy = row(printed, cure)
        assert cured < 0.6 * final, cure
        assert cured_accuracy > accuracy, cure
    stopped = row(printed, "early stopping")
    assert stopped[0] < epochs / 2
    assert stopped[2:4] == [best, best_epoch], "the stopped network is the other one, as far as it goes"


PROMISES = {
    "approximation": keeps_promise_of_approximation,
    "overfitting": keeps_promise_of_overfitting,
    "xor": keeps_promise_of_xor,
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_shows_what_it_promises(script: Path, tmp_path: Path) -> None:
    """An example ends well, prints what it promises, and writes its picture and nothing else."""
    command = [sys.executable, script, "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    PROMISES[script.stem](done.stdout)
    (picture,) = tmp_path.iterdir()
    assert picture.name == f"{script.stem}.png"
    assert imread(picture).std() > 0.05, "it is blank"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_without_matplotlib_it_says_what_to_install(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where matplotlib is missing, an example ends at once and names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match=re.escape('pip install "hpo[examples]"')):
        runpy.run_path(str(script))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_folder_that_is_not_there_is_named(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the picture cannot be written, an example says so before it trains anything."""
    monkeypatch.setattr(sys, "argv", [str(script), "--out", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(script), run_name="__main__")
    output, error = capsys.readouterr()
    assert output == ""
    assert str(tmp_path / "nowhere") in error
    assert "No such file or directory" in error
