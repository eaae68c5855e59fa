"""Recorded curves: from a study, to a file and back; whatever else a file holds is refused."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from searches import SPACE, Trainer, searched

import hpo
from hpo.recordings import RecordedCurves, load_recording, recorded_curves, save_recording
from strategies.replay import Recording, replay

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CONDITIONAL = hpo.Space(
    kind=hpo.Choice("a", "b", None),
    n=hpo.Int(1, 9, log=True),
    momentum=hpo.Float(0, 1, when={"kind": ["a", None]}),
)


def measuring(params: Mapping[str, Any]) -> Iterator[dict[str, float]]:
    """Four epochs, of which the second has another metric as well; it fails above n = 6 in its third, at n = 9 at once."""
    if params["n"] == 9:
        raise ValueError("far too many")
    for epoch in range(1, 5):
        if params["n"] > 6 and epoch == 3:
            raise ValueError("too many")
        extra = {"late": float(epoch)} if epoch > 1 else {}
        yield {"accuracy": params["n"] / 10 + epoch / 100, "log_loss": 1 / epoch} | extra


def measured(**settings: Any) -> hpo.Study:
    """A search that maximises over a conditional space, with failures."""
    chosen = {
        "space": CONDITIONAL,
        "metric": "accuracy",
        "direction": "maximize",
        "strategy": "random",
        "max_epochs": 4,
    }
    return searched(measuring, 30, **chosen | settings)


def equal(one: RecordedCurves, other: RecordedCurves) -> bool:
    """Whether two recordings are the same, as far as 32-bit numbers can tell."""
    arrays = lambda curves: {**curves.metrics, "": curves.seconds}  # noqa: E731 - a name for an expression
    first, second = arrays(one), arrays(other)
    return (
        (one.name, one.metric, one.direction, one.space, list(one.rows), list(one.failed), list(one.metrics))
        == (other.name, other.metric, other.direction, other.space, list(other.rows), list(other.failed), list(other.metrics))
        and all(np.array_equal(first[key].astype("f4"), second[key].astype("f4"), equal_nan=True) for key in first)
    )  # fmt: skip


# --- from a study -------------------------------------------------------------------------------------------------


def test_a_studys_curves_are_recorded() -> None:
    """Each configuration once, with all its metrics by epoch; what was not measured is NaN; who failed is told."""
    study = measured()
    curves = recorded_curves(study)
    params = [trial.params for trial in study.trials]
    assert list(curves.rows) == [point for i, point in enumerate(params) if point not in params[:i]]
    assert (curves.metric, curves.direction, curves.space) == ("accuracy", "maximize", CONDITIONAL)
    assert list(curves.metrics) == ["accuracy", "late", "log_loss"]
    assert {point["n"] > 6 for point in curves.rows} == {True, False}
    for i, point in enumerate(curves.rows):
        epochs = 0 if point["n"] == 9 else 2 if point["n"] > 6 else 4
        expected = [point["n"] / 10 + epoch / 100 for epoch in range(1, epochs + 1)]
        assert curves.metrics["accuracy"][i, :epochs].tolist() == expected
        assert curves.metrics["late"][i, 1:epochs].tolist() == [float(epoch) for epoch in range(2, epochs + 1)]
        assert np.isnan(curves.metrics["accuracy"][i, epochs:]).all()
        assert curves.failed[i] == (point["n"] > 6)


def test_strategies_see_losses() -> None:
    """A recording turns the user's direction: lower is better, infinity where a configuration failed."""
    curves = recorded_curves(measured())
    recording = curves.recording()
    for row, curve, failed in zip(curves.rows, recording.curves, curves.failed, strict=True):
        epochs = 0 if row["n"] == 9 else 2 if failed else 4
        assert list(curve) == [-row["n"] / 10 - epoch / 100 for epoch in range(1, epochs + 1)] + [inf] * failed
    assert recording.max_epochs == 4
    assert recording.best == min(min(curve) for curve in recording.curves)


