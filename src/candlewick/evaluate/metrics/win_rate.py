"""Win rate: the share of trades that made money after costs."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class WinRate(TradingMetric):
    """Trades with a profit above zero over all trades; NaN without trades.

    A trade that is still open counts at its last close.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "trades"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "share"

    def score(self, track: Track) -> float:
        """Net of costs."""
        checked_returns(track)
        return float(np.mean(track.trades.profit > 0)) if len(track.trades) else float("nan")

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Trades and those that won."""
        checked_returns(track)
        return group_sums(np.column_stack([np.ones(len(track.trades)), track.trades.profit > 0]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The share."""
        count, total = groups.sum(axis=0)
        return float(total / count) if count else float("nan")
