"""A model's file: the same model in another process, whole or refused, and nothing in it is executed."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from itertools import chain, cycle

import numpy as np
import pandas as pd
import pytest

import network
from hpo.data import Data, load_data
from hpo.model import VERSION, Model, ModelError, load_model
from hpo.network_settings import LOSSES_OF
from network.archive import read_archive, write_archive


def table(target) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "größe": rng.normal(170, 10, 60),
            "town": rng.choice(["Rome", "Bonn", None], 60),
            "constant": 1.5,
            "when": pd.date_range("2020-01-01", periods=60, tz="Europe/Berlin"),
        }
    ).assign(**target(rng))


TARGETS = {
    "text": lambda rng: {"y": rng.choice(["ja", "nein", "größer"], 60)},
    "integers": lambda rng: {"y": rng.choice([3, 5], 60)},
    "booleans": lambda rng: {"y": rng.choice([True, False], 60)},
    "number": lambda rng: {"y": rng.normal(1e6, 1e3, 60)},
    "numbers": lambda rng: {"y": rng.normal(1e6, 1e3, 60), "y, too": rng.normal(0, 1, 60)},
    "labels": lambda rng: {"y": rng.choice(["ja", "nein"], 60), "y, too": rng.choice([True, False], 60)},
}
SHAPES = [
    {"hidden": ()},
    {"hidden": (5, 1, 3)},
    {"hidden": (16, 8), "normalization": "batch", "dropout": True, "activation": "noisy_relu"},
    {"hidden": (7,), "normalization": "layer", "activation": "silu", "optimizer": "rmsprop"},
]


def data_of(rows: pd.DataFrame) -> Data:
    return load_data(rows, target=[name for name in rows.columns if name.startswith("y")])


def model_of(rows: pd.DataFrame, **architecture) -> Model:
    data = data_of(rows)
    shape = network.Architecture(data.inputs, data.outputs, loss=LOSSES_OF[data.task][-1], **architecture)
    training = network.Training(shape, [network.Member(seed=1, dropout=0.25)], data.arrays())
    training.train_epoch()
    return Model.trained_on(data, shape, training.weights(0), params={"rate": 0.1}, info={"trial": 3})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "saved.model"
    model_of(table(TARGETS["text"])).save(path)
    return path


def test_saved_models_predict_the_same_bits_in_another_process(tmp_path):
    """Save, load elsewhere: identical outputs, for every kind of target and several shapes."""
    code = (
        "import sys; import numpy as np; from pathlib import Path; from hpo.model import load_model\n"
        "for path in Path(sys.argv[1]).glob('*.model'):\n"
        "    np.save(path.with_suffix('.npy'), load_model(path)._outputs(path.with_suffix('.parquet')))"
    )
    expected = {}
    for (target, values), shape in zip(TARGETS.items(), cycle(SHAPES), strict=False):
        rows, path = table(values), tmp_path / f"{target}.model"
        model = model_of(rows, **shape)
        model.save(path)
        rows.to_parquet(path.with_suffix(".parquet"))
        expected[path.with_suffix(".npy")] = model._outputs(rows)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    for path, outputs in expected.items():
        assert np.array_equal(np.load(path), outputs)


@pytest.mark.parametrize("target", TARGETS)
def test_a_loaded_model_is_the_saved_one(tmp_path, target):
    """Labels keep their type, all that describes the model is there again, and every array bit for bit."""
    rows = table(TARGETS[target])
    model = model_of(rows, **SHAPES[2])
    model.save(tmp_path / "a.model")
    loaded = load_model(tmp_path / "a.model")
    assert np.array_equal(loaded.predict(rows), model.predict(rows))
    assert loaded.predict(rows).dtype == model.predict(rows).dtype
    for name in ("architecture", "target", "fingerprint", "params", "info"):
        assert getattr(loaded, name) == getattr(model, name)
    assert [len(layer) for layer in loaded.weights] == [2, 4, 2, 4, 2]  # batch normalisation has its statistics as well
    for ours, theirs in zip(chain(*loaded.weights), chain(*model.weights), strict=True):
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    assert loaded.preprocessing.columns == model.preprocessing.columns
    assert loaded.preprocessing.feature_names == model.preprocessing.feature_names


def test_a_loaded_model_is_evaluated_on_the_data_it_was_trained_on(tmp_path):
    """The fingerprint survives: a loaded model knows its data again, and judges the test part alike."""
    data = data_of(table(TARGETS["numbers"]))
    model = model_of(table(TARGETS["numbers"]))
    model.save(tmp_path / "a.model")
    assert load_model(tmp_path / "a.model").evaluate(data) == model.evaluate(data)


def test_a_file_opens_in_numpy_and_in_any_zip_program(saved):
    """Arrays are plain NPY, the description plain JSON; no part is a pickle."""
    with np.load(saved, allow_pickle=False) as arrays:
        assert arrays["weights_0_0"].dtype == np.float32
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("model.json"))["target"]["classes"] == ["größer", "ja", "nein"]
        assert not [name for name in archive.namelist() if name.endswith((".pkl", ".pickle", ".joblib"))]


def test_a_flipped_byte_anywhere_is_noticed(saved, tmp_path):
    """No byte of the file can change without a ModelError that says the file is damaged."""
    content = saved.read_bytes()
    path = tmp_path / "flipped.model"
    edges = [*range(64), *range(len(content) - 256, len(content))]
    for place in [*edges, *range(64, len(content) - 256, len(content) // 300)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :])
        with pytest.raises(ModelError, match=r"flipped\.model: .*damaged"):
            load_model(path)


def test_a_file_cut_off_anywhere_or_continued_is_noticed(saved, tmp_path):
    """A download that broke off, and one with something behind it, are refused."""
    content = saved.read_bytes()
    path = tmp_path / "cut.model"
    for length in [*range(130), *range(130, len(content), len(content) // 100), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"cut\.model: .*(damaged|no model)"):
            load_model(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(ModelError, match=r"cut\.model: .*damaged"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": VERSION + 1}, f"format {VERSION + 1}.*reads up to {VERSION}.*Update"),
        ({"format": "recipe"}, "no model, but 'recipe': load it with what saved it.*hpo best --save"),
        ({"layers": [9]}, "cannot be read as a model.*weights_"),
        ({"layers": 9}, "cannot be read as a model"),
        ({"target": {"task": "sorting"}}, "cannot be read as a model.*sorting"),
        ({"columns": [{"name": "x"}]}, "cannot be read as a model.*kind"),
        ({"architecture": {"inputs": 0, "outputs": 1}}, "cannot be read as a model.*inputs"),
        ({"architecture": {"wings": 2}}, "cannot be read as a model.*wings"),
    ],
)
def test_a_newer_or_foreign_file_is_told_from_a_damaged_one(saved, tmp_path, change, said):
    """Whole files that are not for this version say what they are."""
    parts = read_archive(saved)
    parts["model.json"] = json.dumps(json.loads(parts["model.json"]) | change).encode()
    write_archive(tmp_path / "other.model", parts)
    with pytest.raises(ModelError, match=rf"other\.model: .*{said}"):
        load_model(tmp_path / "other.model")


DAMAGES = {
    "nothing": lambda content: b"",
    "garbage": lambda content: b"garbage" * 50,
    "half": lambda content: content[: len(content) // 2],
    "another beginning": lambda content: b"\x00" * 8 + content[8:],
}


@pytest.mark.parametrize("part", ["model.json", "weights_0_0.npy", "weights_1_1.npy", "preprocessing.skops"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_somebody_else_wrote_is_no_model(saved, tmp_path, part, damage):
    """A file that is whole by its checksum, but holds a part that is none or is missing, is refused."""
    parts, path = read_archive(saved), tmp_path / "odd.model"
    parts[part] = DAMAGES[damage](parts[part])
    write_archive(path, parts)
    with pytest.raises(ModelError, match=r"odd\.model: cannot be read as a model"):
        load_model(path)
    del parts[part]
    write_archive(path, parts)
    with pytest.raises(ModelError, match=rf"odd\.model: cannot be read as a model.*{part}"):
        load_model(path)


@pytest.mark.parametrize("part", ["weights_0_0.npy", "weights_0_1.npy", "weights_1_0.npy"])
@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 3)), np.zeros(0), np.array("text"), np.array(None)],
    ids=lambda a: str(a.shape) + a.dtype.kind,
)
def test_weights_of_another_network_are_no_model(saved, tmp_path, part, array):
    """Arrays that are not those of the architecture are told when the model is loaded, not when it predicts."""
    parts, buffer = read_archive(saved), io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    write_archive(tmp_path / "odd.model", parts | {part: buffer.getvalue()})
    with pytest.raises(ModelError, match=r"odd\.model: cannot be read as a model"):
        load_model(tmp_path / "odd.model")


class Mischief:
    """What makes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("part", ["model.json", "weights_0_0.npy", "preprocessing.skops"])
