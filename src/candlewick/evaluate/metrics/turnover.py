"""Turnover: how often a year the equity is traded."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
from candlewick.evaluate.statistics.groups import group_sums
from candlewick.evaluate.track import Track


class Turnover(TradingMetric):
    """mean(traded notional / equity) * bars a year. Buying and selling back once is 2."""

    reads: ClassVar[Literal["bars", "trades"]] = "bars"
    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    units: ClassVar[str] = "equities a year"

    def score(self, track: Track) -> float:
        """By the track's own bars a year."""
        checked_returns(track)
        return float(track.traded.mean()) * track.bars_per_year

    def grouped(self, track: Track, starts: np.ndarray) -> np.ndarray:
        """Bars and what they traded."""
        checked_returns(track)
        return group_sums(np.column_stack([np.ones(len(track)), track.traded]), starts)

    def of_groups(self, groups: np.ndarray, bars_per_year: float) -> float:
        """The mean, a year."""
        count, traded = groups.sum(axis=0)
        return float(traded / count) * bars_per_year
