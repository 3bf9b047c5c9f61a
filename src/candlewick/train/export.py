"""From torch to the runtime: a trained network as an ONNX graph, and the same graph with int8 weights."""

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core.errors import ConfigError
from candlewick.models._base import Network, Weights
from candlewick.models._heads import Head
from candlewick.runtime.exported import Graph
from candlewick.runtime.proto import LARGEST_CONSTANT, with_initializers
from candlewick.train._torch import torch
from candlewick.train.infer import restored

if TYPE_CHECKING:
    import onnx_ir

OPSET = 20
"""Version of ONNX's standard operator set that graphs are written in."""

_EXAMPLES = 2  # torch takes a batch of one for a constant
_LARGEST_BATCH = 65_536


def to_graph(
    network: Network, weights: Weights, *, inputs: int, head: Head, length: int, streams: bool
) -> Graph:  # fmt: skip
    """The trained network as ONNX, forecasting as `train.infer.predict` does.

    Where it streams, the graph is one step: `x` (batch, inputs), `state_0` ... -> `raw` (batch, outputs), `next_0` ...;
    otherwise one window: `x` (batch, length, inputs) -> `raw` of its newest row. The batch may have any size.

    Network arrays keep their own names, as `weights.NAME`, and their own layout: whatever a standard operator wants
    turned or reordered is turned by the graph, once, when it is loaded. So other weights of the same spec fit the
    same graph, which is made once a process, and a saved model holds them once.

    Raises:
        ConfigError: the weights are of another network, or its module does something ONNX has no operators for.
    """
    restored(network, weights, inputs, head)  # refuses those of another network
    graph, own = _traced(network, inputs, head, length, streams)
    fitted = {f"weights.{name}": np.asarray(weights[name]) for name in own}
    return replace(graph, weights={**fitted, **graph.weights})


@lru_cache(maxsize=16)
def _traced(
    network: Network, inputs: int, head: Head, length: int, streams: bool
) -> tuple[Graph, tuple[str, ...]]:  # fmt: skip
    # The graph without the network's own arrays, and their names.
    with torch.random.fork_rng([]):
        module = network.build(inputs, head.outputs).eval()
    wrapped = (_Step if streams else _Window)(module).eval()
    batch = {0: torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)}
    with _silent(), torch.no_grad():
        x = torch.zeros(_EXAMPLES, length, inputs)
        state = tuple(torch.zeros_like(part) for part in module(x, None)[1]) if streams else ()
        shapes: dict[str, Any] = {"x": batch} | ({"state": tuple(batch for _ in state)} if streams else {})
        try:
            program = torch.onnx.export(
                wrapped, (x[:, 0] if streams else x, *state), dynamo=True, external_data=False, verbose=False,
                optimize=False, opset_version=OPSET, dynamic_shapes=shapes,
                input_names=["x", *(f"state_{k}" for k in range(len(state)))],
                output_names=["raw", *(f"next_{k}" for k in range(len(state)))],
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise ConfigError(
                f"{network.spec_name()} cannot be exported: {_first_cause(error)}. Its module may use any operation "
                "that torch.onnx.export(dynamo=True) knows, for any batch size. Write that operation with others."
            ) from error
        assert program is not None
    if any(isinstance(value.shape[0], int) for value in program.model.graph.inputs if value.shape is not None):
        raise ConfigError(
            f"{network.spec_name()} cannot be exported: its module takes the number of sequences for a constant, "
            "or asks for it as a number. Let it do the same for any batch."
        )
    own = _without_values(program.model)
    _simplify(program.model)
    names = tuple(value.name.removeprefix("weights.") for value in own if value.name and value.uses())
    del program.model.graph.inputs[len(program.model.graph.inputs) - len(own) :]
    return _separated(program.model), names


def quantised(graph: Graph) -> Graph:
    """The same graph with int8 weights in its matrix products and LSTM layers, and activations quantised as they come.

    Weights are symmetric, q = round(127 w / max |w|) with a maximum for each output; a vector of activations is uint8
    between its own least and largest value. Everything else stays float32, convolutions too: onnxruntime's integer
    ones take four to five times as long as its float ones.
    """
    import onnx
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxscript import optimizer

    model = onnx_ir.from_proto(onnx.load_from_string(with_initializers(graph.proto, graph.weights)))
    # Turned and reordered now: a quantiser takes only what is a weight, not what is computed from one.
    optimizer.fold_constants_ir(model, input_size_limit=sys.maxsize, output_size_limit=sys.maxsize)
    proto = onnx_ir.to_proto(model)
    proto.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")  # or it advises to do so
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        kinds = ["MatMul", "Gemm", "LSTM"]
        quantize_dynamic(proto, path, op_types_to_quantize=kinds, per_channel=True, weight_type=QuantType.QInt8)
        return _separated(onnx_ir.from_proto(onnx.load(path)))


class _Step(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.weights = network  # the attribute's name begins the names of all its arrays

    def forward(self, x: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raw, after = self.weights(x[:, None], state)
        return raw[:, -1], *after


class _Window(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.weights = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raw: torch.Tensor = self.weights(x, None)[0]
        return raw[:, -1]


def _without_values(model: "onnx_ir.Model") -> "list[onnx_ir.Value]":
    # As inputs, so that no pass can take a bias that is zero before training for one that is not needed.
    own = [value for name, value in model.graph.initializers.items() if name.startswith("weights.")]
    for value in own:
        model.graph.initializers.pop(value.name or "")
        value.const_value = None
    model.graph.inputs.extend(own)
    return own


def _simplify(model: "onnx_ir.Model") -> None:
    from onnx_ir.passes import common
    from onnxscript import optimizer, rewriter

    optimizer.inline(model)
    for _ in range(2):  # what is rewritten can be folded, and the other way round
        optimizer.fold_constants_ir(model)
        rewriter.rewrite(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)


def _separated(model: "onnx_ir.Model") -> Graph:
    import onnx_ir
    from onnx import numpy_helper
    from onnx_ir.passes import common

    common.LiftSubgraphInitializersToMainGraphPass()(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    common.ClearMetadataAndDocStringPass()(model)  # where all came from in torch, with the paths of files
    model.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    proto = onnx_ir.to_proto(model)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    weights = {name: array.copy() for name, array in arrays.items()
               if name.startswith("weights.") or array.size > LARGEST_CONSTANT}  # fmt: skip
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items() if name not in weights]
    proto.graph.ClearField("initializer")
    proto.graph.ClearField("value_info")
    proto.graph.initializer.extend(constants)
    opset = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    return Graph(proto.SerializeToString(deterministic=True), weights, opset)


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0].rstrip('.')}"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    # The exporter reports optional libraries that are absent and its own deprecations, which no user can act on.
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
