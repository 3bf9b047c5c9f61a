"""Bars a second of training the 5 x 512 LSTM on streams, against the plain script beside this file.

    python benchmarks/speed/training.py [--bars 131072 --rounds 3 --threads 2]

Plain fp32, plain bf16, ours fp32 and ours bf16 take turns, epoch by epoch, so that whatever else the machine does
falls on all alike; a ratio is the median over rounds. Ours counts an epoch's bars over the epoch's whole time, with
all that the loop does: checks of the batch, norms, progress, and the extra chunk where the stream's circle closes.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from speed.plain_lstm import Trainer

from candlewick.core.progress import Silent
from candlewick.models._heads import HeadScale, Point
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train.device import has_bf16
from candlewick.train.loop import fit
from candlewick.train.recipe import Recipe

INPUTS, LANES, CHUNK = 40, 128, 64
SKIPS = ((2, 3), (3, 5))


def dataset(bars: int) -> Dataset:
    rng = np.random.default_rng(0)
    t = np.arange(bars) * 60_000_000_000
    x = rng.normal(size=(bars, INPUTS)).astype(np.float32)
    return Dataset(
        x=x, columns=tuple(f"f{k}" for k in range(INPUTS)), t=t, symbol=np.zeros(bars, dtype=np.int64),
        symbols=("SYN",), y=rng.normal(size=bars), known_at=t + 1, echo=np.full(bars, np.nan), start=t, length=1,
        ready=np.ones(bars, dtype=bool),
    )  # fmt: skip


def plain(data: Dataset, *, hidden: int, bf16: bool) -> Trainer:
    x = torch.from_numpy(data.x).reshape(LANES, -1, INPUTS).transpose(0, 1).contiguous()
    y = torch.from_numpy(data.y.astype(np.float32)).reshape(LANES, -1).T.contiguous()
    return Trainer(
        x, y, chunk=CHUNK, bf16=bf16, projection=hidden // 2, hidden=hidden, layers=5,
        skips=[(to, source) for source, to in SKIPS], dropout=0.2,
    )  # fmt: skip


def ours(data: Dataset, *, hidden: int, precision: str, threads: int) -> float:
    """Seconds of one epoch."""
    network = Lstm(layers=5, hidden=hidden, projection=hidden // 2, dropout=0.2, skips=SKIPS)
    recipe = Recipe(
        sampling="streams", batch=LANES, chunk=CHUNK, warmup=0, epochs=1, schedule="constant",
        precision=precision, threads=threads,
    )  # fmt: skip
    nothing = Samples(data, np.array([], dtype=np.int64))
    everything = Samples(data, np.arange(len(data)))
    return fit(
        network, everything, nothing, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe, seed=0, progress=Silent()
    ).seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--bars", type=int, default=131_072)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--hidden", type=int, default=512)
    asked = arguments.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset(asked.bars // (LANES * CHUNK) * LANES * CHUNK)
    small = dataset(2 * LANES * CHUNK)
    precisions = ["fp32", "bf16"] if has_bf16("cpu") else ["fp32"]
    trainers = {p: plain(data, hidden=asked.hidden, bf16=p == "bf16") for p in precisions}
    seconds: dict[str, list[float]] = {f"{who} {p}": [] for p in precisions for who in ("plain", "ours")}
    for p in precisions:  # first touches of memory and kernels are nobody's speed
        plain(small, hidden=asked.hidden, bf16=p == "bf16").epoch()
        ours(small, hidden=asked.hidden, precision=p, threads=asked.threads)
    for _ in range(asked.rounds):
        for p in precisions:
            seconds[f"plain {p}"].append(trainers[p].epoch())
            seconds[f"ours {p}"].append(ours(data, hidden=asked.hidden, precision=p, threads=asked.threads))
    figures: dict[str, object] = {"bars": len(data), "hidden": asked.hidden, "threads": asked.threads}
    figures |= {f"{name}, bars a second": len(data) / statistics.median(taken) for name, taken in seconds.items()}
    for p in precisions:
        pairs = zip(seconds["plain fp32"], seconds[f"ours {p}"], strict=True)
        figures[f"ours {p} / plain fp32"] = statistics.median(a / b for a, b in pairs)
    figures["target"] = "fp32 at least 0.97, bf16 at least 1.5"
    record("training", figures)


if __name__ == "__main__":
    main()
