"""An estimator's file: the same estimator in another process, whole or refused, and nothing in it is executed."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass, fields, is_dataclass
from math import inf, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from networks import ALL_SCHEDULES, TRAINABLE, each
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import hpo
from network import OPTIMIZERS, ArchiveError, Convolution, NetworkError, load_estimator
from network.architecture import DTYPES, NORMALIZATIONS
from network.archive import read_archive, write_archive
from network.estimators import ESTIMATORS, MLPClassifier, MLPRegressor, Perceptron
from network.saving import VERSION
from network.schedules import Timetable

X = np.random.default_rng(1).normal(size=(40, 4))
NUMBERS = (X @ [1, 2, -1, 0.5] > 0).astype(int) + (X[:, 0] > 0.3)

LABELS = {
    "int": NUMBERS,
    "two ints": np.where(NUMBERS > 0, 3, 5),
    "int8": NUMBERS.astype(np.int8),
    "big-endian": NUMBERS.astype(">i4"),
    "bool": NUMBERS > 0,
    "float": NUMBERS / 1.0 - 1,
    "float32": NUMBERS.astype(np.float32),
    "str": np.array(["größer", "ja", "nein"])[NUMBERS],
    "str objects": pd.Series(["größer", "ja", "nein"]).take(NUMBERS),
    "days": np.array(["2001-02-03", "2024-02-29", "1900-01-01"], "datetime64[D]")[NUMBERS],
    "several labels": np.eye(3, dtype=int)[NUMBERS],
}
VALUES = {
    "value": X[:, 0] * X[:, 1],
    "float32 value": X[:, 0].astype(np.float32),
    "several values": X[:, :2] * 1e6,
}
CASES = [
    pytest.param(kind, targets, id=f"{name}-{called}")
    for name, kind in ESTIMATORS.items()
    for called, targets in (VALUES if kind is MLPRegressor else LABELS).items()
]
EVERY_NETWORK = each(
    {
        "schedule": ALL_SCHEDULES,
        "optimizer": list(OPTIMIZERS),
        "activation": TRAINABLE,
        "normalization": NORMALIZATIONS,
        "dtype": DTYPES,
        "dropout": (0.0, 0.25),
        "standardize": (True, False),
        "early_stopping": (False, True),
        "n_starts": (1, 2),
        "hidden_layer_sizes": ((), 5, [4, 3], np.array([3])),
    }
)
DRAWN = {"convolutions": (Convolution(2, pool=2), {"filters": 2}), "image": [2, 2, 1]}
SETTINGS = [
    *((kind, settings) for kind in (MLPClassifier, MLPRegressor) for settings in (*EVERY_NETWORK, DRAWN)),
    (MLPClassifier, {"learning_rate": np.float32(0.03), "batch_size": np.int64(7), "verbose": np.False_}),
    (MLPClassifier, {"class_weight": {0: 2.0, 1: 0.5}, "label_smoothing": 0.1, "optimizer": np.str_("sgd")}),
    (MLPClassifier, {"class_weight": {np.int64(2): np.float64(3)}, "clip_norm": 1, "l1": 1e-300, "momentum": 1 / 3}),
    (MLPRegressor, {"loss": "huber", "huber_delta": 0.7, "random_state": 2**31 - 1, "patience": None}),
    (Perceptron, {"learning_rate": 0.1, "random_state": 3}),
]


def there_and_back(estimator, folder):
    estimator.save(folder / "a.estimator")
    return load_estimator(folder / "a.estimator")


def outputs(estimator, x=X):
    """Return all that an estimator says of x."""
    methods = ("predict", "decision_function", "predict_proba")
    return [getattr(estimator, method)(x) for method in methods if hasattr(estimator, method)]


def alike(one, other):
    """Tell whether two values are of the same types, and the same to the bit, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray) and one.dtype == object:
        return one.shape == other.shape and alike(one.tolist(), other.tolist())
    if isinstance(one, np.ndarray | np.generic):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, np.random.Generator):
        return one.bit_generator.state == other.bit_generator.state
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if is_dataclass(one):
        return all(alike(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))
    return one == other


