"""Sharpe ratio: mean net return over its deviation, a year."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns, ratio
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class Sharpe(TradingMetric):
    """mean(r) / deviation(r) * sqrt(bars a year), of net returns r with nothing taken off for interest.

    The deviation has n - 1 in its denominator. NaN under two bars or where returns do not vary.

    Reference: Sharpe, The Sharpe ratio, 1994.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "bars"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "none"

    def score(self, track: Track) -> float:
        """Annualised by the track's own bars a year."""
        returns = checked_returns(track)
        if len(returns) < 2:
            return float("nan")
        return ratio(float(returns.mean()), float(returns.std(ddof=1))) * float(np.sqrt(track.bars_per_year))

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Bars, returns and their squares."""
        returns = checked_returns(track)
        return group_sums(np.column_stack([np.ones(len(returns)), returns, np.square(returns)]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """From mean and mean square."""
        count, total, squares = groups.sum(axis=0)
        mean = total / count
        variance = (squares - count * mean**2) / (count - 1)
        # What rounding leaves of the variance of returns that do not vary.
        deviation = float(np.sqrt(variance)) if variance > 1e-12 * squares / count else 0.0
        return ratio(float(mean), deviation) * float(np.sqrt(bars_per_year))
