"""Relative strength index of the close, after Wilder."""

from math import nan
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._fade import bars_to_forget

_LEFT_OVER = 2.5e-7


class Rsi(Feature):
    """100 gain / (gain + loss) with Wilder's averages of the rises and falls of the close; in [0, 100].

    Both averages begin as the mean of the first `length` changes, then average += (change - average) / length.
    50 where there was neither rise nor fall.

    Memory fades: k updates after its beginning an average keeps q^k of it, q = 1 - 1 / length. Where changes before
    were at most twice as large as those since, the index moves by at most 400 q^k / (1 - q^k): 1e-4 points.

    >>> Rsi(length=14).warmup
    221

    Reference: Wilder, "New Concepts in Technical Trading Systems", 1978.
    """

    columns: ClassVar[tuple[str, ...]] = ("close",)

    length: int = Field(14, ge=2, description="bars of Wilder's average")

    @property
    def outputs(self) -> tuple[str, ...]:
        """`("rsi_14",)`."""
        return (f"rsi_{self.length}",)

    @property
    def warmup(self) -> int:
        """One close, `length` changes to begin with, and the least k with q^k <= 2.5e-7: about 16 lengths."""
        return 1 + self.length + bars_to_forget(self._keep, _LEFT_OVER)

    @property
    def state_size(self) -> int:
        """Bars seen, previous close, average rise, average fall."""
        return 4

    @property
    def fade_bound(self) -> float:
        """400 q^k / (1 - q^k)."""
        left = self._keep ** (self.warmup - 1 - self.length)
        return 400 * left / (1 - left)

    def params(self) -> np.ndarray:
        """Length, and the warm-up."""
        return np.array([float(self.length), self.warmup])

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        length, bars = params[0], state[0]
        change = row[0] - state[1]
        if bars > 0.0:
            # While the first `length` changes come in, this is their running mean.
            share = min(bars, length)
            state[2] += (max(change, 0.0) - state[2]) / share
            state[3] += (max(-change, 0.0) - state[3]) / share
        state[0] = min(bars + 1.0, params[1])
        state[1] = row[0]
        total = state[2] + state[3]
        out[0] = nan
        if state[0] == params[1]:
            out[0] = 100.0 * state[2] / total if total > 0.0 else 50.0

    @property
    def _keep(self) -> float:
        return 1 - 1 / self.length