def same(one, other):
    """Tell whether two estimators have the same settings, have learned the same, and say the same."""
    return alike(vars(one), vars(other)) and alike(outputs(one), outputs(other))


@pytest.fixture(scope="module", name="saved")
def saved_fixture(tmp_path_factory):
    path = tmp_path_factory.mktemp("estimators") / "saved.estimator"
    MLPClassifier(3, max_epochs=2, random_state=0).fit(X, LABELS["str"]).save(path)
    return path


# --- the same estimator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "targets"), CASES)
def test_a_loaded_estimator_is_the_saved_one(tmp_path, kind, targets):
    """Settings, labels with their type, and everything learned are there again, and it says the same, bit for bit."""
    fitted = kind(max_epochs=3, random_state=0).fit(X, targets)
    loaded = there_and_back(fitted, tmp_path)
    check_is_fitted(loaded)
    assert loaded.get_params() == fitted.get_params()
    assert same(loaded, fitted)
    assert loaded.score(X, targets) == fitted.score(X, targets)


@pytest.mark.parametrize(("kind", "targets"), CASES)
def test_a_loaded_estimator_goes_on_as_the_saved_one(tmp_path, kind, targets):
    """partial_fit does to it what it does to the original, epoch by epoch; after fit, and after partial_fit alone."""
    classes = {} if kind is MLPRegressor else {"classes": np.unique(targets) if targets.ndim == 1 else None}
    begun = kind(random_state=0).partial_fit(X[:30], targets[:30], **classes)
    for fitted in (kind(max_epochs=2, random_state=0).fit(X, targets), begun):
        loaded = there_and_back(fitted, tmp_path)
        for _ in range(2):
            assert same(loaded.partial_fit(X, targets), fitted.partial_fit(X, targets))
            loaded = there_and_back(loaded, tmp_path)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS)
def test_every_setting_survives(tmp_path, kind, settings):
    """Every schedule, optimizer, activation … is there again with its type, and what it remembers of the training."""
    y = VALUES["value"] if kind is MLPRegressor else NUMBERS
    fitted = kind(**{"max_epochs": 3, "random_state": 0, **settings}).fit(X, y)
    loaded = there_and_back(fitted, tmp_path)
    assert same(loaded, fitted)
    for estimator in (loaded, fitted):
        if kind is not Perceptron:
            estimator.set_params(early_stopping=False)
        estimator.partial_fit(X, y)
    assert same(loaded, fitted)


def test_loaded_estimators_are_the_same_in_another_process(tmp_path):
    """What is loaded elsewhere says the same to the bit, and learns the same next."""
    code = (
        "import numpy as np; from pathlib import Path; from network import load_estimator\n"
        "x, y = np.load('x.npy'), np.load('y.npy')\n"
        "for path in Path().glob('*.estimator'):\n"
        "    loaded = load_estimator(path)\n"
        "    before = loaded.predict(x)\n"
        "    np.savez(path.with_suffix('.npz'), before, loaded.partial_fit(x, y).predict(x), loaded.loss_curve_)"
    )
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", NUMBERS)
    estimators = {name: kind(max_epochs=3).fit(X, NUMBERS) for name, kind in ESTIMATORS.items()}
    for name, estimator in estimators.items():
        estimator.save(tmp_path / f"{name}.estimator")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    for name, estimator in estimators.items():
        before = estimator.predict(X)
        expected = [before, estimator.partial_fit(X, NUMBERS).predict(X), np.array(estimator.loss_curve_)]
        with np.load(tmp_path / f"{name}.npz") as found:
            assert alike(list(found.values()), expected)


@pytest.mark.filterwarnings("error")
def test_names_of_columns_are_kept(tmp_path):
    """Fitted on a table, a loaded estimator knows the names of its columns; loading it warns of nothing."""
    table = pd.DataFrame(X, columns=["a", "b c", "größe", "$array"])
    for kind in ESTIMATORS.values():
        loaded = there_and_back(kind(max_epochs=1).fit(table, NUMBERS), tmp_path)
        assert loaded.feature_names_in_.tolist() == list(table.columns)
        loaded.predict(table)
        with pytest.raises(ValueError, match="feature names"):
            loaded.predict(table.rename(columns={"a": "z"}))


