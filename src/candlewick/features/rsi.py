"""Relative strength index of the close, after Wilder."""

from math import nan
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._fade import bars_to_forget

_BOUND = 1e-4
_LEAST_UPDATES = 60


class Rsi(Feature):
    """100 gain / (gain + loss) with Wilder's averages of the rises and falls of the close; in [0, 100].

    Both averages begin as the mean of the first `length` changes, then average += (change - average) / length.
    50 where there was neither rise nor fall.

    Memory fades: k updates after its beginning an average keeps q^k of it, q = 1 - 1 / length. Where changes before
    were at most twice as large as those since, the index moves by at most 400 q^k / (1 - q^k) points. The warm-up
    is as long as brings that to 1e-4, and no shorter than 60 updates: thin markets rest for many bars.

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
        """One close, `length` changes to begin with, and k updates, about 15 lengths."""
        updates = bars_to_forget(1 - 1 / self.length, _BOUND / (400 + _BOUND))
        return 1 + self.length + max(updates, _LEAST_UPDATES)

    @property
    def state_size(self) -> int:
        """Bars seen, previous close, average rise, average fall."""
        return 4

    @property
    def fade_bound(self) -> float:
        """1e-4 points of 100."""
        return _BOUND

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
