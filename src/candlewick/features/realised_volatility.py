"""Volatility from squared close-to-close log returns."""

from math import nan
from typing import ClassVar

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP
from candlewick.features._volatility import VolatilityFeature, in_unit
from candlewick.features._window import log_ratio, mean, push


class RealisedVolatility(VolatilityFeature):
    """Mean of the last `length` squared log returns (mean return taken as zero): a variance per bar.

    >>> RealisedVolatility(length=5, unit="variance").outputs
    ('realised_variance_5',)

    Reference: Andersen, Bollerslev, "Answering the Skeptics", 1998.
    """

    columns: ClassVar[tuple[str, ...]] = ("close",)

    @property
    def warmup(self) -> int:
        """`length + 1`: the first return needs two closes."""
        return self.length + 1

    @property
    def state_size(self) -> int:
        """The previous close, then a window of `length` squared returns."""
        return self.length + 2

    @staticmethod
    @compiled(STEP)
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One bar. Before the first close stands 0, so the first return is NaN and holds the first answer back."""
        squares = state[1:]
        full = push(squares, log_ratio(row[0], state[0]) ** 2)
        state[0] = row[0]
        out[0] = in_unit(mean(squares[1:]), params) if full else nan
