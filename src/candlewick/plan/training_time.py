"""How long training takes: an update's layers, optimiser and loop, times the updates of an epoch, times epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from candlewick.core.errors import ConfigError
from candlewick.models._base import LayerCount
from candlewick.plan.machine import Machine
from candlewick.plan.scale import by_number, by_power

_FORWARD_SHARE = 1 / 3  # of a product's training cost; the backward pass has two products for one
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
    warming: int
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
        operations=2 * products * walk.batches / _FORWARD_SHARE,
    )  # fmt: skip


def walked(rows: int, fitting: Fitting) -> Pass:
    """The batches that `rows` make, as `samples.stream` and `train.batches` make them for one instrument.

    >>> walked(1000, Fitting(rows=1000, validation=0, inputs=4, length=32, batch=32)).batches
    31.25
    >>> walked(8192, Fitting(8192, 0, 4, 1, sampling="streams", batch=16, chunk=64, warmup=128))
    Pass(batches=8, warming=2, closing=1, sequences=16, bars=64)
    """
    if fitting.sampling == "windows":
        return Pass(rows / min(fitting.batch, rows), 0, 0, min(fitting.batch, rows), fitting.length)
    lanes = min(fitting.batch, -(-rows // fitting.chunk))
    warming = fitting.warmup // fitting.chunk
    steps = math.ceil((rows / lanes + fitting.warmup) / fitting.chunk)
    return Pass(steps - warming, warming, 1, lanes, fitting.chunk)


def _update(
    layers: Sequence[LayerCount], walk: Pass, machine: Machine, fitting: Fitting, precision: str
) -> dict[str, float]:
    return {
        "layers": _layers(layers, walk, machine, "lstm training", precision, fitting.threads),
        "optimiser": _optimiser(layers, machine, fitting),
        "loop": _loop(walk, machine, fitting),
    }


def _layers(
    layers: Sequence[LayerCount], walk: Pass, machine: Machine, what: str, precision: str, threads: int
) -> float:
    total = 0.0
    for layer in layers:
        if layer.recurrent:
            total += _recurrent(machine, what, precision, threads, walk, layer.multiply_adds)
        elif layer.multiply_adds:
            share = 1.0 if what == "lstm training" else _FORWARD_SHARE
            work = 2 * layer.multiply_adds * walk.sequences * walk.bars / _FORWARD_SHARE * share
            total += work / _product_rate(machine, precision, threads, walk.sequences * walk.bars)
    return total


def _recurrent(machine: Machine, what: str, precision: str, threads: int, walk: Pass, multiply_adds: int) -> float:
    """A layer of `hidden` units with as many inputs has 8 x hidden^2 multiply-adds; others are taken as such a one."""
    hidden = math.sqrt(multiply_adds / 8)
    by_threads = {}
    for count in {m.threads for m in machine.of(what, precision=precision)}:
        grid: dict[float, dict[float, dict[float, float]]] = {}
        for m in machine.of(what, precision=precision, threads=count):
            batch, width, bars = m.shape
            grid.setdefault(width, {}).setdefault(batch, {})[bars] = m.seconds
        widths = {
            width: by_number(
                {batch: by_number(lengths, walk.bars) for batch, lengths in batches.items()}, walk.sequences
            )
            for width, batches in grid.items()
        }
        by_threads[float(count)] = by_power(widths, hidden)
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
    by_threads = {}
    for count in {m.threads for m in machine.of(what)}:
        few, many = sorted(machine.of(what, threads=count), key=lambda m: m.shape[1])
        tensor = few.seconds / few.shape[0]
        number = max(many.seconds - many.shape[0] * tensor, 0.0) / many.shape[1]
        by_threads[float(count)] = tensors * tensor + parameters * number
    return _on_threads(by_threads, fitting.threads)


def _loop(walk: Pass, machine: Machine, fitting: Fitting) -> float:
    """What the loop takes around its network: the trial's whole update less the network's own part of it."""
    around = {}
    for m in machine.of(f"{fitting.sampling} loop"):
        batch, hidden, bars = m.shape
        tiny = Pass(1, 0, 0, batch, bars)
        own = _recurrent(machine, "lstm training", "fp32", 1, tiny, 8 * hidden**2)
        around[float(batch)] = max(m.seconds - own, m.seconds / 4)
    return by_number(around, walk.sequences)


def _forward(layers: Sequence[LayerCount], walk: Pass, machine: Machine, fitting: Fitting) -> float:
    return (
        _layers(layers, walk, machine, "lstm validation", "fp32", fitting.threads) + _loop(walk, machine, fitting) / 2
    )


def _after_epoch(layers: Sequence[LayerCount], machine: Machine) -> float:
    """Weights are checked and, where they are the best so far, copied."""
    bytes_ = _FLOAT32 * sum(layer.parameters for layer in layers)
    return 3 * bytes_ / machine.bandwidth("copy", bytes_)


def _on_threads(values: dict[float, float], threads: int) -> float:
    return by_power(values, min(threads, max(values)))