def test_a_pickle_is_never_read(saved, tmp_path, part):
    """Wherever somebody hides a pickle, in a part or in an array, it is refused and not executed."""
    parts, hidden, trace = read_archive(saved), io.BytesIO(), tmp_path / "trace"
    np.save(hidden, np.array([Mischief(trace)], dtype=object), allow_pickle=True)
    for content in (pickle.dumps(Mischief(trace)), hidden.getvalue()):
        write_archive(tmp_path / "evil.model", parts | {part: content})
        with pytest.raises(ModelError, match=r"evil\.model: cannot be read as a model"):
            load_model(tmp_path / "evil.model")
        assert not trace.exists()
        (tmp_path / "evil.model").write_bytes(content)
        with pytest.raises(ModelError, match=r"evil\.model: is no model"):
            load_model(tmp_path / "evil.model")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Mischief(trace))).close()  # noqa: S301 - our own bytes: it does what it is for
    assert trace.exists()


def test_a_foreign_object_in_the_preprocessing_is_not_trusted(saved, tmp_path):
    """Types that no preprocessing of ours holds are named, and never made."""
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dumps

    parts = read_archive(saved)
    parts["preprocessing.skops"] = dumps(FunctionTransformer(subprocess.run))
    write_archive(tmp_path / "evil.model", parts)
    with pytest.raises(ModelError, match=r"evil\.model: .*subprocess.*trust"):
        load_model(tmp_path / "evil.model")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a model", b"x" * 5000])
