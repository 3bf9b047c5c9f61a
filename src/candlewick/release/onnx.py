"""The network of a release as one standard ONNX file, weights and all."""

from dataclasses import dataclass
from pathlib import Path

from candlewick.core import files
from candlewick.core.errors import ConfigError
from candlewick.release.bundle import SHORT, Bundle
from candlewick.runtime.exported import Graph
from candlewick.runtime.onnx_session import OnnxSession
from candlewick.runtime.proto import merged


@dataclass(frozen=True)
class Written:
    """An ONNX file that was written.

    Attributes:
        bytes: its size.
        opset: version of the standard operator set.
        takes, gives: shapes after the batch, by name: scaled features and carried state; raw outputs, which are
            neither calibrated nor decoded, and the next state.
        difference: largest difference to the golden raw outputs, run by onnxruntime.
    """

    bytes: int
    opset: int
    takes: dict[str, tuple[int, ...]]
    gives: dict[str, tuple[int, ...]]
    difference: float


def write_onnx(bundle: Bundle, path: str | Path) -> Written:
    """Write the fp32 network into one file that any runtime of ONNX loads, once onnxruntime gave the golden outputs.

    Raises:
        ConfigError: the release is of an estimator, which is no network.
        StorageError: onnxruntime does not give the golden outputs, or the file cannot be written.
    """
    exported = bundle.exported
    graph = exported.graphs.get("fp32")
    if graph is None:
        raise ConfigError(
            f"{bundle.card.model} of {bundle.id[:SHORT]} is no network, so there is no graph to write as ONNX. "
            "Release a network, or take the arrays from the release's own safetensors files."
        )
    data = merged(graph.proto, graph.weights)
    session = OnnxSession(
        Graph(data, {}, graph.opset), inputs=exported.features.width, outputs=exported.head.outputs,
        streams=exported.streams, length=exported.length, precision="fp32", threads=1,
    )  # fmt: skip
    difference = bundle.golden.check(session)
    files.write_bytes(path, data)
    lanes = session.begin(1)
    state = [array.shape[1:] for array in lanes.state]
    return Written(
        len(data), graph.opset,
        {"x": lanes.x.shape[1:], **{f"state_{k}": shape for k, shape in enumerate(state)}},
        {"raw": lanes.raw.shape[1:], **{f"next_{k}": shape for k, shape in enumerate(state)}},
        difference,
    )  # fmt: skip
