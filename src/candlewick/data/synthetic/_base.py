"""What a synthetic market is, and the parts they share: bars around given returns, and volatility that clusters."""

from abc import abstractmethod

import numpy as np
from numba import types
from pydantic import Field

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.compiled import compiled
from candlewick.core.spec import Spec
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration

START = 18_267 * NS_PER_DAY
"""Monday 2020-01-06 00:00 UTC, where every synthetic market opens."""

FIRST_PRICE = 100.0
BASE_VOLUME = 1_000.0
STEPS = 4
"""Pieces of a bar's path. Extremes inside a piece are drawn exactly, so a few pieces are enough."""


class Market(Spec):
    """A frozen spec of a market: `n` and `seed` to bars. The same seed gives the same bits, and a longer
    market begins with the shorter one.

    Log returns have a symmetric distribution around what can be known, so that neither their sign nor their mean
    holds anything that the spec does not plant.
    """

    interval: str = Field("5m", description="length of a bar")
    volatility: float = Field(0.001, gt=0, le=0.1, description="standard deviation of a bar's log return")

    @abstractmethod
    def bars(self, n: int, seed: int, symbol: str = "SYN") -> Bars:
        """`n` bars with open, high, low, close and volume."""

    @property
    def interval_ns(self) -> int:
        """Length of a bar in ns."""
        return parse_duration(self.interval)


def around_the_clock(n: int, interval_ns: int) -> np.ndarray:
    """int64 (n,): closes of bars in a market that never shuts."""
    return START + interval_ns * np.arange(1, n + 1)


def candles(
    returns: np.ndarray, scale: np.ndarray | float, rng: np.random.Generator, *, gap: np.ndarray | float = 0.02
) -> dict[str, np.ndarray]:
    """Open, high, low and close around given log returns, close to close, as a Brownian path would make them.

    Each bar is a path of variance `scale**2` that ends at its return: the part `gap` of the variance lies between the
    previous close and the open, the rest within the bar. So for a normal return of that scale, Parkinson's variance
    ln(high/low)^2 / (4 ln 2) has mean `(1 - gap) * scale**2`.
    """
    n = len(returns)
    scale, gap = np.broadcast_to(scale, n), np.broadcast_to(gap, n)
    # Two streams, so that a longer market begins with the shorter one.
    for_moves, for_edges = rng.spawn(2)
    draws = for_moves.standard_normal((n, STEPS + 1))
    edges = for_edges.random((n, STEPS, 2))
    jump = gap * returns + scale * np.sqrt(gap * (1 - gap)) * draws[:, 0]
    step_scale = scale * np.sqrt((1 - gap) / STEPS)
    noise = draws[:, 1:] - draws[:, 1:].mean(axis=1, keepdims=True)
    moves = ((returns - jump) / STEPS)[:, None] + step_scale[:, None] * noise
    path = np.concatenate([np.zeros((n, 1)), np.cumsum(moves, axis=1)], axis=1)
    # The highest point of a Brownian bridge from a to b: (a + b + sqrt((b - a)^2 - 2 s^2 ln U)) / 2.
    spread = np.sqrt(moves[:, :, None] ** 2 - 2 * step_scale[:, None, None] ** 2 * np.log1p(-edges))
    middle = path[:, :-1] + path[:, 1:]
    high = ((middle + spread[:, :, 0]) / 2).max(axis=1)
    low = ((middle - spread[:, :, 1]) / 2).min(axis=1)
    close = np.cumsum(returns)
    open_ = close - returns + jump
    high = np.maximum(open_ + high, np.maximum(open_, close))
    low = np.minimum(open_ + low, np.minimum(open_, close))
    logs = {"open": open_, "high": high, "low": low, "close": close}
    return {name: FIRST_PRICE * np.exp(value) for name, value in logs.items()}


def student_scale(n: int, tails: float, rng: np.random.Generator) -> np.ndarray:
    """float64 (n,), mean square 1: normal numbers times it are Student t with `tails` degrees of freedom."""
    return np.sqrt((tails - 2) / rng.chisquare(tails, n))


def clustering(n: int, half_lives: tuple[float, ...], strength: float, rng: np.random.Generator) -> np.ndarray:
    """float64 (n,), mean square 1: the exponent of a sum of slow and fast AR(1) parts, one per half-life in bars.

    Equal parts of very different half-lives make correlations that die slowly, as those of real volatility do.
    `strength` is the standard deviation of the log.
    """
    decay = 0.5 ** (1 / np.asarray(half_lives, dtype=np.float64))
    log = _sum_of_ar1(rng.standard_normal((n, len(decay))), decay)
    # E exp(2x) of a normal x with deviation s is exp(2 s^2).
    return np.exp(strength * log / np.sqrt(len(decay)) - strength**2)


@compiled(types.float64[::1](types.float64[:, ::1], types.float64[::1]))
def _sum_of_ar1(shocks: np.ndarray, decay: np.ndarray) -> np.ndarray:
    level = shocks[0].copy()
    fresh = np.sqrt(1 - decay**2)
    total = np.empty(shocks.shape[0])
    for i in range(shocks.shape[0]):
        if i > 0:
            level = decay * level + fresh * shocks[i]
        total[i] = level.sum()
    return total