def test_a_user_s_own_words_are_no_commands(tmp_path):
    """Classes and keys that look like the file's own words, or like paths, come back as they were."""
    words = ["$array", "../../evil", "learned.weights_.0.0", "", "type"]
    y = np.array(words)[np.arange(len(X)) % len(words)]
    for class_weight in (dict.fromkeys(words, 2.0), {"$array": "1"}, {"$Cosine": np.float64(2)}, {"type": 2.0}):
        fitted = MLPClassifier(max_epochs=1).fit(X, y).set_params(class_weight=class_weight)
        assert same(there_and_back(fitted, tmp_path), fitted)
    with zipfile.ZipFile(tmp_path / "a.estimator") as archive:
        assert not [name for name in archive.namelist() if ".." in name or "/" in name]


def test_numbers_that_json_has_not_survive(tmp_path):
    """Infinities of both signs and NaN are written in words of their own, wherever they stand."""
    fitted = MLPClassifier(max_epochs=1).fit(X, NUMBERS).set_params(clip_norm=-inf, class_weight={0: nan, 1: inf})
    loaded = there_and_back(fitted, tmp_path)
    assert str(loaded.get_params()) == str(fitted.get_params())


def test_requests_of_metadata_are_left_out(tmp_path):
    """What scikit-learn's pipelines are told to pass on does not keep an estimator from being saved."""
    with config_context(enable_metadata_routing=True):
        fitted = Perceptron(2).set_fit_request(sample_weight=True).fit(X, NUMBERS)
        loaded = there_and_back(fitted, tmp_path)
    assert alike(outputs(loaded), outputs(fitted))
    assert vars(fitted).keys() - vars(loaded).keys() == {"_metadata_request"}


def test_a_file_opens_in_numpy_and_in_any_zip_program(saved):
    """Arrays are plain NPY, the description strict JSON; nothing is a pickle."""
    with np.load(saved, allow_pickle=False) as arrays:
        assert arrays["learned.weights_.0.0"].shape == (4, 3)
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert {Path(name).suffix for name in archive.namelist()} == {".json", ".npy"}
        said = json.loads(archive.read("model.json"), parse_constant=pytest.fail)
    assert said["estimator"] == "MLPClassifier"
    assert said["settings"]["max_epochs"] == 2


LEARNED = {
    MLPClassifier: "_labels _scaling _seed _state architecture_ best_epoch_ classes_ loss_ loss_curve_ n_features_in_ "
    "n_iter_ n_outputs_ out_activation_ start_values_ validation_curve_ weights_",
    MLPRegressor: "_scaling _seed _state _target_scaling architecture_ best_epoch_ loss_ loss_curve_ n_features_in_ "
    "n_iter_ n_outputs_ out_activation_ start_values_ validation_curve_ weights_",
    Perceptron: "_labels _rng classes_ coef_ converged_ intercept_ loss_curve_ n_features_in_ n_iter_",
}


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_version_says_what_is_learned(tmp_path, kind):
    """Files of a version hold these names. Whoever lets estimators learn others has to raise VERSION, for old files."""
    kind(max_epochs=1).fit(X, NUMBERS).save(tmp_path / "a.estimator")
    said = json.loads(read_archive(tmp_path / "a.estimator")["model.json"])
    assert (VERSION, sorted(said["learned"])) == (1, LEARNED[kind].split())


def test_importing_is_light():
    """`load_estimator` and ArchiveError are there without scikit-learn."""
    code = "import sys, network; network.load_estimator, network.ArchiveError; sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


# --- what cannot be saved -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cosine(Timetable):
    """A schedule of a user's own, with a name of ours."""

    def factors(self, epochs):
        return np.full(epochs.shape, 0.5)


