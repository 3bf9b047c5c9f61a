"""A model as a folder: what is saved forecasts the same when it is opened, and what is wrong is refused by name."""

import hashlib
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small_exports import market, small

torch = pytest.importorskip("torch")

from candlewick.core.errors import CandlewickError, DataError, StorageError  # noqa: E402
from candlewick.runtime.estimator_session import EstimatorSession  # noqa: E402
from candlewick.runtime.exported import Exported, Judged  # noqa: E402
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


def test_weights_are_stored_once(tmp_path):
    folder = saved(network(), tmp_path / "model")
    weights = sum(array.nbytes for array in network().weights.values())
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert "fp32.safetensors" not in sizes
    assert sizes["arrays.safetensors"] < weights + 4000
    assert sizes["fp32.onnx"] < 20_000
