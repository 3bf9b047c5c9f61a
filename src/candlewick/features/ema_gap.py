"""How far the close stands above its exponential moving average."""

from math import log, nan
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._fade import bars_to_forget

_LEFT_OVER = 1e-6


class EmaGap(Feature):
    """ln(close) - ema, with ema += alpha (ln(close) - ema), alpha = 2 / (length + 1), begun at the first close.

    The average is taken of the logarithm, so the gap is a log return from the average and has no price level in it.

    Memory fades: after `warmup` bars the past weighs (1 - alpha)^warmup <= 1e-6, so another price level before,
    wrong by a factor of two, moves the gap by at most ln(2) of that.

    >>> EmaGap(length=20).warmup
    139
    """

    columns: ClassVar[tuple[str, ...]] = ("close",)

    length: int = Field(20, ge=2, description="span of the average in bars: alpha = 2 / (length + 1)")

    @property
    def outputs(self) -> tuple[str, ...]:
        """`("ema_gap_20",)`."""
        return (f"ema_gap_{self.length}",)

    @property
    def warmup(self) -> int:
        """The least k with (1 - alpha)^k <= 1e-6, about 6.9 lengths."""
        return bars_to_forget(1 - self._alpha, _LEFT_OVER)

    @property
    def state_size(self) -> int:
        """Bars seen, and the average."""
        return 2

    @property
    def fade_bound(self) -> float:
        """ln(2) (1 - alpha)^warmup."""
        return log(2) * (1 - self._alpha) ** self.warmup

    def params(self) -> np.ndarray:
        """Alpha, and the warm-up."""
        return np.array([self._alpha, self.warmup])

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar. A price without logarithm is passed over: it must not spoil the average for ever."""
        out[0] = nan
        if not row[0] > 0.0:
            return
        price = log(row[0])
        state[1] = price if state[0] == 0.0 else state[1] + params[0] * (price - state[1])
        state[0] = min(state[0] + 1.0, params[1])
        if state[0] == params[1]:
            out[0] = price - state[1]

    @property
    def _alpha(self) -> float:
        return 2 / (self.length + 1)
