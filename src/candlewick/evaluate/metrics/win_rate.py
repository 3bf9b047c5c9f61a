"""Win rate: the share of trades that made money after costs."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
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
