"""A model as a folder: what is saved forecasts the same when it is opened, and what is wrong is refused by name."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small_exports import market, small

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from candlewick.core.errors import CandlewickError, DataError, StorageError  # noqa: E402
from candlewick.runtime.estimator_session import EstimatorSession  # noqa: E402
from candlewick.runtime.exported import Exported, Graph, Judged  # noqa: E402
from candlewick.runtime.onnx_session import OnnxSession  # noqa: E402
from candlewick.runtime.store import open_exported, save  # noqa: E402
from candlewick.train.export import quantised, to_graph  # noqa: E402

ESTIMATORS = [
    "naive", "linear", {"name": "har", "lags": [1, 3, 6]}, {"name": "gradient_boosting", "rounds": 20},
]  # fmt: skip


@cache
def network() -> Exported:
    exported = small(market(("A", "B")), {"name": "lstm", "layers": 2, "hidden": 8}).exported
    graph = to_graph(
        exported.model, exported.weights, inputs=exported.features.width, head=exported.head, length=exported.length,
        streams=exported.streams,
    )  # fmt: skip
    allowed = Judged(allowed=True, difference=0.01, skill_lost=None, steps=1000, reason="near enough")
    return replace(
        exported, graphs={"fp32": graph, "int8": quantised(graph)}, precisions={"int8": allowed}, lineage={"seed": 3}
    )


@cache
def trees() -> Exported:
    return small(market(("A", "B")), ESTIMATORS[3]).exported


def forecasts(exported: Exported) -> list[np.ndarray]:
    """Raw outputs of a few steps, by every precision that the model holds."""
    sessions = [EstimatorSession(exported)] if not exported.graphs else [
        OnnxSession(graph, inputs=exported.features.width, outputs=exported.head.outputs, streams=exported.streams,
                    length=exported.length, precision=precision, threads=1)
        for precision, graph in exported.graphs.items()
    ]  # fmt: skip
    out = []
    for session in sessions:
        rng, lanes = np.random.default_rng(0), session.begin(2)
        lanes.echo[:] = 0.01
        for _ in range(3):
            lanes.x[:] = rng.standard_normal(lanes.x.shape)
            lanes.step(2)
            out.append(lanes.raw.copy())
    return out


def saved(exported: Exported, folder: Path) -> Path:
    save(exported, folder)
    return folder


def rehash(folder: Path) -> None:
    """Make model.json tell of the files as they are, as whoever tampers with them can."""
    card = json.loads((folder / "model.json").read_text())
    card["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["files"]}
    (folder / "model.json").write_text(json.dumps(card))


def edited(folder: Path, **changes: object) -> Path:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | changes))
    return folder


@pytest.mark.parametrize("model", [*ESTIMATORS, "network"], ids=str)
def test_an_opened_model_is_the_saved_one_bit_for_bit(model, tmp_path):
    exported = network() if model == "network" else small(market(("A", "B")), model).exported
    opened = open_exported(saved(exported, tmp_path / "model"))
    assert opened.content_id == exported.content_id
    assert (opened.precisions, opened.lineage) == (exported.precisions, exported.lineage)
    for ours, theirs in zip(forecasts(opened), forecasts(exported), strict=True):
        assert np.array_equal(ours, theirs)


def test_another_graph_is_another_model():
    exported, other = network(), quantised(network().graphs["fp32"])
    weights = {name: array + 1 if array.dtype == np.float32 else array for name, array in other.weights.items()}
    variants = [{}, {"int8": other}, {"int8": replace(other, weights=weights)}, {"bf16": other}]
    ids = {replace(exported, graphs={"fp32": exported.graphs["fp32"], **more}).content_id for more in variants}
    assert len(ids) == len(variants)


def test_weights_are_stored_once(tmp_path):
    folder = saved(network(), tmp_path / "model")
    weights = sum(array.nbytes for array in network().weights.values())
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert "fp32.safetensors" not in sizes
    assert sizes["arrays.safetensors"] < weights + 4000
    assert sizes["fp32.onnx"] < 20_000


def test_opening_and_forecasting_needs_no_training_library(tmp_path):
    folder = saved(network(), tmp_path / "model")
    code = f"""
