"""Realistic: sessions with a U shape, overnight gaps, volatility with slow decay, fat tails, volume that follows."""

import numpy as np
from pydantic import Field, model_validator

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.random import stream
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration
from candlewick.data.synthetic._base import BASE_VOLUME, START, Market, candles, clustering, student_scale

OPENING = parse_duration("14h30m")
"""When a session opens, after midnight UTC."""


class Clustered(Market):
    """A market of weekday sessions that looks like a stock index, in which only size can be predicted.

    Volatility is a sum of parts of very different half-lives (its correlations die slowly), times a U shape over the
    session, times Student tails. The first bar of a session carries the night's move in its gap. Volume follows the
    same volatility. `volatility` is that of a bar within a session. Bars of one day have neither session shape nor
    night; longer ones run round the clock.
    """

    half_lives: tuple[float, ...] = Field(
        (4, 32, 256, 2048), min_length=1, description="of the parts of volatility, in bars"
    )
    strength: float = Field(0.6, ge=0, le=1.5, description="standard deviation of log volatility")
    tails: float = Field(5.0, gt=2, description="degrees of freedom of the returns given volatility")
    session: str = Field("6h30m", description="length of a session; whole bars, or anything for bars of a day")
    edge: float = Field(1.0, ge=0, description="how much higher volatility is at a session's edges than amid it")
    night: float = Field(10.0, ge=0, description="variance of the night, in bars")

    @model_validator(mode="after")
    def _whole_bars(self) -> "Clustered":
        if self.interval_ns < NS_PER_DAY and parse_duration(self.session) % self.interval_ns:
            raise ValueError(f"a session of {self.session} does not hold whole bars of {self.interval}")
        return self

    @property
    def bars_per_session(self) -> int:
        """Bars between an opening and the close of that day."""
        return max(1, parse_duration(self.session) // self.interval_ns) if self.interval_ns < NS_PER_DAY else 1

    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars of weekday sessions."""
        name = "clustered"
        level = clustering(n, self.half_lives, self.strength, stream(seed, name, "volatility"))
        level = level * student_scale(n, self.tails, stream(seed, name, "tails")) * self._shape(n)
        night = np.where(np.arange(n) % self.bars_per_session == 0, self.night, 0.0)
        night = night if self.bars_per_session > 1 else np.full(n, 0.02)
        scale = self.volatility * level * np.sqrt(1 + night)
        returns = scale * stream(seed, name, "returns").standard_normal(n)
        gap = np.maximum(night / (1 + night), 0.02)
        prices = candles(returns, scale, stream(seed, name, "path"), gap=gap)
        volume = BASE_VOLUME * level * stream(seed, name, "volume").lognormal(0.0, 0.4, n)
        return Bars.of(symbol, self._closes(n), {**prices, "volume": volume}, interval_ns=self.interval_ns)

    def _shape(self, n: int) -> np.ndarray:
        count = self.bars_per_session
        if count == 1:
            return np.ones(n)
        where = np.linspace(-1, 1, count)
        shape = 1 + self.edge * where**2
        return np.resize(shape / np.sqrt(np.mean(shape**2)), n)

    def _closes(self, n: int) -> np.ndarray:
        if self.interval_ns >= NS_PER_DAY:
            return self._weekday_closes(n)
        session, bar = np.divmod(np.arange(n), self.bars_per_session)
        day = session // 5 * 7 + session % 5
        return START + day * NS_PER_DAY + OPENING + (bar + 1) * self.interval_ns

    def _weekday_closes(self, n: int) -> np.ndarray:
        if self.interval_ns > NS_PER_DAY:
            return START + self.interval_ns * np.arange(1, n + 1)
        index = np.arange(n)
        return START + (index // 5 * 7 + index % 5) * NS_PER_DAY + OPENING + parse_duration(self.session)
