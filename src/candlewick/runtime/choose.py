"""Which kernel, precision and threads answer soonest on this machine: measured, not assumed."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from candlewick.core import random
from candlewick.core.clock import elapsed_ns
from candlewick.core.errors import ConfigError
from candlewick.models._base import Estimator
from candlewick.models.lstm import Lstm
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.exported import Exported
from candlewick.runtime.session import Lanes, Precision, Session

_PRECISIONS: tuple[Precision, ...] = get_args(Precision)
_ROUNDS = 20
_WARMING = 10
_BUDGET_NS = 1_000_000_000
"""About what all candidates' steps may take on an idle machine."""

_AS_GOOD_AS = 1.03
"""A simpler setting is taken where its median is within this of the fastest."""


@dataclass(frozen=True)
class Setting:
    """How a model is run.

    Attributes:
        kernel: "compiled", "onnxruntime" or "estimator".
        precision: "fp32", "bf16" or "int8".
        threads: processor threads of a step.
        spinning: whether they burn their cores between steps, which wakes them sooner.
    """

    kernel: str
    precision: Precision = "fp32"
    threads: int = 1
    spinning: bool = False

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.kernel} {self.precision}, {threads}{', spinning' * self.spinning}"


@dataclass(frozen=True)
class Measured:
    """What a setting took for one step of all instruments, in microseconds."""

    setting: Setting
    p50_us: float
    p99_us: float


def candidates(exported: Exported, *, spinning: bool = False) -> tuple[Setting, ...]:
    """Settings that can run this model here, the simplest first.

    Reduced precisions are there only where `Exported.precisions` allows them. Threads are one and, where there
    are cores, two. `spinning` adds variants whose threads never sleep, for cores that have nothing else to do.
    """
    if isinstance(exported.model, Estimator):
        return (Setting("estimator"),)
    allowed = [p for p in _PRECISIONS if p == "fp32" or (p in exported.precisions and exported.precisions[p].allowed)]
    kernels = [(precision, kernel) for precision in allowed for kernel in _kernels(exported, precision)]
    cores = len(os.sched_getaffinity(0))
    ways = [(threads, False) for threads in (1, 2) if threads <= cores]
    ways += [(threads, True) for threads, _ in ways if spinning and threads > 1]
    return tuple(Setting(kernel, precision, *way) for way in ways for precision, kernel in kernels)


def open_session(exported: Exported, setting: Setting) -> Session:
    """The model ready to run in this way.

    Raises:
        ConfigError: the model cannot be run so, or the precision was judged and refused.
    """
    judged = exported.precisions.get(setting.precision)
    if judged is not None and not judged.allowed:
        raise ConfigError(f"{setting.precision} is refused for this model: {judged.reason}. Use fp32.")
    if setting.kernel == "estimator":
        return EstimatorSession(exported)
    if setting.kernel not in _kernels(exported, setting.precision):
        raise ConfigError(
            f"{exported.model.spec_name()} cannot be run as {setting}. "
            f"Here it can be as: {'; '.join(str(other) for other in candidates(exported, spinning=True))}."
        )
    shape: dict[str, Any] = {
        "inputs": exported.features.width, "outputs": exported.head.outputs, "streams": exported.streams,
        "length": exported.length, "precision": setting.precision, "threads": setting.threads,
        "spinning": setting.spinning,
    }  # fmt: skip
    if setting.kernel == "compiled":
        from candlewick.runtime.kernels.residual_lstm import CompiledLstm

        return CompiledLstm(cast(Lstm, exported.model), exported.weights, **shape)
    from candlewick.runtime.onnx_session import OnnxSession

    return OnnxSession(exported.graphs[setting.precision], **shape)


def choose(
    exported: Exported, instruments: int = 1, *, settings: Sequence[Setting] | None = None
) -> tuple[Setting, tuple[Measured, ...]]:  # fmt: skip
    """The setting with the lowest median time of a step of so many instruments, and what was measured of each.

    Every one of `settings` (all `candidates` by default) is warmed and then stepped in 20 interleaved rounds, about a
    second in all; one that spins is stepped alone, for it would burn a core of the others. The first of them whose
    median is within 3 % of the lowest is taken: among candidates, fewer threads and fp32 come first.
    """
    settings = candidates(exported) if settings is None else settings
    together = [setting for setting in settings if not setting.spinning]
    rounds = [together, *([setting] for setting in settings if setting.spinning)]
    measured = tuple(one for group in rounds for one in _measured(exported, group, instruments, len(settings)))
    limit = _AS_GOOD_AS * min(one.p50_us for one in measured)
    return next(one.setting for one in measured if one.p50_us <= limit), measured


def _measured(exported: Exported, settings: list[Setting], instruments: int, rivals: int) -> list[Measured]:
    lanes = [_filled(open_session(exported, setting), instruments) for setting in settings]
    steps = [_steps_a_round(own, instruments, rivals) for own in lanes]
    times: list[list[int]] = [[] for _ in lanes]
    for _ in range(_ROUNDS):
        for own, count, found in zip(lanes, steps, times, strict=True):
            found.extend(_timed(own, instruments) for _ in range(count))
    return [
        Measured(setting, *(float(q) / 1e3 for q in np.quantile(found, (0.5, 0.99))))
        for setting, found in zip(settings, times, strict=True)
    ]


def _kernels(exported: Exported, precision: Precision) -> Iterator[str]:
    from candlewick.runtime.kernels.residual_lstm import compiled_precisions

    if precision in compiled_precisions(exported.model):
        yield "compiled"
    if precision in exported.graphs:
        yield "onnxruntime"


def _filled(session: Session, instruments: int) -> Lanes:
    lanes = session.begin(instruments)
    lanes.x[:] = random.stream(0, "choose").standard_normal(lanes.x.shape)
    lanes.echo[:] = 1.0
    return lanes


def _steps_a_round(lanes: Lanes, instruments: int, rivals: int) -> int:
    quickest = min(_timed(lanes, instruments) for _ in range(_WARMING))
    return max(1, min(200, _BUDGET_NS // (_ROUNDS * rivals * max(quickest, 1))))


def _timed(lanes: Lanes, instruments: int) -> int:
    began = elapsed_ns()
    lanes.step(instruments)
    return elapsed_ns() - began
