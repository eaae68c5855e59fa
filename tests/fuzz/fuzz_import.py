"""Fuzz what comes from outside, guided by coverage: `python tests/fuzz/fuzz_import.py TARGET [SECONDS]`.

Needs atheris: pip install atheris. Targets are those of `targets.py`; the corpus beside it is where each begins,
and is not written to. What breaks a target is left in a file crash-… in the current folder.
"""

import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

with atheris.instrument_imports(include=["hpo", "storage", "strategies", "targets", "tomllib", "csv", "zipfile"]):
    from targets import CORPUS, TARGETS


def main() -> None:
    """Fuzz the target named on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {{{','.join(TARGETS)}}} [SECONDS]")
    seconds = sys.argv[2] if len(sys.argv) > 2 else "60"
    with tempfile.TemporaryDirectory(prefix="hpo-corpus-") as found:
        options = [f"-max_total_time={seconds}", "-seed=1", "-max_len=20000", "-rss_limit_mb=2000", "-timeout=20"]
        atheris.Setup([sys.argv[0], found, str(CORPUS / name), *options], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
