"""A few seconds of fuzzing what comes from outside: only errors for people come of it, whatever it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from targets import CORPUS, TARGETS, study_rows

HERE = Path(__file__).parent
SECONDS = 2


def test_every_target_begins_with_honest_input():
    """The corpus has input for each target, and all of it passes."""
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    for name, target in TARGETS.items():
        for path in (CORPUS / name).iterdir():
            target(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_what_reads_it(name, tmp_path):
    """Guided by coverage, some thousand inputs raise nothing but errors for people, take little memory, and end."""
    if not os.environ.get("CI"):
        pytest.importorskip("atheris", reason="atheris is not installed: pip install atheris (Linux only)")
    done = subprocess.run(
        [sys.executable, HERE / "fuzz_import.py", name, str(SECONDS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert not list(tmp_path.iterdir())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=300))
@example("space_toml", b"[space]\nx = " + b"[" * 5000)
@example("space_toml", b"[space]\nx = " + b"9" * 5000)
@example("space_toml", b"[space]\nx = {type = 'int', low = -inf, high = nan}")
@example("space_toml", b"space = 1979-05-27")
@example("checkpoint", (2**63).to_bytes(8, "little"))
@example("results_csv", b"x,value\n\0,1\n")
@example("names", b"\xff\n\0\nvalue\nVALUE")
def test_bytes_break_nothing(name, data):
    """Bytes of no meaning, and some that have broken readers before, raise nothing but errors for people."""
    TARGETS[name](data)


HONEST = (CORPUS / "study_rows" / "study").read_bytes()
JUNK = st.sampled_from(
    [b"null", b"-1", b"1e999", b"NaN", b"9" * 30, b"[]", b"{}", b'"\\u0000"', b"true", b"0.5", b'"' + b"x" * 600 + b'"']
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_in_any_place_breaks_nothing(data):
    """An honest study with any of its values replaced by another is read, or refused for people to see."""
    places = [at for at in range(len(HONEST)) if HONEST[at : at + 1] == b":"]
    at = data.draw(st.sampled_from(places)) + 1
    end = min(found for mark in b",}" if (found := HONEST.find(bytes([mark]), at)) > 0)
    study_rows(HONEST[:at] + data.draw(JUNK) + HONEST[end:])
