"""Planted: after busy bars moves go on, after quiet ones they turn; neither the move nor the volume alone says so."""

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.core.random import stream
from candlewick.data.bars import Bars
from candlewick.data.synthetic._base import BASE_VOLUME, Market, around_the_clock, candles


class Planted(Market):
    r"""Returns r with `r[i+1] = volatility * (sqrt(r2) * a[i] * b[i] + sqrt(1 - r2) * noise)`.

    `a` is the bar's own log return over the volatility; `b` is +1 in a busy bar and -1 in a quiet one, by a fair coin.
    A busy bar has about three times the volume of a quiet one. The product explains the part `r2` of the variance
    of the next return, while every linear function of the past explains none of it.
    Features that show the two: `log_return` of length 1 and `rolling_zscore` of the column volume.

    Reference: Campbell, Grossman and Wang (1993) find such a link between volume and serial correlation in stocks.
    """

    r2: float = Field(0.01, ge=0, lt=1, description="part of the variance of the next return that is planted")

    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars of constant volatility with the signal inside."""
        b = np.where(stream(seed, "planted", "busy").random(n) < 0.5, -1.0, 1.0)
        a = _chain(stream(seed, "planted", "returns").standard_normal(n), b, self.r2)
        prices = candles(self.volatility * a, self.volatility, stream(seed, "planted", "path"))
        volume = BASE_VOLUME * (1 + b / 2) * stream(seed, "planted", "volume").lognormal(0.0, 0.1, n)
        t = around_the_clock(n, self.interval_ns)
        return Bars.of(symbol, t, {**prices, "volume": volume}, interval_ns=self.interval_ns)


@compiled("float64[::1](float64[::1], float64[::1], float64)")
def _chain(noise: np.ndarray, b: np.ndarray, r2: float) -> np.ndarray:
    a = noise.copy()
    for i in range(1, len(noise)):
        a[i] = np.sqrt(r2) * a[i - 1] * b[i - 1] + np.sqrt(1 - r2) * noise[i]
    return a
