"""How long training takes: an update's layers, optimiser and loop, times the updates of an epoch, times epochs."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from candlewick.core.errors import ConfigError
from candlewick.models._base import LayerCount
from candlewick.sizing.machine import Machine
from candlewick.sizing.scale import by_number, by_power

PRODUCTS = 3
"""Matrix products of training for one of forecasting: the backward pass has two, for inputs and for weights."""

_FLOAT32 = 4


@dataclass(frozen=True)
class Fitting:
    """What decides the time of one fit of a network, beside the network.

    Attributes:
        rows: training rows.
        validation: validation rows; 0 for none.
        inputs: feature columns.
        length: rows of a window.
        sampling: windows, or streams with carried state.
        batch: windows of an update, or lanes.
        chunk: bars of a lane in one update (streams).
        warmup: bars before a lane's first loss (streams).
        epochs: at most.
        patience: epochs without a lower validation loss before training stops; None for never.
        threads: processor threads of one fit.
        kahan: whether weights are stored in bf16 with compensated updates.
    """

    rows: int
    validation: int
    inputs: int
    length: int
    sampling: Literal["windows", "streams"] = "windows"
    batch: int = 32
    chunk: int = 64
    warmup: int = 256
    epochs: int = 50
    patience: int | None = 10
    threads: int = 1
    kahan: bool = False

    @property
    def fewest_epochs(self) -> int:
        """Epochs that are certain: one that is never improved, and the patience after it."""
        if self.patience is None or not self.validation:
            return self.epochs
        return min(self.epochs, 1 + self.patience)


@dataclass(frozen=True)
class Pass:
    """One walk over some rows.

    Attributes:
        batches: batches with a loss.
        warming: batches before them that only warm up states.
        closing: batches after them of the one lane in which the circle of rows closes.
        sequences: windows or lanes of a batch.
        bars: bars of each.
    """

    batches: float
    warming: float
    closing: int
    sequences: int
    bars: int

    @property
    def alone(self) -> "Pass":
        """The same with one sequence."""
        return replace(self, sequences=1)


@dataclass(frozen=True)
class TrainingTime:
    """Seconds of one fit.

    Attributes:
        update: one update of the weights.
        validation: all validation rows once, in fp32.
        epoch: all training rows once, and validation.
        shortest: training that stops as soon as its patience allows.
        longest: all epochs.
        parts: seconds of `update` by part.
        operations: floating-point operations of an epoch's training products, 2 a multiply-add.
    """

    update: float
    validation: float
    epoch: float
    shortest: float
    longest: float
    parts: dict[str, float]
    operations: float


def training_time(layers: Sequence[LayerCount], fitting: Fitting, machine: Machine, *, precision: str) -> TrainingTime:
    """Seconds of one fit of a network with these layers, in `precision` (fp32 or bf16).

    Recurrent layers cost what layers of nearly their size were measured to cost, forward and backward with norm
    and dropout; other layers their multiply-adds over the measured rate of a product. The optimiser and the loop
    around an update were measured too.

    Raises:
        ConfigError: the machine was measured without torch, or without this precision.
    """
    if not any(machine.of("lstm training", precision=precision)):
        raise ConfigError(
            f"training in {precision} was not measured on this machine, so its time cannot be told. "
            "Install torch and measure again; bf16 also needs a processor that has it."
        )
    walk = walked(fitting.rows, fitting)
    parts = _update(layers, walk, machine, fitting, precision)
    update = sum(parts.values())
    closing = sum(_update(layers, walk.alone, machine, fitting, precision).values()) * walk.closing
    warming = _forward(layers, walk, machine, fitting) * walk.warming
    validation = 0.0
    if fitting.validation:
        checked = walked(fitting.validation, fitting)
        validation = _forward(layers, checked, machine, fitting) * (checked.batches + checked.warming)
    epoch = update * walk.batches + closing + warming + validation + _after_epoch(layers, machine)
    products = sum(layer.multiply_adds for layer in layers) * walk.sequences * walk.bars
    return TrainingTime(
        update, validation, epoch, epoch * fitting.fewest_epochs, epoch * fitting.epochs, parts,
        operations=2 * products * walk.batches * PRODUCTS,
    )  # fmt: skip


def walked(rows: int, fitting: Fitting) -> Pass:
    """The batches that `rows` make, as `samples.stream` and `train.batches` make them for one instrument.

    >>> walked(1000, Fitting(rows=1000, validation=0, inputs=4, length=32, batch=32)).batches
    31.25
    >>> walked(8192, Fitting(8192, 0, 4, 1, sampling="streams", batch=16, chunk=64, warmup=128))
    Pass(batches=8.25, warming=1.75, closing=1, sequences=16, bars=64)
    """
    if fitting.sampling == "windows":
        return Pass(rows / min(fitting.batch, rows), 0, 0, min(fitting.batch, rows), fitting.length)
    lanes = min(fitting.batch, -(-rows // fitting.chunk))
    steps = math.ceil((rows / lanes + fitting.warmup) / fitting.chunk)
    # A lane that begins less than a warm-up after the first row is warmed up less, and its loss makes an update.
    alike = 1 - min(1, fitting.warmup * lanes / rows) / 2
    warming = fitting.warmup // fitting.chunk * alike
    return Pass(steps - warming, warming, 1, lanes, fitting.chunk)


def _update(
    layers: Sequence[LayerCount], walk: Pass, machine: Machine, fitting: Fitting, precision: str
) -> dict[str, float]:
    return {
        "layers": _layers(layers, walk, machine, precision, fitting.threads),
        "optimiser": _optimiser(layers, machine, fitting),
        "loop": _loop(walk, machine, fitting),
    }


def _layers(layers: Sequence[LayerCount], walk: Pass, machine: Machine, precision: str, threads: int) -> float:
    total, rows = 0.0, walk.sequences * walk.bars
    for layer in layers:
        if layer.recurrent:
            total += _recurrent(machine, precision, threads, walk, layer.multiply_adds)
        elif layer.multiply_adds:
            work = 2 * layer.multiply_adds * rows * PRODUCTS
            total += work / _product_rate(machine, precision, threads, rows)
    return total


def _recurrent(machine: Machine, precision: str, threads: int, walk: Pass, multiply_adds: int) -> float:
    """A layer of `hidden` units with as many inputs has 8 x hidden^2 multiply-adds; others are taken as such a one."""
    hidden = math.sqrt(multiply_adds / 8)
    by_threads: dict[float, float] = {}
    for count in {m.threads for m in machine.of("lstm training", precision=precision)}:
        grid: dict[float, dict[float, dict[float, float]]] = {}
        for m in machine.of("lstm training", precision=precision, threads=count):
            batch, width, bars = m.shape
            grid.setdefault(width, {}).setdefault(batch, {})[bars] = m.typical
        widths = {
            width: by_number({batch: by_number(bars, walk.bars) for batch, bars in batches.items()}, walk.sequences)
            for width, batches in grid.items()
        }
        by_threads[count] = by_power(widths, hidden)
    return _on_threads(by_threads, threads)


def _product_rate(machine: Machine, precision: str, threads: int, rows: int) -> float:
    """Operations a second of torch's linear layer on that many rows."""
    by_threads: dict[float, dict[float, float]] = {}
    for m in machine.of("product", path="torch linear", precision=precision):
        by_threads.setdefault(m.threads, {})[m.shape[0]] = m.rate * 1e9
    most = {count: max(rates.values()) for count, rates in by_threads.items()}
    rates = {count: min(by_power(rates, rows), most[count]) for count, rates in by_threads.items()}
    return _on_threads(rates, threads)