def test_another_file_is_no_model(tmp_path, content):
    """What is no model at all is called so."""
    path = tmp_path / "x.model"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.model: .*no model"):
        load_model(path)


def test_a_missing_file_is_named_with_its_nearest_neighbour(saved):
    """A slip of the pen in a path is shown."""
    with pytest.raises(ModelError, match=r"savde\.model: .*no such file.*'saved\.model'"):
        load_model(saved.with_name("savde.model"))
    with pytest.raises(ModelError, match=r"cannot be read"):
        load_model(saved.parent)


def test_saving_replaces_whole_files_and_leaves_nothing_beside(saved, tmp_path):
    """A file is replaced in one step; a model that cannot be saved leaves the old file, and no partial one."""
    path = tmp_path / "a.model"
    path.write_bytes(b"old")
    model = load_model(saved)
    broken = Model(model.architecture, model.weights, model.preprocessing, model.target, "", info={"x": object()})
    with pytest.raises(ModelError, match="JSON"):
        broken.save(path)
    assert path.read_bytes() == b"old"
    model.save(path)
    assert np.array_equal(load_model(path).predict(table(TARGETS["text"])), model.predict(table(TARGETS["text"])))
    for nowhere in (tmp_path / "no" / "a.model", tmp_path):
        with pytest.raises(ModelError, match=r"cannot be written.*another path"):
            model.save(nowhere)
    assert [other.name for other in tmp_path.iterdir()] == ["a.model"]
