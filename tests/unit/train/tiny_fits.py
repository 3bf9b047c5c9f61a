"""Data and fits small enough for a test; run as a program it is a fit that another process can kill.

python tiny_fits.py CHECKPOINT SAMPLING [KILL_AT_STEP]  ->  prints the hash of the weights, unless it was killed
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core.progress import Silent
from candlewick.models._base import LayerCount, Network
from candlewick.models._heads import Head, Point
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train import checkpoint as checkpoints
from candlewick.train.loop import Fit, fit
from candlewick.train.recipe import Recipe

LENGTH = 6


class Recurrent(Network):
    """One LSTM layer with dropout and a linear head."""

    streams = True
    hidden: int = 8
    dropout: float = 0.1

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        return ()

    def build(self, inputs: int, outputs: int):
        import torch

        class Module(torch.nn.Module):
            def __init__(self, hidden: int, dropout: float) -> None:
                super().__init__()
                self.lstm = torch.nn.LSTM(inputs, hidden, batch_first=True)
                self.norm = torch.nn.LayerNorm(hidden)
                self.dropout = torch.nn.Dropout(dropout)
                self.head = torch.nn.Linear(hidden, outputs)

            def forward(self, x, state=None):
                before = None if state is None else (state[0][None], state[1][None])
                out, (h, c) = self.lstm(x, before)
                return self.head(self.dropout(self.norm(out))), (h[0], c[0])

        return Module(self.hidden, self.dropout)


def dataset(bars: int = 400, width: int = 3, symbols: int = 1, seed: int = 0) -> Dataset:
    """Noise features and a label that is the product of the two newest values of the first, and some noise."""
    rng = np.random.default_rng(seed)
    n = bars * symbols
    x = rng.normal(size=(n, width)).astype(np.float32)
    y = x[:, 0].astype(float) * np.roll(x[:, 0], 1) + 0.1 * rng.normal(size=n)
    position = np.tile(np.arange(bars), symbols)
    t = position * 60_000_000_000
    return Dataset(
        x=x, columns=tuple("abcdefgh"[:width]), t=t, symbol=np.repeat(np.arange(symbols), bars),
        symbols=tuple(f"S{k}" for k in range(symbols)), y=y, known_at=t + 60_000_000_000, echo=np.full(n, np.nan),
        start=t, length=LENGTH, ready=position >= LENGTH - 1,
    )  # fmt: skip


def cut(data: Dataset, first: int, last: int) -> Samples:
    """Rows first .. last - 1 of every instrument that are ready."""
    bars = len(data) // len(data.symbols)
    position = np.arange(len(data)) % bars
    return Samples(data, np.flatnonzero(data.ready & (position >= first) & (position < last)))


def recipe(**changes: Any) -> Recipe:
    settings = {"batch": 8, "chunk": 12, "warmup": 10, "epochs": 3, "learning_rate": 0.01} | changes
    return Recipe(**settings)


def train(
    data: Dataset | None = None, *, seed: int = 1, network: Network | None = None, validation: bool = True,
    checkpoint: Path | None = None, progress: Any = None, **changes: Any,
) -> Fit:  # fmt: skip
    data = dataset() if data is None else data
    head, samples = Point(), cut(data, 0, 240)
    return fit(
        network or Recurrent(), samples, cut(data, 250, 320 if validation else 250), head=head,
        scale=head.fit_scale(samples.y), recipe=recipe(**changes), seed=seed, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip


class KilledAt(Silent):
    """Ends its own process with kill -9 when that many steps are done."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    checkpoints.SAVE_EVERY_S = 0.0
    checkpoints.SHARE_OF_TIME = 1.0
    killed = KilledAt(int(sys.argv[3])) if len(sys.argv) > 3 else None
    done = train(checkpoint=Path(sys.argv[1]), sampling=sys.argv[2], progress=killed)
    print(checkpoints.weights_hash(done.weights), len(done.curve))


if __name__ == "__main__":
    import tiny_fits  # a network's identity holds the name of its module, which must not be __main__

    tiny_fits.main()
