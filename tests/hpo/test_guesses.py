"""First guesses: tried before all else, each once, and nothing of the search is lost for them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, command_here, environment
from evidence import PATIENCE
from searches import SPACE, Trainer, searched

import hpo
from hpo.cli.run_settings import parse_guess, read_study_file
from hpo.settings import completed_guess

MIXED = hpo.Space(
    rate=hpo.Float(1e-4, 1, log=True),
    layers=hpo.Int(1, 4),
    optimizer=hpo.Choice("sgd", "adam"),
    momentum=hpo.Float(0, 1, when={"optimizer": "sgd"}),
    nesterov=hpo.Choice(True, False, when={"optimizer": "sgd", "layers": [2, 3]}),  # noqa: FBT003 - the values chosen from
)
GUESSES = [
    {"rate": 0.01, "layers": 2, "optimizer": "adam"},
    {"layers": 4},
    {"optimizer": "sgd", "momentum": 0.5},
]


def value(params: Mapping[str, Any]) -> float:
    return params["rate"]


def guessed(guesses: Any = GUESSES, n_trials: int | None = 8, **settings: Any) -> hpo.Study:
    """A search of the mixed space with these guesses."""
    return searched(value, n_trials, **{"space": MIXED, "guesses": guesses, "strategy": "random"} | settings)


def by_user(study: hpo.Study) -> list[int]:
    """The numbers of the trials whose reason says that they were guesses, from the log of decisions."""
    from storage.questions.queries import list_decisions

    return [
        trial.number
        for trial in study.trials
        if list_decisions(study.database, study.record, trial.number)[0].reason.get("search") == {"by": "user"}
    ]


@pytest.mark.parametrize("strategy", ["random", "halving", "tpe", "sobol+asha"])
def test_guesses_are_tried_first_in_their_order(strategy: str) -> None:
    """The first trials are the guesses: what each gives is as given, what it leaves open is drawn; the log says that they were the user's."""
    settings = {"space": MIXED, "strategy": strategy, "guesses": GUESSES, "max_epochs": 9}

    class Trained(Trainer):
        def __init__(self, params: Mapping[str, Any], seed: int) -> None:
            super().__init__({"x": params["rate"]}, seed)

    study = searched(Trained, 9, **settings)
    for guess, trial in zip(GUESSES, study.trials, strict=False):
        assert guess.items() <= trial.params.items()
        assert trial.params in MIXED
    assert by_user(study) == [0, 1, 2]
    assert len({str(trial.params) for trial in study.trials}) == len(study.trials) == 9


def test_what_a_guess_leaves_open_follows_from_the_seed() -> None:
    """The same seed draws the same, another seed something else."""
    first, again, other = (guessed(seed=seed).trials[1].params for seed in (1, 1, 2))
    assert first == again != other
    assert first["layers"] == other["layers"] == 4


def test_a_guess_brings_its_conditions_along() -> None:
    """A guess for a parameter that is only there under a condition draws its parents so that the condition holds, at any seed."""
    for seed in range(100):
        for guess in ({"nesterov": True}, {"momentum": 0.25}):
            point = completed_guess(MIXED, guess, seed, 0)
            assert guess.items() <= point.items()
            assert point in MIXED
    drawn = [completed_guess(MIXED, {"nesterov": True}, seed, 0)["layers"] for seed in range(100)]
    assert set(drawn) == {2, 3}


def test_a_guess_is_tried_once() -> None:
    """The same point twice among the guesses, or enqueued after it was tried, is passed over."""
    twice = guessed([GUESSES[0], GUESSES[0], {"rate": 0.5, "layers": 1, "optimizer": "adam"}], 6)
    assert by_user(twice) == [0, 1]
    assert twice.trials[1].params["rate"] == 0.5
    twice.enqueue(GUESSES[0])
    twice.optimize(8)
    assert by_user(twice) == [0, 1]
    assert [trial.params for trial in twice.trials].count(GUESSES[0]) == 1


def test_with_a_grid_nothing_is_lost() -> None:
    """Guesses on a grid's points are tried first and not again, those between its points besides: each point exactly once."""
    space = hpo.Space(n=hpo.Int(1, 4), k=hpo.Choice("a", "b"))
    study = searched(
        lambda params: params["n"], None, space=space, strategy="grid", guesses=[{"n": 3, "k": "b"}, {"n": 1, "k": "a"}]
    )
    points = [(trial.params["n"], trial.params["k"]) for trial in study.trials]
    assert points[:2] == [(3, "b"), (1, "a")]
    assert sorted(points) == [(n, k) for n in range(1, 5) for k in "ab"]
    assert study.is_complete
    coarse = hpo.Space(x=hpo.Float(0, 1, points=3))
    study = searched(lambda params: params["x"], None, space=coarse, strategy="grid", guesses=[{"x": 0.3}, {"x": 0.5}])
    assert [trial.params["x"] for trial in study.trials] == [0.3, 0.5, 0.0, 1.0]


