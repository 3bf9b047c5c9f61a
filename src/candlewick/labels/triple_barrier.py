"""Which of two price barriers is touched first, or neither in time."""

from math import exp, log, nan, sqrt
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.compiled import compiled
from candlewick.data.bars import Bars
from candlewick.labels._base import Kind, Label, LabelRows
from candlewick.labels._horizon import answered, positive_prices


class TripleBarrier(Label):
    """The barrier that the bars after t touch first: 0 lower, 1 timeout (neither within `horizon` bars), 2 upper.

    With v the volatility of one bar, sqrt of the mean of the last `length` squared log returns at t, the barriers
    stand at close[t] exp(upper v) and close[t] exp(-lower v). A bar touches the upper one when its high reaches it,
    the lower one when its low does. **A bar that touches both counts as lower**: the order within a bar is not
    known, and the worse one for a buyer is assumed.

    Known at the close of the bar that touches, else of bar t + horizon. No label in the first `length` bars, and
    none where v is 0: there is no barrier.

    Skill on this label need not be skill on direction: even on a random walk of constant volatility timeouts can be
    forecast, because where v came out low by chance the barriers stand close.

    Raises:
        DataError: on `run`, a close that is not positive.

    Reference: Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapter 3.
    """

    kind: ClassVar[Kind] = "classes"
    classes: ClassVar[tuple[str, ...]] = ("lower", "timeout", "upper")
    columns: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    path_dependent: ClassVar[bool] = True

    horizon: int = Field(10, ge=1, description="bars until the label is known, at most")
    upper: float = Field(2.0, gt=0, le=100, description="upper barrier in volatilities of one bar")
    lower: float = Field(2.0, gt=0, le=100, description="lower barrier in volatilities of one bar")
    length: int = Field(20, ge=2, description="bars of the volatility known at t")

    def run(self, bars: Bars) -> LabelRows:
        """Labels of every bar."""
        close = np.ascontiguousarray(positive_prices(bars, "close", self.spec_name()))
        high, low = (np.ascontiguousarray(bars.column(name)) for name in ("high", "low"))
        value, end = np.full(len(bars), np.nan), np.full(len(bars), -1)
        _touches(high, low, close, self.horizon, self.upper, self.lower, self.length, value, end)
        return answered(bars, value, end, self.max_gap)

    @property
    def echo(self) -> None:
        """None: no feature states a past touch as a class."""
        return None


@compiled()
def _touches(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, horizon: int, upper: float, lower: float, length: int,
    value: np.ndarray, end: np.ndarray,
) -> None:  # fmt: skip
    for row in range(length, close.shape[0]):
        volatility = _volatility(close, row, length)
        if volatility > 0.0:
            top = close[row] * exp(upper * volatility)
            bottom = close[row] * exp(-lower * volatility)
            value[row], end[row] = _first_touch(high, low, row, horizon, top, bottom)


@compiled()
def _volatility(close: np.ndarray, row: int, length: int) -> float:
    total = 0.0
    for bar in range(row - length + 1, row + 1):
        total += log(close[bar] / close[bar - 1]) ** 2
    return sqrt(total / length)


@compiled()
def _first_touch(
    high: np.ndarray, low: np.ndarray, row: int, horizon: int, top: float, bottom: float
) -> tuple[float, int]:
    last = row + horizon
    for bar in range(row + 1, min(last + 1, high.shape[0])):
        if low[bar] <= bottom:
            return 0.0, bar
        if high[bar] >= top:
            return 2.0, bar
    if last < high.shape[0]:
        return 1.0, last
    return nan, -1
