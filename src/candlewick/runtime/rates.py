"""Short measurements of the library paths that a serving machine has: matrix products without torch.

A trial does a known amount of work and says how long it took; `sizing.measure` takes turns among them.
"""

import math
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core.clock import elapsed_s
from candlewick.core.random import stream

SHAPES = ((1, 512, 2048), (32, 512, 2048), (1024, 1024, 1024))
"""(rows, inner, columns) of the products: one bar and 32 bars of a layer of 512 from cache, and a large one."""

_LEAST_WORK = 4e7
"""Floating-point operations of one trial: smaller products are repeated until a clock can see them."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One short measurement of one way to do one kind of work.

    Attributes:
        what: kind of work, such as `product`, `copy` or `lstm training`.
        path: what does it, such as `torch linear`.
        precision: of what is multiplied, `fp32`, `bf16` or `int8`; of storage where nothing is.
        threads: processor threads.
        shape: size of the work, whatever it means for this kind.
        work: operations or bytes of one unit of work; 1 where only the time matters.
        seconds: do it and give the seconds that one unit of work took.
    """

    what: str
    path: str
    precision: str
    threads: int
    shape: tuple[int, ...]
    work: float
    seconds: Callable[[], float]


def timed(act: Callable[[], object], repeats: int = 1) -> float:
    """Seconds of one `act`, the mean of `repeats` in a row."""
    began = elapsed_s()
    for _ in range(repeats):
        act()
    return (elapsed_s() - began) / repeats


def repeats(shape: Sequence[int]) -> int:
    """How often a product of (rows, inner, columns) is done in one trial."""
    rows, inner, columns = shape
    return max(1, round(_LEAST_WORK / (2 * rows * inner * columns)))


def product(
    path: str, precision: str, threads: int, shape: tuple[int, int, int], seconds: Callable[[], float]
) -> Trial:
    """A trial of a matrix product: 2 operations a multiply-add."""
    return Trial("product", path, precision, threads, shape, 2.0 * math.prod(shape), seconds)


def resident(path: str) -> Trial:
    """The memory that this process takes now, in bytes, as the work of a trial whose time says nothing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        pages = 0
    return Trial("resident", path, "fp32", 1, (), float(pages * resource.getpagesize()), lambda: 1.0)


def trials(threads: int) -> Iterator[Trial]:
    """Gates, and products through onnxruntime, OpenVINO and numpy, where installed; onnxruntime's need `onnx`."""
    if threads == 1:
        yield _gates()
    if find_spec("onnx"):
        yield from _onnxruntime(threads)
    if find_spec("openvino"):
        yield from _openvino(threads)
    # Last, because the threads of its BLAS spin for some time afterwards and take a core of who comes next.
    yield from _numpy(threads)


def _gates() -> Trial:
    """One function of one unit of a recurrent layer."""
    x = _numbers(32, 512)
    return Trial("gates", "numpy", "fp32", 1, x.shape, 1.0, lambda: timed(partial(np.tanh, x, out=x), 20) / x.size)


def _numpy(threads: int) -> Iterator[Trial]:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    controller = ThreadpoolController()

    def seconds(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> float:
        with controller.limit(limits=threads, user_api="blas"):
            return timed(partial(np.matmul, a, b, out=out), repeats((*a.shape, out.shape[1])))

    for shape in SHAPES:
        rows, inner, columns = shape
        a, b, out = _numbers(rows, inner), _numbers(inner, columns), _numbers(rows, columns)
        yield product("numpy", "fp32", threads, shape, partial(seconds, a, b, out))


def _onnxruntime(threads: int) -> Iterator[Trial]:
    for shape in SHAPES:
        rows, inner, columns = shape
        rng = stream(0, "trials")
        numbers = _numbers(rows, inner), _numbers(inner, columns)
        bytes_ = rng.integers(0, 99, (rows, inner), np.uint8), rng.integers(-9, 9, (inner, columns), np.int8)
        for operator, precision, (x, w) in (("MatMul", "fp32", numbers), ("MatMulInteger", "int8", bytes_)):
            session = _one_node(operator, x, w, threads)
            run = partial(session.run, None, {"x": x})
            yield product("onnxruntime", precision, threads, shape, partial(timed, run, repeats(shape)))


def _one_node(operator: str, x: np.ndarray, w: np.ndarray, threads: int) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    gives = TensorProto.FLOAT if operator == "MatMul" else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"])], "product",
        [helper.make_tensor_value_info("x", kind, x.shape)], [helper.make_tensor_value_info("y", gives, None)],
        [numpy_helper.from_array(w, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1")  # as `runtime.onnx_session` runs it
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def _openvino(threads: int) -> Iterator[Trial]:
    import openvino
    from openvino import opset13 as ops

    core, shape = openvino.Core(), SHAPES[-1]
    rows, inner, columns = shape
    x = ops.parameter([rows, inner], np.float32)
    model = openvino.Model(ops.matmul(x, ops.constant(_numbers(inner, columns)), False, False), [x])
    for precision, hint in (("fp32", "f32"), ("bf16", "bf16")):
        settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads}
        compiled = core.compile_model(model, "CPU", settings)
        if str(compiled.get_property("INFERENCE_PRECISION_HINT")) != f"<Type: '{_openvino_name(precision)}'>":
            continue  # the processor has no such arithmetic and would compute in another
        request = compiled.create_infer_request()
        run = partial(request.infer, [_numbers(rows, inner)], share_inputs=True)
        yield product("openvino", precision, threads, shape, partial(timed, run, repeats(shape)))


def _openvino_name(precision: str) -> str:
    return {"fp32": "float32", "bf16": "bfloat16"}[precision]


def _numbers(*shape: int) -> np.ndarray:
    return stream(0, "trials").normal(size=shape).astype(np.float32)