def test_another_metric_has_its_own_direction() -> None:
    """`on` searches another metric on record: errors and losses are minimised; one that is missing from the start has no curve."""
    curves = recorded_curves(measured())
    losses = curves.on("log_loss").recording()
    sound = [curve for curve, failed in zip(losses.curves, curves.failed, strict=True) if not failed]
    assert sound == [tuple(1 / epoch for epoch in range(1, 5))] * len(sound)
    assert curves.on("accuracy") is curves
    assert curves.on("log_loss").on("accuracy").direction == "maximize"
    assert not any(np.isfinite(curve).any() for curve in curves.on("late").recording().curves)
    with pytest.raises(hpo.SettingError, match="has no metric 'acc' on record: it has accuracy, late, log_loss"):
        curves.on("acc")


def test_a_search_in_progress_is_recorded_as_far_as_it_went() -> None:
    """Curves that halving has cut, and those of trials that rest, are recorded as they are."""
    study = hpo.create_study(
        space=SPACE, objective=Trainer, strategy="halving", max_epochs=9, n_trials=9, seed=0, storage=None
    )
    study.optimize(budget=13)
    recording = recorded_curves(study).recording()
    assert [list(curve) for curve in recording.curves] == [study.curves()[number] for number in sorted(study.curves())]
    assert sum(map(len, recording.curves)) == 13


def test_what_cannot_be_recorded() -> None:
    """A study without a curve is refused; trials with another's weights are left out, as their params do not tell them."""
    study = hpo.create_study("new", space=SPACE, objective=Trainer, strategy="pbt", max_epochs=9, seed=0, storage=None)
    with pytest.raises(hpo.SettingError, match="'new' has no learning curve yet: there is nothing to replay"):
        recorded_curves(study)
    study.optimize(25)
    founders = [trial.params for trial in study.trials if trial.parent is None]
    assert len(founders) < 25
    assert list(recorded_curves(study).rows) == founders


def test_a_search_replayed_on_its_own_record_finds_its_best() -> None:
    """All configurations tried again on their recorded curves, the best of the search is found."""
    study = searched(Trainer, 12, strategy="random", max_epochs=5)
    recording = recorded_curves(study).recording()
    found = replay(hpo.Strategy(), recording)
    assert (found.best[-1], found.epochs) == (study.best_value, 12 * 5)
    assert recording.rows[found.winner] == study.best_params


# --- to a file and back -------------------------------------------------------------------------------------------


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    """Names, space, configurations, failures and gaps as they were; numbers to 32 bits. Saving again changes no byte's meaning."""
    saved = recorded_curves(measured())
    save_recording(saved, tmp_path / "a.npz")
    loaded = load_recording(tmp_path / "a.npz")
    assert equal(loaded, saved)
    save_recording(loaded, tmp_path / "b.npz")
    assert equal(load_recording(tmp_path / "b.npz"), loaded)
    assert [len(curve) for curve in loaded.recording().curves] == [len(curve) for curve in saved.recording().curves]
    assert isinstance(loaded.recording(), Recording)


