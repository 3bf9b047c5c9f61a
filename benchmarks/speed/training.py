"""Training the 5 x 512 LSTM on streams and on windows: share of the machine's peak, against the plain scripts.

    python benchmarks/speed/training.py [--bars 131072 --rounds 3 --threads 2]

Plain and ours, fp32 and bf16, streams and windows take turns, epoch by epoch, so that whatever else the machine does
falls on all alike; a ratio is the median over rounds. Ours counts an epoch's bars over the epoch's whole time, with
all that the loop does: checks of the batch, norms, progress, and the extra chunk where the stream's circle closes.
A window is `--length` bars with one label; both sides see as many bars an epoch as on streams.

A bar costs three times the multiply-adds of one step (forward, and backward to inputs and to weights), 2 FLOP each.
The peak is the best rate of a matrix product by any library path that is installed, on as many threads, measured in
the same run; more than all of it is refused as a fault of the measurement.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from speed.plain_lstm import Trainer, WindowTrainer

from candlewick.core.progress import Silent
from candlewick.lab.planning import measured_machine
from candlewick.models._heads import HeadScale, Point
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset, Samples
from candlewick.sizing.machine import Machine
from candlewick.train.device import has_bf16
from candlewick.train.loop import fit
from candlewick.train.recipe import Recipe

INPUTS, LANES, CHUNK = 40, 128, 64
SKIPS = ((2, 3), (3, 5))

Epoch = Callable[[], float]
"""Runs one epoch and gives its seconds."""


def network(hidden: int) -> Lstm:
    return Lstm(layers=5, hidden=hidden, projection=hidden // 2, dropout=0.2, skips=SKIPS)


def samples(rows: int, length: int) -> Samples:
    """`rows` labelled rows, each with the `length` bars that end at it."""
    rng, bars = np.random.default_rng(0), rows + length - 1
    t = np.arange(bars) * 60_000_000_000
    data = Dataset(
        x=rng.normal(size=(bars, INPUTS)).astype(np.float32), columns=tuple(f"f{k}" for k in range(INPUTS)), t=t,
        symbol=np.zeros(bars, dtype=np.int64), symbols=("SYN",), y=rng.normal(size=bars), known_at=t + 1,
        echo=np.full(bars, np.nan), start=t, length=length, ready=np.arange(bars) >= length - 1,
    )  # fmt: skip
    return Samples(data, np.arange(length - 1, bars))


def plain(given: Samples, sampling: str, precision: str, hidden: int) -> Epoch:
    net = {
        "projection": hidden // 2, "hidden": hidden, "layers": 5, "skips": [(to, source) for source, to in SKIPS],
        "dropout": 0.2, "bf16": precision == "bf16",
    }  # fmt: skip
    x, y = torch.from_numpy(given.data.x), torch.from_numpy(given.y.astype(np.float32))
    if sampling == "windows":
        return WindowTrainer(x, y, length=given.data.length, batch=LANES, **net).epoch
    lanes = x.reshape(LANES, -1, INPUTS).transpose(0, 1).contiguous()
    return Trainer(lanes, y.reshape(LANES, -1).T.contiguous(), chunk=CHUNK, **net).epoch


def ours(given: Samples, sampling: str, precision: str, hidden: int, threads: int) -> Epoch:
    recipe = Recipe(
        sampling=sampling, batch=LANES, chunk=CHUNK, warmup=0, epochs=1, schedule="constant", precision=precision,
        threads=threads,
    )  # fmt: skip
    nothing = Samples(given.data, np.array([], dtype=np.int64))

    def epoch() -> float:
        return fit(
            network(hidden), given, nothing, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe, seed=0,
            progress=Silent(),
        ).seconds  # fmt: skip

    return epoch


def figures_of(title: str, bars: int, taken: dict[str, list[float]], gflop: float, machine: Machine, threads: int):
    """Speed, share of the peak and ratio of one sampling in one precision, `gflop` being those of a bar."""
    precision = title.split()[-1]
    figures: dict[str, object] = {}
    for who in ("plain", "ours"):
        speed = bars / statistics.median(taken[f"{who} {title}"])
        share = machine.share(speed * gflop, precision, threads=threads)
        figures[f"{who} {title}, bars a second"] = speed
        figures[f"{who} {title}, share of peak"] = share.reason if share.value is None else share.value
    for against in dict.fromkeys((precision, "fp32")):
        pairs = zip(taken[f"plain {title.split()[0]} {against}"], taken[f"ours {title}"], strict=True)
        figures[f"ours {title} / plain {against}"] = statistics.median(a / b for a, b in pairs)
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--bars", type=int, default=131_072)
    arguments.add_argument("--length", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--hidden", type=int, default=512)
    asked = arguments.parse_args()
    torch.set_num_threads(asked.threads)
    updates = asked.bars // (LANES * CHUNK)
    bars = updates * LANES * CHUNK
    given = {"streams": (bars, 1), "windows": (bars // asked.length, asked.length)}
    small = {"streams": (2 * LANES * CHUNK, 1), "windows": (2 * LANES, asked.length)}
    titles = [f"{s} {p}" for s in given for p in (["fp32", "bf16"] if has_bf16("cpu") else ["fp32"])]

    def sides(sizes: dict[str, tuple[int, int]]) -> dict[str, Epoch]:
        rows = {sampling: samples(*size) for sampling, size in sizes.items()}
        epochs = {}
        for title in titles:
            sampling, precision = title.split()
            epochs[f"plain {title}"] = plain(rows[sampling], sampling, precision, asked.hidden)
            epochs[f"ours {title}"] = ours(rows[sampling], sampling, precision, asked.hidden, asked.threads)
        return epochs

    for epoch in sides(small).values():  # first touches of memory and kernels are nobody's speed
        epoch()
    epochs = sides(given)
    taken: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(asked.rounds):
        for name, epoch in epochs.items():
            taken[name].append(epoch())
    machine = measured_machine(remeasure=True)
    multiply_adds = sum(layer.multiply_adds for layer in network(asked.hidden).count(INPUTS, Point(), 1))
    figures: dict[str, object] = {
        "bars": bars, "window": asked.length, "hidden": asked.hidden, "threads": asked.threads, "rounds": asked.rounds,
    }  # fmt: skip
    for precision in sorted({title.split()[1] for title in titles}):
        peak = machine.peak(precision, threads=asked.threads)
        assert peak is not None
        figures[f"peak {precision}, GFLOP/s"], figures[f"peak {precision}, path"] = peak
    for title in titles:
        figures |= figures_of(title, bars, taken, 6e-9 * multiply_adds, machine, asked.threads)
    figures["target"] = "on streams ours / plain fp32 at least 0.97 in fp32 and 1.5 in bf16"
    record("training", figures)


if __name__ == "__main__":
    main()