def test_guesses_count_among_the_trials() -> None:
    """With a target of two trials only two guesses are tried; raised, the third comes before any other."""
    study = guessed(n_trials=2)
    assert by_user(study) == [0, 1]
    study.optimize(4)
    assert by_user(study) == [0, 1, 2]


def test_the_rest_of_a_random_search_stays_what_it_is() -> None:
    """Trials after the guesses are those that the search without guesses has under their numbers."""
    plain, with_guesses = guessed((), 8), guessed(n_trials=8)
    assert [trial.params for trial in with_guesses.trials[3:]] == [trial.params for trial in plain.trials[3:]]


def test_guesses_may_come_in_the_middle_of_a_search() -> None:
    """Enqueued after some trials, a guess is the next; a complete study goes on with it when there is room."""
    study = searched(lambda params: params["x"], 3)
    study.enqueue({"x": 0.125})
    assert len(study.optimize().trials) == 3
    study.optimize(5)
    assert study.trials[3].params == {"x": 0.125}
    assert by_user(study) == [3]
    again = hpo.create_study(
        "grid", space=hpo.Space(n=hpo.Int(1, 3)), objective=_n, strategy="grid", storage=None
    ).optimize()
    again.enqueue({"n": 2})
    assert len(again.optimize().trials) == 3


def _n(params: Mapping[str, Any]) -> float:
    return params["n"]


@pytest.mark.parametrize("what", ["a guess", "a budget"])
def test_a_worker_hears_of_what_comes_while_it_works(tmp_path: Path, what: str) -> None:
    """A guess enqueued by another process, or a budget set there, holds from the running worker's next decision on."""
    path = tmp_path / "hpo.db"

    def objective(params: Mapping[str, float]) -> float:
        done.append(params["x"])
        if len(done) == 3:
            other = hpo.load_study("s", storage=path)
            if what == "a guess":
                other.enqueue({"x": 0.125})
            else:
                other.resume(budget=6)
        return params["x"]

    done: list[float] = []
    study = hpo.create_study(
        "s", space=SPACE, objective=objective, strategy="random", seed=0, storage=path, n_trials=2000
    )
    study.optimize()
    if what == "a guess":
        assert done.index(0.125) < 1000  # what it had claimed before comes first
    else:
        assert len(done) < 1000


def test_ask_hands_out_guesses_first() -> None:
    """Also by hand: the first that is asked for are the guesses."""
    study = hpo.create_study(space=MIXED, guesses=GUESSES, seed=0, storage=None)
    for guess in GUESSES:
        trial = study.ask()
        assert guess.items() <= trial.params.items()
        study.tell(trial, 1.0)


@pytest.mark.parametrize(
    ("guess", "error", "says"),
    [
        ({"rat": 0.1}, hpo.SpaceError, "unknown parameter 'rat'. Did you mean 'rate'?"),
        ({"rate": 2}, hpo.SpaceError, "the guess for 'rate': 2.0 is not between"),
        ({"layers": 1.5}, hpo.SpaceError, "the guess for 'layers'"),
        ({"optimizer": "adm"}, hpo.SpaceError, "the guess for 'optimizer'"),
        (
            {"optimizer": "adam", "momentum": 0.5},
            hpo.SpaceError,
            "gives 'momentum', which is not active with its other",
        ),
        ({"layers": 1, "nesterov": True}, hpo.SpaceError, "gives 'nesterov', which is not active"),
        ("rate=0.1", hpo.SettingError, "a guess is a dict"),
    ],
)
def test_guesses_that_cannot_be(guess: Any, error: type[Exception], says: str) -> None:
    """What is wrong is named, before anything is written; so is it for what is enqueued."""
    with pytest.raises(error) as raised:
        hpo.create_study(space=MIXED, objective=value, guesses=[guess], storage=None)
    assert says in str(raised.value)
    study = hpo.create_study(space=MIXED, objective=value, storage=None)
    with pytest.raises(error) as raised:
        study.enqueue(guess)
    assert says in str(raised.value)
    assert study.spec.targets.queue == ()


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("rate=0.01,optimizer=adam", {"rate": 0.01, "optimizer": "adam"}),
        (" layers = 3 , nesterov=true", {"layers": 3, "nesterov": True}),
        ('optimizer="adam",', {"optimizer": "adam"}),
        ("rate=1e-3", {"rate": 1e-3}),
        ("kind=a b", {"kind": "a b"}),
        ("kind=", {"kind": ""}),
    ],
)
def test_a_guess_is_read_as_toml_or_as_text(text: str, values: dict[str, Any]) -> None:
    """Numbers, truth and quoted text are TOML's; anything else is text."""
    found = parse_guess(text)
    assert found == values
    assert [type(each) for each in found.values()] == [type(each) for each in values.values()]


