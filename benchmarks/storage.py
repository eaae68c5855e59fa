"""What a store can take, ours and Optuna's on the same databases in one run. Quote the ratios: machines are noisy.

    python benchmarks/storage.py                             all parts
    python benchmarks/storage.py --parts throughput          trials a second, an instant objective, many processes
    python benchmarks/storage.py --parts history             100,000 trials x 20 epochs: every question and answer
    python benchmarks/storage.py --parts million             1,000,000 trials, 10,000,000 measurements: query plans
    python benchmarks/storage.py --parts size                bytes a trial and a measurement

SQLite in a temporary folder (`--folder`); PostgreSQL in a server of its own, started for the run, with the settings it
is installed with. Everything is committed, and survives a crash of the machine.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # this folder has a storage.py, and that is this file
sys.path.append(str(ROOT / "tests" / "storage"))  # the server is started as the tests start it


def main() -> None:
    """Run the chosen parts."""
    from benchmarks.storing import history, million, size, throughput

    parts = {"throughput": throughput, "history": history, "million": million, "size": size}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: a temporary folder)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to see that it works")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hpo-bench-", dir=chosen.folder) as folder:
        for part in chosen.parts:
            parts[part].run(Path(folder), chosen.databases, scale=0.1 if chosen.quick else 1.0)


if __name__ == "__main__":
    main()
