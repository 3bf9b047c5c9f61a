"""The libraries that a step of ours is measured against, each in the forms and settings that its users have.

A network is given to them as torch has it: `nn.LSTM` a layer ("lstm"), or with every layer written out as one matrix
product and its gates ("unrolled"), which some libraries run faster. Shapes are static, inputs and outputs lie in
memory that was taken before, and the carried state goes from one step's outputs to the next one's inputs uncopied.
"""

import copy
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Step = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Contestant:
    """One library in one setting.

    Attributes:
        spinning: whether its threads wait awake between steps; None where the library decides.
        form: how the network was given to it.
        begin: zero state; gives the step, (batch, inputs) or (batch, length, inputs) -> (batch, outputs).
    """

    library: str
    precision: str
    form: str
    threads: int
    spinning: bool | None
    begin: Callable[[], Step]

    @property
    def title(self) -> str:
        waiting = {None: "", True: ", spinning", False: ", sleeping"}[self.spinning]
        return f"{self.library} {self.precision}, {self.form}, {self.threads} thread{'s' * (self.threads > 1)}{waiting}"


class Stepped(nn.Module):
    """One bar of a `ResidualLstm` with its state as flat inputs and outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        raw, after = self.network(x[:, None], state)
        return (raw[:, 0], *after)


class Unrolled(nn.Module):
    """The same with every layer as one product of [input, h] with both matrices, and its gates."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.projection, self.norm, self.head, self.into = network.projection, network.norm, network.head, network.into
        joined = [torch.cat([layer.weight_ih_l0, layer.weight_hh_l0], 1).detach().T for layer in network.lstm]
        self.weight = nn.ParameterList(nn.Parameter(w.contiguous()) for w in joined)
        self.bias = nn.ParameterList(nn.Parameter((n.bias_ih_l0 + n.bias_hh_l0).detach()) for n in network.lstm)

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        out, outs, after = self.projection(x), [], []
        for k, (weight, bias, norm) in enumerate(zip(self.weight, self.bias, self.norm, strict=True)):
            h, c = state[2 * k], state[2 * k + 1]
            i, f, g, o = (torch.cat([out, h], 1) @ weight + bias).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            after += [h, c]
            out = norm(h)
            for j in self.into[k + 1]:
                out = out + outs[j - 1]
            outs.append(out)
        return (self.head(out), *after)


