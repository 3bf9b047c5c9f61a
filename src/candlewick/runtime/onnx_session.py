"""Any network as ONNX, run by onnxruntime on the processor."""

import os
from collections import OrderedDict
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from candlewick.core.errors import ConfigError, StorageError
from candlewick.runtime.exported import Graph
from candlewick.runtime.proto import parts
from candlewick.runtime.session import Lanes, Precision, Session

if TYPE_CHECKING:
    import onnxruntime

_BINDINGS_KEPT = 32
_LARGEST_LANE = 2**24  # numbers that one lane takes or gives
_FATAL = 4  # onnxruntime's log level; what goes wrong comes as an exception

Shapes = dict[str, tuple[int, ...]]
"""Dimensions of every array after the batch, by the graph's name for it."""


class OnnxSession(Session):
    """A graph with its weights in onnxruntime: fp32, or int8 where the graph holds int8 weights.

    bf16 is not offered: on x64 processors onnxruntime has no LSTM, MatMul or Gemm that takes it.

    Raises:
        ConfigError: bf16, or no thread.
        StorageError: onnxruntime does not take the graph, its inputs and outputs are others than these, or a trial
            step from zeros fails.
    """

    kernel: ClassVar[str] = "onnxruntime"

    def __init__(
        self, graph: Graph, *, inputs: int, outputs: int, streams: bool, length: int,
        precision: Precision, threads: int, spinning: bool = False,
    ) -> None:  # fmt: skip
        if precision == "bf16":
            raise ConfigError(
                "onnxruntime does not compute in bf16 on x64 processors, was precision bf16. "
                "Allowed are fp32 and int8. Use one of them, or a kernel that has bf16."
            )
        if threads < 1:
            raise ConfigError(f"a session needs a thread, was {threads}. Allowed is 1 or more. Give 1.")
        self.precision, self.threads, self.spinning = precision, threads, spinning
        self._runtime = _loaded(graph, threads, spinning)
        row = (inputs,) if streams else (length, inputs)
        self._takes = _shapes(self._runtime.get_inputs(), "x", row, "state_", streams)
        self._gives = _shapes(self._runtime.get_outputs(), "raw", (outputs,), "next_", streams)
        if list(self._takes.values())[1:] != list(self._gives.values())[1:]:
            raise StorageError(
                f"a graph's state must keep its shape, was {self._takes} before and {self._gives} after a step. "
                "Export the model again."
            )
        trial = self.begin(1)
        trial.step(1)
        if not np.isfinite(trial.raw).all():
            raise StorageError(f"the graph's forecast from zeros must be finite, was {trial.raw}. Export it again.")

    def begin(self, capacity: int) -> "OnnxLanes":
        """Fresh lanes with zero state."""
        return OnnxLanes(self._runtime, self._takes, self._gives, capacity)


class OnnxLanes(Lanes):
    """Lanes whose arrays onnxruntime reads and writes in place."""

    def __init__(self, runtime: "onnxruntime.InferenceSession", takes: Shapes, gives: Shapes, capacity: int) -> None:
        (row, *states), (outputs, *_) = takes.values(), gives.values()
        self.x = np.zeros((capacity, *row), np.float32)
        self.echo = np.empty((capacity, 0))
        self.raw = np.zeros((capacity, *outputs))
        self._raw = np.zeros(self.raw.shape, np.float32)
        self._before, self.state = _side_by_side(capacity, states)
        self._after, self._next = _side_by_side(capacity, states)
        self._runtime = runtime
        self._inputs = dict(zip(takes, (self.x, *self.state), strict=True))
        self._outputs = dict(zip(gives, (self._raw, *self._next), strict=True))
        self._bindings: OrderedDict[int, onnxruntime.IOBinding] = OrderedDict()

    def step(self, rows: int) -> None:
        """One step of the first `rows` lanes; the others are left as they are.

        Raises:
            ConfigError: there are not that many lanes.
            StorageError: the graph cannot be run for that many.
        """
        if rows == 0:
            return
        binding = self._bindings.get(rows) or self._bound(rows)
        try:
            self._runtime.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors share no other base class
            raise StorageError(f"the graph broke off: {error}. Export the model again.") from error
        self.raw[:rows] = self._raw[:rows]
        # Not written in place by the graph: it may read a state after it has written the next one.
        if rows == len(self.x):
            self._before[:] = self._after
        else:
            for state, after in zip(self.state, self._next, strict=True):
                state[:rows] = after[:rows]

    def _bound(self, rows: int) -> "onnxruntime.IOBinding":
        if not 0 < rows <= len(self.x):
            raise ConfigError(f"lanes step 0 to {len(self.x)} rows, was {rows}. Begin lanes of a larger capacity.")
        binding = self._runtime.io_binding()
        for bind, arrays in ((binding.bind_input, self._inputs), (binding.bind_output, self._outputs)):
            for name, array in arrays.items():
                bind(name, "cpu", 0, np.float32, (rows, *array.shape[1:]), array.ctypes.data)
        if len(self._bindings) == _BINDINGS_KEPT:
            self._bindings.popitem(last=False)
        self._bindings[rows] = binding
        return binding


def _side_by_side(capacity: int, shapes: list[tuple[int, ...]]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    # One piece of memory, so that the state of all lanes is moved by one copy.
    sizes = [capacity * prod(shape) for shape in shapes]
    block = np.zeros(sum(sizes), np.float32)
    parts = np.split(block, np.cumsum(sizes)[:-1]) if shapes else []
    return block, tuple(part.reshape(capacity, *shape) for part, shape in zip(parts, shapes, strict=True))


def _loaded(graph: Graph, threads: int, spinning: bool) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL
    options.enable_mem_pattern = False  # it would keep a plan of memory for every batch size seen
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    # Without int8 dot products (VNNI) its quick product of u8 and s8 adds pairs in 16 bits, which overflow.
    options.add_session_config_entry("session.x64quantprecision", "1")
    # Or the bytes could pass for its own binary format, which nobody has checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # From a file in memory and not from bytes: putting those together would hold the interpreter's lock for long.
        with open(os.memfd_create("graph"), "wb") as file:
            file.writelines(parts(graph.proto, graph.weights))
            file.flush()
            place = f"/proc/self/fd/{file.fileno()}"
            return onnxruntime.InferenceSession(place, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # its errors share no other base class
        raise StorageError(
            f"onnxruntime {onnxruntime.__version__} does not take the graph (opset {graph.opset}), was: "
            f"{str(error).strip() or type(error).__name__}. "
            "Export the model again, or install the onnxruntime that it was exported with."
        ) from error


def _shapes(
    nodes: "list[onnxruntime.NodeArg]", first: str, shape: tuple[int, ...], rest: str, streams: bool
) -> Shapes:  # fmt: skip
    found = {node.name: tuple(node.shape[1:]) for node in nodes if node.type == "tensor(float)" and node.shape}
    names = [first, *(f"{rest}{k}" for k in range(len(nodes) - 1))]
    sane = all(isinstance(size, int) and size > 0 for sizes in found.values() for size in sizes)
    sane = sane and sum(prod(sizes) for sizes in found.values()) <= _LARGEST_LANE
    if list(found) != names or found[first] != shape or not sane or streams != (len(nodes) > 1):
        asked = f"{first} {('batch', *shape)}" + (f", {rest}0 ..." if streams else "")
        raise StorageError(
            f"the graph has {', '.join(f'{node.name} {node.type} {node.shape}' for node in nodes)}; "
            f"this model needs {asked}, all float. Use the graph that was exported with the model."
        )
    return found
