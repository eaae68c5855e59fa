"""What orchestration costs: everything but the objective, which returns at once. Side by side with Optuna on SQLite.

    python benchmarks/overhead.py

Prints milliseconds a trial for one worker, at the start and at the end of a study, and trials a second for one and for
many processes on one file, ours and Optuna's in turn; everything committed, both with their random search. Quote the
ratios: machines are noisy.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hpo
from hpo.sources import load_objective

OURS = """
import sys, time
from pathlib import Path
from hpo.sources import load_objective
from hpo.worker import WorkerLoop
from storage.database import Database
from storage.studies import load_study

url, script, folder, name = sys.argv[1:]
database = Database(url)
loop = WorkerLoop(database, load_study(database, "bench"), load_objective(script))
Path(folder, name + ".ready").touch()
while not Path(folder, "go").exists():
    time.sleep(0.002)
loop.run()
print(time.time())
"""
OPTUNA = """
import sys, time
from pathlib import Path
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
url, trials, folder, name = sys.argv[1:]
study = optuna.load_study(study_name="bench", storage=url, sampler=optuna.samplers.RandomSampler())
Path(folder, name + ".ready").touch()
while not Path(folder, "go").exists():
    time.sleep(0.002)
try:
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=int(trials))
finally:
    print(time.time())
"""


def objective(params: hpo.Params) -> float:
    return float(params["x"])


def one_worker(trials: int, folder: Path) -> list[float]:
    """Return our milliseconds a trial in four equal parts of a study."""
    study = hpo.create_study(
        "alone", space=hpo.Space(x=hpo.Float(0, 1)), objective=objective, seed=0, storage=folder / "alone.db"
    )
    study.optimize(50)  # imports and first statements, on neither's bill
    costs = []
    for part in range(1, 5):
        began = time.perf_counter()
        study.optimize(50 + part * trials // 4)
        costs.append((time.perf_counter() - began) / (trials // 4) * 1e3)
    return costs


def one_optuna_worker(trials: int, folder: Path) -> list[float]:
    """Return Optuna's milliseconds a trial in four equal parts of a study."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{folder / 'optuna.db'}"
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=50)
    costs = []
    for _ in range(4):
        began = time.perf_counter()
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=trials // 4)
        costs.append((time.perf_counter() - began) / (trials // 4) * 1e3)
    return costs


def together(program: str, count: int, trials: int, folder: Path, pause: float) -> tuple[float, int]:
    """Return trials a second of `count` processes on one file, and how many of them ended with an error."""
    folder.mkdir()
    url = f"sqlite:///{folder / 'bench.db'}"
    if program is OURS:
        script = folder / "quick.py"
        script.write_text(f"import time\ndef objective(params):\n    time.sleep({pause})\n    return params['x']\n")
        subject = f"{script}:objective"
        hpo.create_study(
            "bench", space=hpo.Space(x=hpo.Float(0, 1)), objective=load_objective(subject), n_trials=trials, storage=url
        )
    else:
        import optuna

        optuna.create_study(study_name="bench", storage=url)
        subject = str(trials // count)
        program = program.replace("lambda t: t", f"lambda t: time.sleep({pause}) or t")
    crew = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, subject, str(folder), str(i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for i in range(count)
    ]
    while len(list(folder.glob("*.ready"))) < count:
        time.sleep(0.01)
    began = time.time()
    (folder / "go").touch()
    ended = [float(process.communicate()[0].strip() or time.time()) for process in crew]
    return trials / (max(ended) - began), sum(process.returncode != 0 for process in crew)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--peer-trials", type=int, default=200)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4, 16])
    arguments = parser.parse_args()
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, peer = one_worker(arguments.trials, folder), one_optuna_worker(arguments.peer_trials, folder)
        print(
            f"one worker, {arguments.trials} trials (Optuna: {arguments.peer_trials}), milliseconds a trial by quarter"
        )
        print("  hpo    ", "  ".join(f"{cost:7.3f}" for cost in ours), f"   last/first {ours[-1] / ours[0]:.2f}")
        print("  Optuna ", "  ".join(f"{cost:7.3f}" for cost in peer), f"   last/first {peer[-1] / peer[0]:.2f}")
        print(f"  Optuna / hpo: {sum(peer) / sum(ours):.0f}×")
        result["one worker"] = {"hpo": ours, "optuna": peer}
        for pause in (0.0, 0.002):
            print(f"many processes on one file, an objective of {pause * 1e3:.0f} ms: trials a second")
            for count in arguments.processes:
                place = f"{count}-{pause}"
                mine, faults = together(OURS, count, arguments.trials * 2, folder / f"hpo-{place}", pause)
                theirs, wrong = together(OPTUNA, count, arguments.peer_trials, folder / f"optuna-{place}", pause)
                print(
                    f"  {count:3} processes: hpo {mine:7.0f} ({faults} errors), Optuna {theirs:6.0f} ({wrong} errors), "
                    f"ratio {mine / theirs:.0f}×"
                )
                result[place] = {"hpo": mine, "optuna": theirs}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
