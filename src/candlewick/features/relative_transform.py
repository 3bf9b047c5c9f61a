"""Eleven columns that tell a candle without its price level."""

from math import nan
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._candle import shape
from candlewick.features._window import log_ratio, push_row
from candlewick.features._zscore import zscores

_PRICES = ("open", "high", "low", "close")


class RelativeTransform(Feature):
    """Bar-to-bar log returns of open, high, low and close; body and wicks; rolling z-scores of the four prices.

    The ratios are those of `candle_shape` (0 for a bar without range), the z-scores those of `rolling_zscore`
    (population deviation, clipped at 10, 0 for a flat window). Causal, and free of scale.

    >>> RelativeTransform().width
    11
    """

    columns: ClassVar[tuple[str, ...]] = _PRICES

    length: int = Field(20, ge=2, description="bars in the window of the z-scores")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Four returns, three ratios, four z-scores."""
        names = [f"return_{price}" for price in _PRICES]
        names += ["body", "upper_wick", "lower_wick"]
        names += [f"zscore_{price}" for price in _PRICES]
        return tuple(f"relative_{self.length}_{name}" for name in names)

    @property
    def warmup(self) -> int:
        """`length`."""
        return self.length

    @property
    def state_size(self) -> int:
        """A window of `length` rows of four prices."""
        return 4 * self.length + 1

    def params(self) -> np.ndarray:
        """None: the state's size tells the length."""
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        full = push_row(state, row)
        if not full:
            out[:] = nan
            return
        newest = state.shape[0] - 4
        for i in range(4):
            out[i] = log_ratio(state[newest + i], state[newest - 4 + i])
        shape(row[0], row[1], row[2], row[3], out[4:7])
        zscores(state[1:], out[7:])