def _optimiser(layers: Sequence[LayerCount], machine: Machine, fitting: Fitting) -> float:
    what = "compensated update" if fitting.kahan else "update"
    parameters = sum(layer.parameters for layer in layers)
    tensors = sum(4 if layer.recurrent else 2 for layer in layers if layer.parameters)
    by_threads: dict[float, float] = {}
    for count in {m.threads for m in machine.of(what)}:
        few, many = sorted(machine.of(what, threads=count), key=lambda m: m.shape[1])
        tensor = few.typical / few.shape[0]
        number = max(many.typical - many.shape[0] * tensor, 0.0) / many.shape[1]
        by_threads[count] = tensors * tensor + parameters * number
    return _on_threads(by_threads, fitting.threads)


def _loop(walk: Pass, machine: Machine, fitting: Fitting) -> float:
    """What the loop takes around its network: the trial's whole update less the network's own part of it."""
    around: dict[float, float] = {}
    for m in machine.of(f"{fitting.sampling} loop"):
        batch, hidden, bars = m.shape
        own = _recurrent(machine, "fp32", 1, Pass(1, 0, 0, batch, bars), 8 * hidden**2)
        around[batch * bars] = max(m.typical - own, m.typical / 4)
    return by_number(around, walk.sequences * walk.bars)


def _forward(layers: Sequence[LayerCount], walk: Pass, machine: Machine, fitting: Fitting) -> float:
    """A batch that is only forecast, in fp32."""
    trained = {m.shape: m.typical for m in machine.of("lstm training", precision="fp32", threads=1)}
    share = statistics.median(m.typical / trained[m.shape] for m in machine.of("lstm validation", threads=1))
    return share * _layers(layers, walk, machine, "fp32", fitting.threads) + _loop(walk, machine, fitting) / 2


def _after_epoch(layers: Sequence[LayerCount], machine: Machine) -> float:
    """Weights are checked and, where they are the best so far, copied."""
    bytes_ = _FLOAT32 * sum(layer.parameters for layer in layers)
    return 3 * bytes_ / machine.bandwidth("copy", bytes_)


def _on_threads(values: dict[float, float], threads: int) -> float:
    return by_power(values, min(threads, max(values)))
