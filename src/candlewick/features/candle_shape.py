"""Body and wicks of a bar as shares of its range."""

from typing import ClassVar

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._candle import shape


class CandleShape(Feature):
    """|close - open|, high - max(open, close) and min(open, close) - low, each over high - low.

    All three lie in [0, 1] and add up to 1; for a bar without range (high = low) all three are 0.
    """

    columns: ClassVar[tuple[str, ...]] = ("open", "high", "low", "close")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Body, upper wick, lower wick."""
        return ("candle_body", "candle_upper_wick", "candle_lower_wick")

    @property
    def warmup(self) -> int:
        """1: the bar alone."""
        return 1

    @property
    def state_size(self) -> int:
        """0."""
        return 0

    def params(self) -> np.ndarray:
        """None."""
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar."""
        shape(row[0], row[1], row[2], row[3], out)
