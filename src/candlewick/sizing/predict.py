"""What a model will cost on this machine: training time, memory, and the latency of its live forecasts."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from candlewick.core.errors import ConfigError
from candlewick.models._base import LayerCount, Model, Network
from candlewick.models._heads import Head
from candlewick.sizing.count import training_bytes
from candlewick.sizing.fit_time import FitTime, fit_time
from candlewick.sizing.latency import BYTES, PRECISIONS, Latency, latency
from candlewick.sizing.machine import Machine
from candlewick.sizing.training_time import Fitting, TrainingTime, training_time

INSTRUMENTS = (1, 32)
"""Instruments that live latency is told for."""

_ROW = 64  # bytes of a dataset's row beside its features: stamps, label, echo, flags
_FLOAT32 = 4


@dataclass(frozen=True)
class Prediction:
    """Costs of one model, from its counts and the machine.

    Attributes:
        training: seconds of one fit of a network by precision; {} for estimators, or where `untold` says why not.
        fit: seconds of one fit of an estimator.
        training_memory: bytes of the process of one fit, at its peak.
        serving_memory: bytes of a process that serves the model, by precision.
        latency: live forecasts of `INSTRUMENTS` in every precision that the machine has.
        untold: why something cannot be told; "" where everything is.
    """

    training: dict[str, TrainingTime]
    fit: FitTime | None
    training_memory: int | None
    serving_memory: dict[str, int]
    latency: tuple[Latency, ...]
    untold: str

    def live(self, precision: str, instruments: int = 1) -> Latency | None:
        """The latency in this precision for that many instruments, where it is known."""
        found = (one for one in self.latency if (one.precision, one.instruments) == (precision, instruments))
        return next(found, None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def predict(model: Model, machine: Machine, fitting: Fitting, *, head: Head, streams: bool) -> Prediction:
    """Costs of `model` with `fitting.inputs` columns, before it is trained.

    `streams` says whether it will serve with carried state; a network that does not computes whole windows.
    """
    layers = model.count(fitting.inputs, head, fitting.length)
    live = (
        latency(
            model, layers, machine, columns=fitting.inputs, length=fitting.length, streams=streams,
            precision=precision, instruments=instruments,
        )
        for precision in PRECISIONS
        for instruments in INSTRUMENTS
    )  # fmt: skip
    training, untold = _training(layers, fitting, machine) if isinstance(model, Network) else ({}, "")
    return Prediction(
        training=training,
        fit=None if isinstance(model, Network) else fit_time(model, head, fitting, machine),
        training_memory=_training_memory(model, layers, fitting, machine),
        serving_memory={
            precision: _serving_memory(layers, machine, precision)
            for precision in PRECISIONS
            if precision == "fp32" or isinstance(model, Network)
        },
        latency=tuple(one for one in live if one is not None),
        untold=untold,
    )


def wall_time(fits: Iterable[float], workers: int) -> float:
    """Seconds until fits of these lengths are done by so many workers, the longest begun first.

    >>> wall_time([3.0, 2.0, 2.0], 2)
    4.0
    """
    busy = [0.0] * workers
    for seconds in sorted(fits, reverse=True):
        heapq.heapreplace(busy, busy[0] + seconds)
    return max(busy)


def _training(layers: Sequence[LayerCount], fitting: Fitting, machine: Machine) -> tuple[dict[str, TrainingTime], str]:
    found, untold = {}, ""
    for precision in ("fp32", "bf16"):
        try:
            found[precision] = training_time(layers, fitting, machine, precision=precision)
        except ConfigError as error:
            untold = untold or str(error)
    return found, untold


def _training_memory(model: Model, layers: Sequence[LayerCount], fitting: Fitting, machine: Machine) -> int | None:
    rows = fitting.rows + fitting.validation
    # The features as they were computed, and scaled.
    data = rows * (2 * _FLOAT32 * fitting.inputs + _ROW)
    if not isinstance(model, Network):
        return machine.resident("runtime") + 3 * data
    if not machine.trains:
        return None
    walk = fitting.batch, fitting.chunk if fitting.sampling == "streams" else fitting.length
    kept = training_bytes(layers, sequences=walk[0], steps=walk[1], kahan=fitting.kahan)
    return machine.resident("torch") + data + kept.total


def _serving_memory(layers: Sequence[LayerCount], machine: Machine, precision: str) -> int:
    """The process, the weights as trained, and as they are laid out for the precision."""
    parameters = sum(layer.parameters for layer in layers)
    return machine.resident("runtime") + parameters * (_FLOAT32 + BYTES[precision])
