"""Datasets without a market: odd clocks, gaps, unequal instruments, labels that become known out of order."""

import numpy as np

from candlewick.core import random
from candlewick.labels._base import UNKNOWN
from candlewick.samples.dataset import Dataset


def odd_dataset(
    seed: int,
    *,
    bars: tuple[int, ...] = (90, 60, 75),
    length: int = 4,
    warmup: int = 3,
    horizon: int = 6,
    width: int = 3,
) -> Dataset:
    """Random features over instruments of `bars` bars each, that begin at different moments and miss some.

    Steps between bars are random with rare long gaps. Row i's label is known 1 to `horizon` bars later, at random, as
    a triple barrier's is; one row in twenty has none. Column 1 never moves.
    """
    rng = random.stream(seed, "odd dataset")
    clock = np.cumsum(rng.integers(1, 5, 2 * max(bars)) + 500 * (rng.random(2 * max(bars)) < 0.03))
    reach = length + warmup - 2
    parts = [_instrument(rng, clock, n, reach, horizon) for n in bars]
    t, start, known_at, y, ready = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    # A random walk of its own level: statistics of other rows than the training ones are visibly different.
    x = rng.standard_normal((len(t), width)).cumsum(axis=0).astype(np.float32)
    x[:, 1 % width] = 2.5
    x[~ready & (rng.random(len(t)) < 0.5)] = np.nan
    return Dataset(
        x=x,
        columns=tuple(f"x{k}" for k in range(width)),
        t=t,
        symbol=np.repeat(np.arange(len(bars)), bars),
        symbols=tuple(f"S{k}" for k in range(len(bars))),
        y=y,
        known_at=known_at,
        echo=rng.standard_normal(len(t)),
        start=start,
        length=length,
        ready=ready,
    )


def _instrument(
    rng: np.random.Generator, clock: np.ndarray, n: int, reach: int, horizon: int
) -> tuple[np.ndarray, ...]:
    t = np.sort(rng.choice(clock, n, replace=False)).astype(np.int64)
    position = np.arange(n)
    known = position + rng.integers(1, horizon + 1, n)
    reached = known < n
    y = np.where(reached & (rng.random(n) > 0.05), rng.standard_normal(n), np.nan)
    known_at = np.where(reached, t[np.minimum(known, n - 1)], UNKNOWN)
    return t, t[np.maximum(position - reach, 0)], known_at, y, position >= reach
