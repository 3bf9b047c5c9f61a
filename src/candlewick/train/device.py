"""Where a network computes and how precisely: chosen, proven by a real operation, and reported."""

import contextlib
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from candlewick.core.errors import ConfigError, TrainingError
from candlewick.train._torch import torch
from candlewick.train.recipe import WORTH_BF16, Recipe

_TOLERANCE = {"fp32": 1e-4, "bf16": 5e-2}


@dataclass(frozen=True)
class Processor:
    """A device and a precision that were tried and computed correctly.

    Attributes:
        device: `cpu` or `cuda`, as torch calls it.
        precision: `fp32` or `bf16`.
        title: what a report shows, such as `cpu (AVX512, 1 thread)`.
    """

    device: str
    precision: str
    title: str

    def autocast(self, enabled: bool = True) -> torch.autocast:
        """Matrix products in bf16 where that is the precision; no effect in fp32."""
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=enabled and self.precision == "bf16")


def choose(recipe: Recipe, parameters: int) -> Processor:
    """The recipe's device and precision for a network of that many parameters.

    Raises:
        ConfigError: the device or the precision is not there. Nothing else is taken in its place.
        TrainingError: it is there but computes wrongly.
    """
    device = choose_device(recipe)
    precision = _precision(recipe.precision, device, parameters)
    verify(device, precision)
    return Processor(device, precision, _title(device, recipe.threads))


def choose_device(recipe: Recipe) -> str:
    """`cpu` or `cuda` as the recipe says, tried in fp32.

    Raises:
        ConfigError: cuda was asked for and is not there.
        TrainingError: it is there but computes wrongly.
    """
    present = torch.cuda.is_available()
    if recipe.device == "cuda" and not present:
        raise ConfigError(
            "device: cuda was asked for, and torch sees no CUDA device here. "
            "Allowed here: cpu, or auto, which takes cuda where there is one. "
            "Set device: cpu, or install a CUDA build of torch."
        )
    device = "cuda" if present and recipe.device != "cpu" else "cpu"
    verify(device, "fp32")
    return device


@functools.cache
def verify(device: str, precision: str) -> None:
    """One training step of a small LSTM, compared with the same step in float64 on the processor.

    Raises:
        TrainingError: the step fails or its result is off by more than the precision explains.
    """
    reference = _trial_step("cpu", torch.float64, False)
    try:
        result = _trial_step(device, torch.float32, precision == "bf16")
    except RuntimeError as error:
        raise TrainingError(
            f"{device} in {precision} was chosen, but a trial step on it failed: {error}. "
            "Mend the driver, or set device: cpu and precision: fp32."
        ) from error
    off = float((result - reference).abs().max() / reference.abs().max())
    if not off <= _TOLERANCE[precision]:
        raise TrainingError(
            f"{device} in {precision} was chosen, but a trial step on it is off by {off:.1e} of the largest weight. "
            f"At most {_TOLERANCE[precision]:.0e} is rounding. "
            "Do not trust this device; set device: cpu and precision: fp32."
        )


def seed_generators(device: str, seed: int) -> None:
    """What `torch.manual_seed` does for this device, without the stack trace that it formats for others."""
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed(seed)


@contextlib.contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Run with this many threads and deterministic kernels only; torch's settings and generator are restored after."""
    # cuBLAS reads this once, when it is first used; without it torch refuses deterministic products.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic  # a module of properties, which its stub does not list
    filled, rounded = memory.fill_uninitialized_memory, torch.backends.cudnn.allow_tf32
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices):
        try:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            # Filling fresh memory only helps programs that read it unwritten, and costs time.
            memory.fill_uninitialized_memory = False
            torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
            memory.fill_uninitialized_memory = filled
            torch.backends.cudnn.allow_tf32 = rounded


def _precision(wanted: str, device: str, parameters: int) -> str:
    if wanted == "bf16" and not has_bf16(device):
        raise ConfigError(
            f"precision: bf16 was asked for, and this {device} has no bf16 arithmetic. "
            "Allowed here: fp32, or auto, which takes bf16 where it is faster. Set precision: fp32."
        )
    if wanted == "auto":
        return "bf16" if parameters >= WORTH_BF16 and has_bf16(device) else "fp32"
    return wanted


def has_bf16(device: str) -> bool:
    """Whether the device multiplies in bf16 by itself, not by emulation."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _title(device: str, threads: int) -> str:
    if device == "cuda":
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({torch.backends.cpu.get_cpu_capability()}, {threads} thread{'s' * (threads > 1)})"


def _trial_step(device: str, dtype: torch.dtype, autocast: bool) -> torch.Tensor:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        lstm, head = torch.nn.LSTM(8, 16, batch_first=True).double(), torch.nn.Linear(16, 1).double()
        x, y = torch.randn(4, 6, 8, dtype=torch.float64), torch.randn(4, 6, 1, dtype=torch.float64)
    module = torch.nn.ModuleList([lstm, head]).to(device, dtype)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=autocast):
        raw = module[1](module[0](x.to(device, dtype))[0])
    weights = list(module.parameters())
    gradients = torch.autograd.grad((raw.to(dtype) - y.to(device, dtype)).square().mean(), weights)
    stepped = [(w - 0.5 * g).detach().double().cpu().flatten() for w, g in zip(weights, gradients, strict=True)]
    return torch.cat(stepped)
