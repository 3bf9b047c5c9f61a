"""Planted: the next return leans on the product of two things that a bar shows, and on neither alone."""

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.core.random import stream
from candlewick.data.bars import Bars
from candlewick.data.synthetic._base import BASE_VOLUME, Market, around_the_clock, candles


class Planted(Market):
    r"""Returns r with `r[i+1] = volatility * (sqrt(r2) * a[i] * b[i] + sqrt(1 - r2) * noise)`.

    `a` is the bar's own log return over the volatility, `b` the standardised volume, independent and uniform on
    ±sqrt(3): volume is 1000 * (1 + b / 3). Both have mean 0 and variance 1, so the product explains the part `r2` of
    the variance while every linear function of the past explains none of it.
    Features that show them: `log_return` of length 1 and `rolling_zscore` of the column volume.
    """

    r2: float = Field(0.01, ge=0, lt=1, description="part of the variance of the next return that is planted")

    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars of constant volatility with the signal inside."""
        b = np.sqrt(3) * stream(seed, "planted", "volume").uniform(-1, 1, n)
        a = _chain(stream(seed, "planted", "returns").standard_normal(n), b, self.r2)
        prices = candles(self.volatility * a, self.volatility, stream(seed, "planted", "path"))
        t = around_the_clock(n, self.interval_ns)
        return Bars.of(symbol, t, {**prices, "volume": BASE_VOLUME * (1 + b / 3)}, interval_ns=self.interval_ns)


@compiled("float64[::1](float64[::1], float64[::1], float64)")
def _chain(noise, b, r2):  # type: ignore[no-untyped-def]
    a = noise.copy()
    for i in range(1, len(noise)):
        a[i] = np.sqrt(r2) * a[i - 1] * b[i - 1] + np.sqrt(1 - r2) * noise[i]
    return a