import sys
from candlewick.runtime.onnx_session import OnnxSession
from candlewick.runtime.store import open_exported
model = open_exported({str(folder)!r})
OnnxSession(model.graphs["int8"], inputs=model.features.width, outputs=1, streams=True, length=1, precision="int8",
            threads=1).begin(1).step(1)
print(*{{"torch", "onnx", "onnxscript", "polars", "sklearn", "pandas", "joblib"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    assert (done.stdout.strip(), done.stderr) == ("", "")


# What is refused


def refused(folder: Path, says: str, **options: bool) -> None:
    with pytest.raises((StorageError, DataError), match=says):
        open_exported(folder, **options)


def test_a_saved_model_is_never_changed(tmp_path):
    folder = saved(trees(), tmp_path / "model")
    before = (folder / "model.json").read_bytes()
    with pytest.raises(StorageError, match="holds a model"):
        save(network(), folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(StorageError, match=r"thesis\.txt"):
        save(network(), tmp_path / "mine")
    assert (folder / "model.json").read_bytes() == before


def test_a_save_that_was_stopped_is_no_model_and_can_be_done_again(tmp_path, monkeypatch):
    from candlewick.core import files

    write = files.write_bytes

    def stopped(path, data):
        if path.name == "model.json":
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", stopped)
        with pytest.raises(KeyboardInterrupt):
            save(network(), tmp_path / "model")
    assert (tmp_path / "model" / "int8.onnx").exists()
    refused(tmp_path / "model", "saving was stopped")
    assert open_exported(saved(trees(), tmp_path / "model")).content_id == trees().content_id


@pytest.mark.parametrize("change", ["missing", "extra", "link", "folder", "pipe", "oversized"])
def test_files_that_are_not_the_models_are_refused(change, tmp_path):
    folder = saved(network(), tmp_path / "model")
    if change in ("missing", "link", "folder", "pipe"):
        (folder / "int8.onnx").rename(tmp_path / "elsewhere.onnx")
    if change == "extra":
        (folder / "setup.py").write_text("raise SystemExit")
    if change == "link":
        (folder / "int8.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    if change == "folder":
        (folder / "int8.onnx").mkdir()
    if change == "pipe":
        os.mkfifo(folder / "int8.onnx")
    if change == "oversized":
        os.truncate(folder / "int8.onnx", 17 * 2**20)
    refused(folder, "at most" if change == "oversized" else r"int8\.onnx|setup\.py")


@pytest.mark.parametrize(
    "name", ["../weights.safetensors", "/etc/passwd", "bf16.onnx", "fp32.safetensors", "model.json"]
)
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    folder = saved(trees(), tmp_path / "model")
    card = json.loads((folder / "model.json").read_text())
    refused(edited(folder, files=card["files"] | {name: "0" * 64}), "tells of")


def test_a_flipped_bit_anywhere_in_a_file_is_refused(tmp_path):
    folder = saved(network(), tmp_path / "model")
    for name in json.loads((folder / "model.json").read_text())["files"]:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused(folder, f"{name} does not have the sha256")
        (folder / name).write_bytes(whole[: len(whole) // 2])
        refused(folder, f"{name} does not have the sha256")
        (folder / name).write_bytes(whole)
    open_exported(folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"format": 1', '"format": 2', "wrong at format"),
        ('"format": 1', '"format": 1, "format": 1', "'format' stands twice"),
        ('"format": 1', '"format": 1, "loader": "os.system"', "wrong at loader"),
        ('"length": 12', '"length": NaN', "NaN is no JSON number"),
        ('"length": 12', '"length": 12.5', "wrong at length"),
        ('"length": 12', '"length": -1', "wrong at length"),
        ('"length": 12', '"length": 1' + "0" * 5000, "not plain JSON"),
        ('"length": 12', '"length": true', "wrong at length"),
        ('"streams": true', '"streams": 1', "wrong at streams"),
        ('"seed": 3', '"seed": ' + "[" * 40 + "]" * 40, "nests more than"),
        ('"seed": 3', '"seed": ' + "[" * 100_000 + "]" * 100_000, "not plain JSON"),
        ('"seed": 3', '"seed": "' + "x" * 2**20 + '"', "1,048,576 bytes at most"),
        ('"center": 0.0', '"center": Infinity', "Infinity is no JSON number"),
        ('"center": 0.0', '"center": 1e999', "wrong at scale.center|units"),
        ('"head": "variance"', '"head": "oracle"', "no valid head"),
        ('"head": "variance"', '"head": "classes", "classes": 1000000', "outputs"),
        ('"head": "variance"', '"head": "point"', "answers no variance"),
        ('"hidden": 8', '"hidden": 9', "its spec counts"),
        ('"layers": 2', '"layers": 3', "its spec counts"),
        ('"int8": {', '"fp32": {', "'fp32' stands twice"),
    ],
)  # fmt: skip
def test_a_card_with_another_meaning_is_refused(old, new, says, tmp_path):
    folder = saved(network(), tmp_path / "model")
    text = (folder / "model.json").read_text()
    assert old in text
    (folder / "model.json").write_text(text.replace(old, new, 1))
    refused(folder, says)


def with_arrays(folder: Path, **arrays: np.ndarray) -> Path:
    """Put arrays in place of those of the same name, and make the hashes fit."""
    from candlewick.runtime.arrays import packed, unpacked

    path = folder / "arrays.safetensors"
    path.write_bytes(packed(unpacked(path.read_bytes(), "arrays") | arrays))
    rehash(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("weights.head.bias", lambda a: a * np.nan, "head.bias holds values that are not finite"),
        ("weights.lstm.0.weight_hh_l0", lambda a: np.where(a == a.max(), np.inf, a).astype(a.dtype), "not finite"),
        ("weights.head.bias", lambda a: np.zeros(2, np.float32), "head holds 10 numbers, its spec counts 9"),
        ("weights.head.bias", lambda a: a.astype(np.float64), "must be float32"),
        ("scaler.scale", lambda a: a * 0, "finite and positive"),
        ("scaler.center", lambda a: a[:, :1], "its scaler has"),
        ("scaler.center", lambda a: a * np.inf, "finite and positive"),
        ("scaler.symbols", lambda a: np.frombuffer(b"A\nA", np.uint8), "different names"),
        ("scaler.symbols", lambda a: np.frombuffer(b"\xff", np.uint8), "different names"),
        ("calibration.spread", lambda a: np.ones(1), "calibrated by spread"),
        ("scaler.more", lambda a: np.ones(1), "its scaler has"),
        ("code.body", lambda a: np.ones(1), "code.body"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_though_the_hashes_do(name, change, says, tmp_path):
    from candlewick.runtime.arrays import unpacked

    folder = saved(network(), tmp_path / "model")
    before = unpacked((folder / "arrays.safetensors").read_bytes(), "arrays").get(name, np.zeros(1))
    refused(with_arrays(folder, **{name: change(before)}), says)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("left", lambda a: np.where(a >= 0, 2**30, a)), ("right", lambda a: np.where(a >= 0, 0, a)),
        ("left", lambda a: a[:-1]), ("feature", lambda a: a + 1000), ("root", lambda a: a - 1),
        ("column", lambda a: a + 1), ("value", lambda a: a[:3]), ("threshold", lambda a: a.astype(np.float32)),
        ("baseline", lambda a: np.zeros(3)), ("value", lambda a: a * np.nan),
    ],
)  # fmt: skip
def test_trees_that_lead_nowhere_are_refused_before_compiled_code_follows_them(name, change, tmp_path):
    changed = change(trees().weights[name]).astype(trees().weights[name].dtype if name != "threshold" else np.float32)
    refused(with_arrays(saved(trees(), tmp_path / "model"), **{f"weights.{name}": changed}), "not sound|lead out")


def test_what_would_be_refused_is_not_saved(tmp_path):
    broken = replace(trees(), weights=trees().weights | {"value": trees().weights["value"] * np.nan})
    with pytest.raises(DataError, match="not finite"):
        save(broken, tmp_path / "model")
    for lineage, says in (({"at": float("nan")}, "JSON"), ({"by": {1, 2}}, "JSON"), ({"x": "x" * 2**20}, "at most")):
        with pytest.raises(DataError, match=says):
            save(replace(trees(), lineage=lineage), tmp_path / "model")
    graph = network().graphs["fp32"]
    doubled = replace(network(), graphs={"fp32": replace(graph, proto=with_own(graph))})
    with pytest.raises(StorageError, match="holds the weight"):
        save(doubled, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def with_own(graph: Graph) -> bytes:
    from candlewick.runtime.proto import with_initializers

    whole = onnx.load_from_string(with_initializers(graph.proto, {"weights.head.bias": np.zeros(1, np.float32)}))
    return whole.SerializeToString()


# A member from a user's own file

SOURCE = '''
"""A feature of one's own."""
from candlewick.features.log_return import LogReturn


class Mine(LogReturn):
    """Named by its file."""
'''


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    asks = {"features": [f"{path}:Mine"], "label": {"name": "forward_return"}}
    return saved(small(market(), "linear", asks=asks).exported, tmp_path / "model"), path


def test_code_of_ones_own_is_loaded_only_where_it_is_trusted(own):
    folder, path = own
    refused(folder, "trust_code=True")
    assert open_exported(folder, trust_code=True).features.features[0].source_file == str(path)


def test_another_source_than_it_was_trained_with_is_refused_before_it_runs(own, tmp_path):
    folder, path = own
    path.write_text(SOURCE + f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    refused(folder, "was changed since", trust_code=True)
    assert not (tmp_path / "ran").exists()
    path.unlink()
    refused(folder, "is gone", trust_code=True)


@pytest.mark.parametrize("name", ["evil.py", "evil.pyc", "evil.py.so"])
def test_a_foreign_models_code_does_not_run(name, tmp_path):
    evil = tmp_path / name
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + SOURCE)
    folder = saved(trees(), tmp_path / "model")
    card = json.loads((folder / "model.json").read_text())
    digest = hashlib.sha256(evil.read_bytes()).hexdigest()
    for key in ("label", "model", "features"):
        entry = {"name": f"{evil}:Mine"}
        changes = {key: [entry] if key == "features" else entry, "sources": {f"{evil}:Mine": digest}}
        refused(edited(folder, **(card | changes)), "trust_code=True")
    assert not (tmp_path / "ran").exists()


# Anything else


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bits flipped, a piece cut out, doubled, moved, or overwritten."""
    broken, kind = bytearray(data), rng.integers(5)
    a, b, c = sorted(int(at) for at in rng.integers(0, len(data) + 1, 3))
    if kind == 0:
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            broken[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del broken[a:b]
    elif kind == 2:
        broken[b:b] = broken[a : min(b, a + 64)]
    elif kind == 3:
        broken = broken[:a] + broken[b:c] + broken[a:b] + broken[c:]
    else:
        broken[a : a + 8] = rng.bytes(min(8, len(broken) - a))
    return bytes(broken)


@pytest.mark.parametrize("kind", ["network", "trees"])
@pytest.mark.parametrize("forged", [False, True], ids=["", "hashes made to fit"])
def test_any_mutation_is_refused_or_is_a_sound_model(kind, forged, tmp_path):
    exported = network() if kind == "network" else trees()
    folder, rng = saved(exported, tmp_path / "model"), np.random.default_rng(7)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    names, opened = sorted(whole), 0
    expected = forecasts(exported)
    for _ in range(200):
        name = names[int(rng.integers(len(names)))]
        (folder / name).write_bytes(mutated(whole[name], rng))
        if forged and name != "model.json":
            rehash(folder)
        try:
            model = open_exported(folder)
            raw = forecasts(model)
        except CandlewickError:
            continue
        finally:
            for changed in {name, "model.json"}:
                (folder / changed).write_bytes(whole[changed])
        opened += 1
        if not forged and name != "model.json":
            assert all(np.array_equal(ours, theirs) for ours, theirs in zip(raw, expected, strict=True))
        assert {n: a.shape for n, a in model.weights.items()} == {n: a.shape for n, a in exported.weights.items()}
        assert all(np.isfinite(array).all() for array in (*model.weights.values(), *raw))
    assert opened > 0 or not forged
