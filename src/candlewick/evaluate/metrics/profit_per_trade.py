"""Profit per trade: what a trade earns on average after costs."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class ProfitPerTrade(TradingMetric):
    """Mean profit of a trade as a share of its account's equity at the entry; NaN without trades."""

    reads: ClassVar[Literal["bars", "trades"]] = "trades"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "share of equity"

    def score(self, track: Track) -> float:
        """Net of costs."""
        checked_returns(track)
        return float(track.trades.profit.mean()) if len(track.trades) else float("nan")

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Trades and their profits."""
        checked_returns(track)
        return group_sums(np.column_stack([np.ones(len(track.trades)), track.trades.profit]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The mean."""
        count, total = groups.sum(axis=0)
        return float(total / count) if count else float("nan")
