"""False-signal share: how many entries the price then went against."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import TradingMetric, checked_returns
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
