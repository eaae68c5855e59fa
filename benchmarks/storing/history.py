"""A long history: what each exchange costs beside a short one, and what people and programs wait for."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.storing.filling import fill_optuna, fill_ours
from benchmarks.storing.places import for_optuna, place

TRIALS, EPOCHS, SHORT = 100_000, 20, 100
STRATEGIES = ("random", "asha", "pasha", "tpe")
_ROUNDS = 200


def run(folder: Path, databases: list[str], scale: float) -> None:
    """Print seconds, and ratios to a short history and to Optuna."""
    count = int(TRIALS * scale)
    for kind in databases:
        with place(kind, folder) as new_url:
            print(f"{kind}: {count:,} trials of {EPOCHS} epochs", flush=True)
            for strategy in STRATEGIES:
                long, short = new_url(), new_url()
                fill_ours(long, "bench", count, EPOCHS, strategy)
                fill_ours(short, "bench", SHORT, EPOCHS, strategy)
                _exchanges(strategy, short, long)
                if strategy == "random":
                    _commands(long)
                    theirs = new_url()
                    fill_optuna(theirs, "bench", count, EPOCHS)
                    _frames(long, theirs)


def _exchanges(strategy: str, short: str, long: str) -> None:
    """Compare what one claim and report costs a worker, in turn; and its memory, and its start, on the long one."""
    program = [sys.executable, "-m", "benchmarks.storing.exchanges"]
    crew = [
        subprocess.Popen(
            [*program, url, str(_ROUNDS)], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for url in (short, long)
    ]
    starts = [_answer(process) for process in crew]
    turns = [[_answer(process, "go") for process in crew] for _ in range(5)]  # side by side: the machine is noisy
    memory = [_answer(process, "memory") for process in crew]
    for process in crew:
        process.communicate("end\n")
    a, b = (sorted(turn[side] for turn in turns)[2] for side in (0, 1))
    print(
        f"  {strategy:6} claim + report {b * 1000:.2f} ms, {b / a:.2f}x of {a * 1000:.2f} ms at {SHORT} trials; "
        f"a worker begins after {starts[1]:.2f} s and takes {memory[1]:.0f} MB",
        flush=True,
    )


def _answer(process: subprocess.Popen[str], question: str | None = None) -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    if question is not None:
        process.stdin.write(question + "\n")
        process.stdin.flush()
    return float(process.stdout.readline())


def _commands(url: str) -> None:
    """Time what people type, each a process of its own: the median of five."""
    base = _median(lambda: _hpo("--version"))
    for words in (
        ("show", "bench"),
        ("best", "bench"),
        ("list",),
        ("trials", "bench", "--best-first", "--limit", "10"),
    ):
        took = _median(lambda words=words: _hpo(*words, "--storage", url))
        print(f"  hpo {' '.join(words):24} {took:.2f} s, of which starting a process {base:.2f} s", flush=True)


def _hpo(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "hpo", *words], cwd=_ROOT, check=True, capture_output=True)


def _frames(ours: str, theirs: str) -> None:
    """Time the table of all trials in Python."""
    import optuna

    import hpo

    study = hpo.load_study("bench", storage=ours)
    study.trials_dataframe()  # pandas is loaded
    mine = _timed(study.trials_dataframe)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    other = optuna.load_study(study_name="bench", storage=for_optuna(theirs))
    yours = _timed(other.trials_dataframe)
    print(f"  trials_dataframe() {mine:.2f} s, Optuna's {yours:.2f} s: {yours / mine:.0f}x", flush=True)


def _median(action: Callable[[], object]) -> float:
    return sorted(_timed(action) for _ in range(5))[2]


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


_ROOT = Path(__file__).resolve().parents[2]
