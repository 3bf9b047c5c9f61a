"""False-signal share: how many entries the price then went against."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class FalseSignalShare(TradingMetric):
    """Trades without a profit before costs over all trades; NaN without trades.

    It judges the signal, `win_rate` what is left of it after costs.
    """

    reads: ClassVar[Literal["bars", "trades"]] = "trades"
    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    units: ClassVar[str] = "share"

    def score(self, track: Track) -> float:
        """Before costs."""
        checked_returns(track)
        return float(np.mean(track.trades.gross <= 0)) if len(track.trades) else float("nan")

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Trades and those that the price went against."""
        checked_returns(track)
        return group_sums(np.column_stack([np.ones(len(track.trades)), track.trades.gross <= 0]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The share."""
        count, total = groups.sum(axis=0)
        return float(total / count) if count else float("nan")