def small() -> RecordedCurves:
    """A recording of three configurations."""
    table = np.array([[0.5, 0.25], [0.75, np.nan], [1.0, 0.125]])
    rows = [{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]
    return RecordedCurves("s", "value", "minimize", SPACE, rows, {"value": table}, [False, True, False], np.ones(3))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file."""
    path = tmp_path_factory.mktemp("recording") / "whole.npz"
    save_recording(small(), path)
    return path.read_bytes()


def refused(path: Path, content: bytes) -> str | None:
    """Return the message with which a file is refused; None when it is read."""
    path.write_bytes(content)
    try:
        loaded = load_recording(path)
    except hpo.SettingError as error:
        message = str(error)
    else:
        loaded.recording()
        return None
    assert message.startswith(str(path))
    return message


@FUZZ
@given(content=st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_recording(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes a file holds, it is refused by name."""
    assert "is not a recording, or is damaged" in (refused(tmp_path / "x.npz", content) or "")


@FUZZ
@given(data=st.data())
def test_damage_is_refused_or_harmless(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    """Cut short, or with some bytes changed, a file is refused by name, or read as a whole recording; nothing else is raised."""
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    refused(tmp_path / "x.npz", bytes(content[:end]))
    if end < len(whole) - 22:  # a ZIP archive ends with its directory
        assert refused(tmp_path / "x.npz", bytes(whole[:end])) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["value", "minimize", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "type", "low"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = ("format", "name", "metric", "direction", "space", "rows", "failed", "metrics")


def rewritten(whole: bytes, about: Any = None, **arrays: Any) -> bytes:
    """The file with other parts: `about` turned by a function, arrays in place of its own (None: without)."""
    with np.load(io.BytesIO(whole)) as parts:
        kept = {name: parts[name] for name in parts.files}
    if about is not None:
        described = about(json.loads(kept["about"].tobytes()))
        kept["about"] = np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)
    kept = {name: array for name, array in (kept | arrays).items() if array is not None}
    file = io.BytesIO()
    np.savez(file, **kept)
    return file.getvalue()


@FUZZ
@given(key=st.sampled_from(KEYS), value=JSON)
def test_other_facts_are_refused_or_fit(tmp_path: Path, whole: bytes, key: str, value: Any) -> None:
    """Whatever stands in place of one of its facts, a file is refused by name or makes a recording that can be replayed."""
    content = rewritten(whole, lambda about: about | {key: value})
    if refused(tmp_path / "x.npz", content) is None:
        assert replay(hpo.Strategy(), load_recording(tmp_path / "x.npz").recording(), n_trials=1).trials == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda whole: rewritten(whole, lambda about: about | {"format": 2}), "upgrade the program"),
        (lambda whole: rewritten(whole, lambda _about: [1, 2]), "damaged"),
        (lambda whole: rewritten(whole, lambda about: about | {"failed": 3}), "damaged"),
        (lambda whole: rewritten(whole, lambda about: about | {"rows": about["rows"][:2]}), "differ in size"),
        (lambda whole: rewritten(whole, lambda about: about | {"rows": [{"x": 0.5}] * 3}), "recorded twice"),
        (lambda whole: rewritten(whole, lambda about: about | {"rows": [{"x": 7}] * 3}), "not between 0.0 and 1.0"),
        (lambda whole: rewritten(whole, lambda about: about | {"direction": "sideways"}), "sideways"),
        (lambda whole: rewritten(whole, lambda about: about | {"metric": "loss"}), "no metric 'loss'"),
        (lambda whole: rewritten(whole, seconds=np.array(1.0)), "damaged"),
        (lambda whole: rewritten(whole, seconds=np.full(3, np.nan)), "seconds"),
        (lambda whole: rewritten(whole, metric_0=np.ones((3, 2, 2))), "differ in size"),
        (lambda whole: rewritten(whole, metric_0=np.array(["a"] * 3)), "damaged"),
        (lambda whole: rewritten(whole, metric_0=np.full((3, 2), np.nan)), "damaged"),
        (lambda whole: rewritten(whole, metric_0=np.array([object()] * 3)), "damaged"),
        (lambda whole: rewritten(whole, metric_0=None), "metric_0"),
        (lambda _whole: _npy(), "damaged"),
        (lambda _whole: _zip("about.npy", b"[" * 10**5), "damaged"),
        (lambda _whole: b"", "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_told(tmp_path: Path, whole: bytes, content: Any, says: str) -> None:
    """Parts that do not fit, foreign archives, pickles and an empty file are refused with what is wrong."""
    assert says in (refused(tmp_path / "x.npz", content(whole)) or "it was read")


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def test_no_pickle_is_ever_loaded(tmp_path: Path, whole: bytes) -> None:
    """An archive with a pickle in it, which would run when it is loaded, is refused and not run."""
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return trap.touch, ()

    content = rewritten(whole, metric_0=np.array([Trap()] * 3, dtype=object))
    trap.unlink(missing_ok=True)
    assert refused(tmp_path / "x.npz", content) is not None
    assert not trap.exists()


def test_places_that_cannot_be(tmp_path: Path) -> None:
    """A missing file, a folder, and a place that cannot be written are named."""
    with pytest.raises(hpo.SettingError, match=r"there is no file .*nowhere\.npz: record one"):
        load_recording(tmp_path / "nowhere.npz")
    with pytest.raises(hpo.SettingError, match="is not a recording"):
        load_recording(tmp_path)
    with pytest.raises(hpo.SettingError, match="cannot be written"):
        save_recording(small(), tmp_path / "nowhere" / "x.npz")
