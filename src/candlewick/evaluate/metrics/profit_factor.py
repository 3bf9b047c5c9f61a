"""Profit factor: money won over money lost."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class ProfitFactor(TradingMetric):
    """Sum of the profits of winning trades over the sum of the losses of losing ones, net of costs.

    NaN without trades and without a losing trade: it is then not defined, not infinitely good.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "trades"
    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    units: ClassVar[str] = "none"

    def score(self, track: Track) -> float:
        """Net of costs."""
        checked_returns(track)
        profit = track.trades.profit
        lost = float(-profit[profit < 0].sum())
        return float(profit[profit > 0].sum()) / lost if lost > 0 else float("nan")

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Money won and money lost."""
        checked_returns(track)
        profit = track.trades.profit
        return group_sums(np.column_stack([np.maximum(profit, 0.0), np.maximum(-profit, 0.0)]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """Their ratio."""
        won, lost = groups.sum(axis=0)
        return float(won / lost) if lost > 0 else float("nan")
