"""Volatility from the range of each bar, after Parkinson."""

from math import log, nan
from typing import ClassVar

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP
from candlewick.features._volatility import VolatilityFeature, in_unit
from candlewick.features._window import log_ratio, mean, push

_PER_SQUARED_RANGE = 1.0 / (4.0 * log(2.0))


class ParkinsonVolatility(VolatilityFeature):
    """Mean of ln(high / low)^2 / (4 ln 2) over the last `length` bars: a variance per bar, overnight gaps left out.

    >>> ParkinsonVolatility(length=5).outputs
    ('parkinson_volatility_5',)

    Reference: Parkinson, "The Extreme Value Method for Estimating the Variance of the Rate of Return", 1980.
    """

    columns: ClassVar[tuple[str, ...]] = ("high", "low")

    @property
    def warmup(self) -> int:
        """`length`."""
        return self.length

    @property
    def state_size(self) -> int:
        """A window of `length` squared ranges."""
        return self.length + 1

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        full = push(state, _PER_SQUARED_RANGE * log_ratio(row[0], row[1]) ** 2)
        out[0] = in_unit(mean(state[1:]), params) if full else nan
