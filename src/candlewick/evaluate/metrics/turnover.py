"""Turnover: how often a year the equity is traded."""

from typing import ClassVar, Literal

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
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
