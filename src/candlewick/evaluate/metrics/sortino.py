"""Sortino ratio: mean net return over the deviation of losses, a year."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns, ratio
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class Sortino(TradingMetric):
    """mean(r) / sqrt(mean(min(r, 0)^2)) * sqrt(bars a year), the target return being zero.

    NaN where no bar lost.

    Reference: Sortino, Price, Performance measurement in a downside risk framework, 1994.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "bars"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "none"

    def score(self, track: Track) -> float:
        """Annualised by the track's own bars a year."""
        returns = checked_returns(track)
        downside = float(np.sqrt(np.mean(np.square(np.minimum(returns, 0.0)))))
        return ratio(float(returns.mean()), downside) * float(np.sqrt(track.bars_per_year))

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Bars, returns and the squares of losses."""
        returns = checked_returns(track)
        losses = np.square(np.minimum(returns, 0.0))
        return group_sums(np.column_stack([np.ones(len(returns)), returns, losses]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """From the mean return and the mean square of losses."""
        count, total, losses = groups.sum(axis=0)
        return ratio(float(total / count), float(np.sqrt(losses / count))) * float(np.sqrt(bars_per_year))
