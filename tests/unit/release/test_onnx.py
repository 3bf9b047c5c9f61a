"""A release's network as one ONNX file is the network that serves, for whoever reads ONNX."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from candlewick.core.errors import ConfigError, StorageError
from candlewick.release.bundle import open_bundle
from candlewick.release.onnx import write_onnx
from candlewick.runtime.choose import Setting, open_session

Releases = Callable[..., Path]


def test_the_file_alone_gives_the_outputs_of_the_network(releases: Releases, tmp_path: Path) -> None:
    import onnxruntime

    bundle = open_bundle(releases("lstm"))
    written = write_onnx(bundle, tmp_path / "model.onnx")
    assert written.difference < 1e-6
    assert written.bytes == (tmp_path / "model.onnx").stat().st_size
    runtime = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert {node.name: tuple(node.shape[1:]) for node in runtime.get_inputs()} == written.takes
    assert {node.name: tuple(node.shape[1:]) for node in runtime.get_outputs()} == written.gives
    lanes = open_session(bundle.exported, Setting("compiled")).begin(1)
    inputs = {name: np.zeros((1, *shape), np.float32) for name, shape in written.takes.items()}
    rng = np.random.default_rng(0)
    for _ in range(20):
        inputs["x"] = lanes.x[:] = rng.standard_normal(lanes.x.shape).astype(np.float32)
        lanes.step(1)
        raw, *state = runtime.run(list(written.gives), inputs)
        inputs |= dict(zip([name for name in written.takes if name != "x"], state, strict=True))
        assert raw == pytest.approx(lanes.raw, abs=1e-5)


def test_it_is_one_whole_standard_graph(releases: Releases, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    bundle = open_bundle(releases("lstm"))
    write_onnx(bundle, tmp_path / "model.onnx")
    model = onnx.load(str(tmp_path / "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    held = {tensor.name for tensor in model.graph.initializer}
    assert set(bundle.exported.graphs["fp32"].weights) <= held
    # Readers that take the last of two graphs find it whole too: the graph stands once.
    data = (tmp_path / "model.onnx").read_bytes()
    assert model.SerializeToString() == onnx.ModelProto.FromString(data).SerializeToString()
    assert sum(field == 7 for field in top_fields(data)) == 1


def top_fields(data: bytes) -> list[int]:
    def varint(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 0x80:
                return value, at

    found, at = [], 0
    while at < len(data):
        key, at = varint(at)
        size, at = varint(at)
        found.append(key >> 3)
        at += size if key & 7 == 2 else 0
    return found


def test_a_network_that_does_not_give_the_golden_outputs_is_not_written(releases: Releases, tmp_path: Path) -> None:
    bundle = open_bundle(releases("lstm"))
    wrong = replace(bundle, golden=replace(bundle.golden, raw=bundle.golden.raw + 0.01))
    with pytest.raises(StorageError, match="by the onnxruntime kernel in fp32: raw outputs differ"):
        write_onnx(wrong, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_an_estimator_is_no_network(releases: Releases, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"linear of .* is no network, so there is no graph to write as ONNX"):
        write_onnx(open_bundle(releases("linear")), tmp_path / "model.onnx")