class Named(MLPClassifier):
    pass


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_what_is_not_fitted_cannot_be_saved(tmp_path, kind):
    """There is nothing to save: scikit-learn's own error says so, and no file appears."""
    with pytest.raises(NotFittedError, match="not fitted"):
        kind().save(tmp_path / "a.estimator")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"random_state": np.random.RandomState(0)}, r"settings\.random_state is RandomState"),
        ({"schedule": Cosine()}, r"settings\.schedule is Cosine\(\)"),
        ({"hidden_layer_sizes": range(3, 5)}, r"settings\.hidden_layer_sizes is range\(3, 5\)"),
        ({"class_weight": {1: 1j}}, r"settings\.class_weight\.0\.1 is 1j"),
    ],
)
def test_a_setting_that_no_file_holds_is_named(tmp_path, settings, said):
    """It is named with its value; the file that was there stays, and replacing the setting is enough."""
    path = tmp_path / "a.estimator"
    path.write_bytes(b"old")
    fitted = MLPClassifier(max_epochs=1).fit(X, NUMBERS).set_params(**settings)
    with pytest.raises(ArchiveError, match=rf"{said}.*, but a file holds only .*set_params"):
        fitted.save(path)
    assert [(other.name, other.read_bytes()) for other in tmp_path.iterdir()] == [("a.estimator", b"old")]
    fitted.set_params(**dict.fromkeys(settings)).save(path)
    assert alike(outputs(load_estimator(path)), outputs(fitted))


def test_a_subclass_cannot_be_saved(tmp_path):
    """It could not be found again when it is loaded, so this is said when it is saved."""
    with pytest.raises(ArchiveError, match=r"Named cannot be saved: only MLPClassifier, MLPRegressor, Perceptron"):
        Named(max_epochs=1).fit(X, NUMBERS).save(tmp_path / "a.estimator")


def test_a_place_that_takes_no_file_is_told(tmp_path, monkeypatch):
    """A missing folder, a folder, a file in the place of a folder, no name and an impossible one; nothing is left."""
    monkeypatch.chdir(tmp_path)
    fitted = Perceptron(1).fit(X, NUMBERS)
    Path("file").touch()
    Path("folder").mkdir()
    for nowhere in ("no/a", "folder", "file/a", "", "a\0b"):
        with pytest.raises(ArchiveError, match=r"the estimator cannot be written \(.+\)\. Give another path"):
            fitted.save(nowhere)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