class Window(nn.Module):
    """The forecast at the end of one whole window."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.network(x)[0][:, -1],)


@dataclass(frozen=True)
class Shape:
    """What is stepped: `batch` instruments by one bar, or by a window of `length` bars where there is one."""

    batch: int
    inputs: int
    length: int | None = None

    @property
    def x(self) -> tuple[int, ...]:
        return (self.batch, self.inputs) if self.length is None else (self.batch, self.length, self.inputs)


def rivals(network: Any, shape: Shape) -> Iterator[Contestant]:
    """Every rival that is installed, in every form, precision and number of threads."""
    forms = {"window": Window(network)} if shape.length else {"lstm": Stepped(network), "unrolled": Unrolled(network)}
    state = [] if shape.length else [torch.zeros(shape.batch, network.hidden)] * (2 * len(network.lstm))
    for form, module in forms.items():
        module.eval().requires_grad_(False)
        yield from _torch(form, module, shape, state)
        with tempfile.TemporaryDirectory() as folder:
            path = _exported(module, shape, state, Path(folder) / f"{form}.onnx")
            yield from _onnxruntime(form, path)
            yield from _openvino(form, path)


def _torch(form: str, module: nn.Module, shape: Shape, state: list[Tensor]) -> Iterator[Contestant]:
    converted = copy.deepcopy(module).to(torch.bfloat16)
    compiled = torch.compile(module) if shutil.which("g++") or shutil.which("clang++") else None
    for threads in (1, 2):
        for library, called, precision, dtype, autocast in (
            ("torch eager", module, "fp32", torch.float32, False),
            ("torch eager", module, "bf16 autocast", torch.float32, True),
            ("torch eager", converted, "bf16", torch.bfloat16, False),
            ("torch.compile", compiled, "fp32", torch.float32, False),
        ):
            if called is not None:
                begin = _torch_begin(called, [part.to(dtype) for part in state], dtype, threads, autocast)
                yield Contestant(library, precision, form, threads, None, begin)


def _torch_begin(
    module: Callable[..., tuple[Tensor, ...]], zero: list[Tensor], dtype: torch.dtype, threads: int, autocast: bool
) -> Callable[[], Step]:
    def begin() -> Step:
        torch.set_num_threads(threads)
        state = list(zero)

        def step(x: np.ndarray) -> np.ndarray:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                raw, *state[:] = module(torch.from_numpy(x).to(dtype), *state)
            return raw.float().numpy()

        return step

    return begin


def _exported(module: nn.Module, shape: Shape, state: list[Tensor], path: Path) -> Path:
    inputs = ["x", *(f"before_{k}" for k in range(len(state)))]
    outputs = ["raw", *(f"after_{k}" for k in range(len(state)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # This exporter leaves an LSTM's weights as plain initializers, which quantize_dynamic needs.
        torch.onnx.export(
            module, (torch.zeros(shape.x), *state), path, input_names=inputs, output_names=outputs, dynamo=False
        )
    return path


def _onnxruntime(form: str, path: Path) -> Iterator[Contestant]:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    reduced = path.with_suffix(".int8.onnx")
    logging.disable(logging.WARNING)  # it advises a step that changes nothing where all shapes are static
    quantize_dynamic(path, reduced, weight_type=QuantType.QInt8)
    logging.disable(logging.NOTSET)
    for precision, file in (("fp32", path), ("int8", reduced)):
        for threads, spinning in ((1, False), (2, False), (2, True)):
            begin = _onnxruntime_begin(file, threads, spinning)
            yield Contestant("onnxruntime", precision, form, threads, spinning, begin)


def _onnxruntime_begin(file: Path, threads: int, spinning: bool) -> Callable[[], Step]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (x, *before), (raw, *after) = session.get_inputs(), session.get_outputs()

    def begin() -> Step:
        def value(node: Any) -> Any:
            taken = onnxruntime.OrtValue.ortvalue_from_shape_and_type(node.shape, np.float32)
            taken.update_inplace(np.zeros(node.shape, np.float32))
            return taken

        bar, answer = value(x), value(raw)
        states = [[value(node) for node in before] for _ in range(2)]
        bindings = []
        for source, target in (states, states[::-1]):
            binding = session.io_binding()
            for node, given in zip((x, *before), (bar, *source), strict=True):
                binding.bind_ortvalue_input(node.name, given)
            for node, taken in zip((raw, *after), (answer, *target), strict=True):
                binding.bind_ortvalue_output(node.name, taken)
            bindings.append(binding)

        def step(given: np.ndarray) -> np.ndarray:
            bar.update_inplace(given)
            session.run_with_iobinding(bindings[0])
            bindings.reverse()
            return answer.numpy()

        return step

    return begin


def _openvino(form: str, path: Path) -> Iterator[Contestant]:
    try:
        import openvino
    except ModuleNotFoundError:
        return
    core = openvino.Core()
    precisions = {"fp32": "f32", "bf16": "bf16"}
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        del precisions["bf16"]
    for precision, hint in precisions.items():
        for threads in (1, 2):
            setting = {
                "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads,
                "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
            }  # fmt: skip
            model = core.compile_model(core.read_model(path), "CPU", setting)
            yield Contestant("OpenVINO", precision, form, threads, None, _openvino_begin(model))


def _openvino_begin(model: Any) -> Callable[[], Step]:
    import openvino

    def begin() -> Step:
        def zeros(port: Any) -> Any:
            # Memory of the library's own: it would not keep an array of ours alive.
            taken = openvino.Tensor(port.element_type, port.shape)
            taken.data[:] = 0
            return taken

        bar, answer = zeros(model.inputs[0]), zeros(model.outputs[0])
        states = [[zeros(port) for port in model.inputs[1:]] for _ in range(2)]
        given_bar, taken_answer = bar.data, answer.data
        requests = []
        for source, target in (states, states[::-1]):
            request = model.create_infer_request()
            for k, tensor in enumerate((bar, *source)):
                request.set_input_tensor(k, tensor)
            for k, tensor in enumerate((answer, *target)):
                request.set_output_tensor(k, tensor)
            requests.append(request)

        def step(given: np.ndarray) -> np.ndarray:
            given_bar[:] = given
            requests[0].infer()
            requests.reverse()
            return taken_answer

        return step

    return begin
