"""How long a live forecast takes: the network's step, and features, scaler and calibration around it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from candlewick.models._base import LayerCount, Model
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.lstm import Lstm
from candlewick.sizing.machine import Machine
from candlewick.sizing.scale import by_number, by_power

PRECISIONS = ("fp32", "bf16", "int8")
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
"""Of a weight."""

_GATES = 5  # functions of a unit of a recurrent layer: three sigmoids and two tangents


@dataclass(frozen=True)
class Latency:
    """Seconds of one live forecast for `instruments` that are stepped together.

    Attributes:
        precision: of the weights.
        instruments: stepped in one batch.
        p50: the middle of many.
        p99: one in a hundred takes longer, by what was measured of small engines on this machine.
        limit: bytes over bandwidth or operations over peak rate, whichever is longer: nothing is faster.
        network: part of `p50` that is the model's own.
        path: what does the arithmetic.
    """

    precision: str
    instruments: int
    p50: float
    p99: float
    limit: float
    network: float
    path: str


def latency(
    model: Model, layers: Sequence[LayerCount], machine: Machine, *,
    columns: int, length: int, streams: bool, precision: str, instruments: int = 1,
) -> Latency | None:  # fmt: skip
    """A forecast of the model with these layers on this machine, with the threads that answer soonest.

    `length` are the rows of a window, which a model that does not stream computes whole. Recurrent layers cost what
    compiled ones of nearly their size were measured to cost; where those were not measured, bytes over bandwidth
    or operations over rate, and their gates. None where the machine cannot multiply in this precision, and
    in reduced ones of a model that has nothing to reduce.
    """
    found = _network(model, layers, machine, precision, instruments)
    if found is None:
        return None
    step, path, limit = found
    bars = 1 if streams or not any(layer.recurrent for layer in layers) else length
    around, tail = _around(machine, columns, instruments)
    p50 = step * bars + around
    return Latency(precision, instruments, p50, p50 * tail, limit * bars, step * bars, path)


def _network(
    model: Model, layers: Sequence[LayerCount], machine: Machine, precision: str, instruments: int
) -> tuple[float, str, float] | None:
    """Seconds of one bar, the path, and the physical limit."""
    if not any(layer.recurrent for layer in layers) and sum(layer.multiply_adds for layer in layers) < 1e5:
        return (_estimator(model, layers, machine, instruments), "estimator", 0.0) if precision == "fp32" else None
    if machine.peak(precision) is None:
        return None
    limit = _limit(layers, machine, precision, instruments)
    if isinstance(model, Lstm) and (measured := _compiled(layers, machine, precision, instruments)):
        return max(measured, limit), "compiled", limit
    units = sum(math.sqrt(layer.multiply_adds / 8) for layer in layers if layer.recurrent)
    gates = min(machine.of("gates"), key=lambda m: m.seconds).seconds * _GATES * units * instruments
    if isinstance(model, Lstm):
        return limit + gates, "compiled (not measured: bandwidth and rate)", limit
    rated = _rated(layers, machine, precision, instruments)
    return None if rated is None else (max(rated, limit) + gates, "onnxruntime (from its products)", limit)


def _compiled(layers: Sequence[LayerCount], machine: Machine, precision: str, instruments: int) -> float | None:
    by_threads: dict[int, dict[float, dict[float, float]]] = {}
    for m in machine.of("step", precision=precision):
        batch, hidden, depth = m.shape
        by_threads.setdefault(m.threads, {}).setdefault(hidden, {})[batch] = m.seconds / depth
    if not by_threads:
        return None
    return min(
        sum(
            by_power({hidden: by_number(batches, instruments) for hidden, batches in grid.items()}, _width(layer))
            for layer in layers
            if layer.recurrent
        )
        for grid in by_threads.values()
    )


def _width(layer: LayerCount) -> float:
    # A layer of h units with as many inputs has 8 h^2 multiply-adds; others are taken as such a one.
    return math.sqrt(layer.multiply_adds / 8)


def _limit(layers: Sequence[LayerCount], machine: Machine, precision: str, instruments: int) -> float:
    products = sum(layer.multiply_adds for layer in layers)
    bytes_, peak = products * BYTES[precision], machine.peak(precision)
    assert peak is not None
    threads = {m.threads for m in machine.of("read")}
    moving = min(bytes_ / machine.bandwidth("read", bytes_, threads=count) for count in threads)
    return max(moving, 2 * products * instruments / (peak[0] * 1e9))


def _rated(layers: Sequence[LayerCount], machine: Machine, precision: str, instruments: int) -> float | None:
    seconds = []
    for threads in {m.threads for m in machine.of("product", path="onnxruntime", precision=precision)}:
        products = machine.of("product", path="onnxruntime", precision=precision, threads=threads)
        rates = {float(m.shape[0]): m.rate * 1e9 for m in products}
        rate = min(by_power(rates, instruments), max(rates.values()))
        seconds.append(2 * sum(layer.multiply_adds for layer in layers) * instruments / rate)
    return min(seconds, default=None)


def _estimator(model: Model, layers: Sequence[LayerCount], machine: Machine, instruments: int) -> float:
    steps = {float(m.shape[0]): m.seconds for m in machine.of("estimator step")}
    step = by_number(steps, instruments)
    if not isinstance(model, GradientBoosting):
        return step
    (walk,) = machine.of("tree walk")
    trees = layers[0].parameters / (2 * model.leaves - 1)
    comparisons = trees * math.log2(model.leaves) * instruments
    return step + walk.seconds * comparisons / walk.shape[1]


def _around(machine: Machine, columns: int, instruments: int) -> tuple[float, float]:
    """Seconds of all but the model, and how much longer one forecast in a hundred takes."""
    own = {m.shape: m.seconds for m in machine.of("estimator step")}
    whole = {m.shape: m.seconds for m in machine.of("engine")}
    slow = {m.shape: m.seconds for m in machine.of("engine p99")}
    by_columns: dict[float, dict[float, float]] = {}
    for (number, width), seconds in whole.items():
        by_columns.setdefault(number, {})[width] = max(seconds - own[number, width], seconds / 10)
    tails = {float(number): slow[number, width] / seconds for (number, width), seconds in whole.items()}
    around = {number: by_number(widths, columns) for number, widths in by_columns.items()}
    return by_number(around, instruments), max(1.0, by_power(tails, min(instruments, max(tails))))