# --- what cannot be loaded ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_anywhere_is_noticed(saved, tmp_path, flip):
    """No byte of the file can change without an ArchiveError that says that the file is damaged."""
    content, path = saved.read_bytes(), tmp_path / "flipped.estimator"
    edges = [*range(64), *range(len(content) - 200, len(content))]
    for place in [*edges, *range(64, len(content) - 200, len(content) // 200)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
        with pytest.raises(ArchiveError, match=r"flipped\.estimator: .*damaged"):
            load_estimator(path)


def test_a_file_cut_off_anywhere_or_continued_is_noticed(saved, tmp_path):
    """A download that broke off, and one with something behind it, are refused; most are seen to be cut off."""
    content, path = saved.read_bytes(), tmp_path / "cut.estimator"
    for length in [*range(130), *range(130, len(content), len(content) // 100), len(content) - 1]:
        said = "cut off" if 4 <= length < len(content) - 100 else "damaged"
        path.write_bytes(content[:length])
        with pytest.raises(ArchiveError, match=rf"cut\.estimator: is .*{said}"):
            load_estimator(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(ArchiveError, match=r"cut\.estimator: is .*damaged"):
        load_estimator(path)


def foreign_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", "{}")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (foreign_zip, "is a zip file, but no estimator"),
        (lambda path: np.savez(path.open("wb"), x=X), "is a zip file, but no estimator"),
        (lambda path: np.save(path.open("wb"), X), "is no estimator"),
        (lambda path: path.write_bytes(b""), "is no estimator"),
        (lambda path: path.write_text("an estimator"), "is no estimator"),
        (lambda path: write_archive(path, {"x.npy": b""}), "cannot be read as an estimator.*model.json"),
        (lambda path: path.mkdir(), r"cannot be read \(.+\)"),
        (lambda path: path.with_name("F.estimatr").touch(), "no such file.*Did you mean 'F.estimatr'"),
    ],
)
def test_another_file_is_no_estimator(tmp_path, write, said):
    """What it is instead is said, as far as that can be known."""
    path = tmp_path / "f.estimator"
    write(path)
    with pytest.raises(ArchiveError, match=rf"f\.estimator: .*{said}.*(Give|Save)"):
        load_estimator(path)


def test_a_model_is_no_estimator_and_an_estimator_no_model(saved, tmp_path):
    """The two kinds of file are told from each other, by their names."""
    data = hpo.load_data(pd.DataFrame(X).add_prefix("x").assign(y=NUMBERS), target="y")
    shape = hpo.Architecture(data.inputs, data.outputs)
    training = hpo.Training(shape, [hpo.Member(seed=0)], data.arrays())
    hpo.Model.trained_on(data, shape, training.weights(0)).save(tmp_path / "a.model")
    with pytest.raises(ArchiveError, match=r"a\.model: is no estimator, but 'hpo model'"):
        load_estimator(tmp_path / "a.model")
    with pytest.raises(hpo.ModelError, match=r"saved\.estimator: is no model, but 'network estimator'"):
        hpo.load_model(saved)


def changed(saved, path, change, **arrays):
    """Write the estimator with a description changed by `change`, and other arrays, whole by its checksum."""
    parts = read_archive(saved)
    said = json.loads(parts["model.json"])
    change(said)
    parts["model.json"] = json.dumps(said).encode()
    write_archive(path, parts | arrays)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda said: said.update(version=VERSION + 1), rf"format {VERSION + 1}.*reads up to {VERSION}\. Update"),
        (lambda said: said.update(format="recipe"), "is no estimator, but 'recipe'"),
        (lambda said: said.pop("format"), "cannot be read as an estimator.*format"),
        (lambda said: said.update(version=None), "cannot be read as an estimator"),
        (lambda said: said.update(estimator="SVC"), "cannot be read as an estimator.*SVC"),
        (lambda said: said.update(estimator="MLPRegressor"), "cannot be read as an estimator"),
        (lambda said: said["settings"].update(wings=2), "cannot be read as an estimator.*wings"),
        (lambda said: said["settings"].update(schedule={"$Popen": {"args": "ls"}}), "cannot be read.*Popen"),
        (lambda said: said["settings"].update(schedule={"$Cosine": {"epochs": -1}}), "cannot be read.*epochs is -1"),
        (lambda said: said["learned"].pop("weights_"), "cannot be read as an estimator.*not fitted"),
        (lambda said: said["learned"].update(weights_=[]), "cannot be read as an estimator.*weights"),
        (lambda said: said["learned"].update(n_features_in_=5), "cannot be read as an estimator"),
        (lambda said: said["learned"].update(predict=5), "cannot be read as an estimator"),
        (lambda said: said["learned"].update(x={"$array": "x.npy"}), "cannot be read as an estimator.*x.npy"),
        (lambda said: said["learned"].update(x={"$PCG64": {"state": 1}}), "cannot be read as an estimator"),
    ],
)
def test_what_somebody_else_wrote_is_refused(saved, tmp_path, change, said):
    """A file that is whole by its checksum, but newer, another's, or not one estimator, says so when it is loaded."""
    with pytest.raises(ArchiveError, match=rf"odd\.estimator: .*{said}"):
        load_estimator(changed(saved, tmp_path / "odd.estimator", change))


class Executed:
    """What pickle would execute on loading: a file appears."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_is_executed(saved, tmp_path):
    """A pickle in the place of an array is refused unread."""
    evidence, pickled = tmp_path / "evidence", tmp_path / "pickled.npy"
    np.save(pickled, np.array(Executed(evidence)), allow_pickle=True)
    path = changed(saved, tmp_path / "evil.estimator", dict, **{"learned.weights_.0.0.npy": pickled.read_bytes()})
    with pytest.raises(ArchiveError, match=r"evil\.estimator: cannot be read as an estimator.*allow_pickle"):
        load_estimator(path)
    assert not evidence.exists()
    np.load(pickled, allow_pickle=True)
    assert evidence.exists()  # it was live


def test_every_error_is_one_of_this_package():
    """Whoever catches NetworkError, or ValueError, catches these too."""
    assert issubclass(ArchiveError, NetworkError)
    assert hpo.ArchiveError is ArchiveError
