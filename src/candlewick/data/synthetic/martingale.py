"""Null: volatility clusters and has fat tails, but direction does not follow from anything."""

from pydantic import Field

from candlewick.core.random import stream
from candlewick.data.bars import Bars
from candlewick.data.synthetic._base import (
    BASE_VOLUME,
    Market,
    around_the_clock,
    candles,
    clustering,
    student_scale,
)


class Martingale(Market):
    """Log returns that are symmetric around zero given all of the past, with a volatility that clusters.

    Volatility moves by itself: the sign of a return enters nothing, neither volatility, nor volume, nor the path.
    So size can be predicted, sign and mean cannot.
    """

    half_lives: tuple[float, ...] = Field((6, 60, 600), min_length=1, description="of the parts of volatility, in bars")
    strength: float = Field(0.6, ge=0, le=1.5, description="standard deviation of log volatility")
    tails: float = Field(5.0, gt=2, description="degrees of freedom of the returns given volatility")

    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars around the clock whose volume follows volatility."""
        name = "martingale"
        scale = self.volatility * clustering(n, self.half_lives, self.strength, stream(seed, name, "volatility"))
        scale = scale * student_scale(n, self.tails, stream(seed, name, "tails"))
        returns = scale * stream(seed, name, "returns").standard_normal(n)
        prices = candles(returns, scale, stream(seed, name, "path"))
        volume = BASE_VOLUME * scale / self.volatility * stream(seed, name, "volume").lognormal(0.0, 0.4, n)
        t = around_the_clock(n, self.interval_ns)
        return Bars.of(symbol, t, {**prices, "volume": volume}, interval_ns=self.interval_ns)