FILES = {
    "train.py": "def objective(params):\n    return params['x']\n",
    "space.toml": '[space]\nx = {type = "float", low = 0, high = 1}\nk = {type = "choice", values = ["a", "b"]}\n',
    "study.toml": 'objective = "train.py:objective"\ntrials = 4\nseed = 1\nstrategy = "random"\n'
    '[[guesses]]\nx = 0.25\n[[guesses]]\nx = 0.5\nk = "b"\n'
    '[space]\nx = {type = "float", low = 0, high = 1}\nk = {type = "choice", values = ["a", "b"]}\n',
    "wrong.toml": 'data = "iris"\nguesses = ["x=1"]\n',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files above, as the current one."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    return tmp_path


def tried(name: str, count: int) -> list[dict[str, Any]]:
    return [dict(trial.params) for trial in hpo.load_study(name).trials[:count]]


def test_guesses_on_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--guess`, as often as wanted, and `[[guesses]]` in a study file come first; on the command line they replace the file's."""
    quick = ("--jobs", 1, "--backend", "threading")
    run = ("run", "train.py:objective", "--space", "space.toml", "--trials", 4, "--strategy", "random")
    assert command_here(capsys, *run, "--guess", "x=0.125,k=a", "--guess", "k=b", *quick).code == 0
    first, second = tried("train", 2)
    assert (first, second["k"]) == ({"x": 0.125, "k": "a"}, "b")
    assert command_here(capsys, "run", "study.toml", "--name", "file", *quick).code == 0
    first, second = tried("file", 2)
    assert (first["x"], second) == (0.25, {"x": 0.5, "k": "b"})
    assert command_here(capsys, "run", "study.toml", "--name", "both", "--guess", "x=1", *quick).code == 0
    assert [point["x"] == known for point, known in zip(tried("both", 2), (1.0, 0.25), strict=True)] == [True, False]
    assert read_study_file(folder / "study.toml").guesses == ({"x": 0.25}, {"x": 0.5, "k": "b"})


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        (("--guess", "x"), ["--guess 'x'", "NAME=VALUE"]),
        (("--guess", "y=1"), ["unknown parameter 'y'"]),
        (("--guess", "x=2"), ["'x'", "not between"]),
        (("--guess", ""), ["--guess ''", "NAME=VALUE"]),
        (("--tolerance", 0), ["tolerance=0", "above 0"]),
        (("--tolerance", "nan"), ["tolerance=nan", "above 0"]),
    ],
)
def test_wrong_guesses_on_the_command_line(
    folder: Path, capsys: pytest.CaptureFixture[str], line: Any, fragments: list[str]
) -> None:
    """What is wrong is told in one line, and nothing is written."""
    run = ("run", "train.py:objective", "--space", "space.toml", "--strategy", "random")
    said = command_here(capsys, *run, *line)
    assert (said.code, said.out) == (2, "")
    for fragment in fragments:
        assert fragment in said.err
    assert len(said.err.splitlines()) == 1
    assert not (folder / "hpo.db").exists()


def test_wrong_guesses_in_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guesses in a study file are tables."""
    said = command_here(capsys, "run", "wrong.toml")
    assert said.code == 2
    assert "wrong.toml: guesses = ['x=1'] should be a list of tables" in said.err


def test_guesses_of_two_processes_at_once(any_url: str) -> None:
    """Each counts, in its own process's order, on both databases."""
    hpo.create_study("s", space=hpo.Space(x=hpo.Float(0, 100)), storage=any_url, n_trials=1).database.close()
    program = (
        "import hpo, sys; study, first = hpo.load_study('s', storage=sys.argv[1]), int(sys.argv[2])\n"
        "for x in range(first, first + 25): study.enqueue({'x': float(x)})"
    )
    line = [sys.executable, "-c", program, any_url]
    both = [subprocess.Popen([*line, str(first)], cwd=ROOT, env=environment()) for first in (0, 50)]
    assert [process.wait(timeout=PATIENCE) for process in both] == [0, 0]
    queue = [guess["x"] for guess in hpo.load_study("s", storage=any_url).spec.targets.queue]
    assert [x for x in queue if x < 50] == list(range(25))
    assert [x for x in queue if x >= 50] == list(range(50, 75))
