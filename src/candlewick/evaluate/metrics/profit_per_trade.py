"""Profit per trade: what a trade earns on average after costs."""

from typing import ClassVar, Literal

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
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
