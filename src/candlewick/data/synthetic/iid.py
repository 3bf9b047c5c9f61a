"""Null: independent returns of constant volatility, in which nothing can be predicted."""

from candlewick.core.random import stream
from candlewick.data.bars import Bars
from candlewick.data.synthetic._base import BASE_VOLUME, Market, around_the_clock, candles


class Iid(Market):
    """Independent normal log returns of one volatility, and independent log-normal volume."""

    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars in which no number about a bar says anything about a later one."""
        returns = self.volatility * stream(seed, "iid", "returns").standard_normal(n)
        prices = candles(returns, self.volatility, stream(seed, "iid", "path"))
        volume = BASE_VOLUME * stream(seed, "iid", "volume").lognormal(0.0, 0.4, n)
        t = around_the_clock(n, self.interval_ns)
        return Bars.of(symbol, t, {**prices, "volume": volume}, interval_ns=self.interval_ns)
