"""Sharpe ratio: mean net return over its deviation, a year."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns, ratio
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
