"""Variance per bar of the next bars, from closes or from ranges."""

from math import log
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from candlewick.data.bars import Bars
from candlewick.labels._base import Kind, Label, LabelRows
from candlewick.labels._horizon import ahead, answered, fixed_end, positive_prices


class ForwardVolatility(Label):
    """Mean over bars t+1 .. t+horizon of a bar's variance, known at the close of bar t + horizon.

    close_to_close: ln(close / previous close)^2. parkinson: ln(high / low)^2 / (4 ln 2). A variance per bar, not
    annualised; the same numbers as the features `realised_volatility` and `parkinson_volatility` with
    `unit: variance` give `horizon` bars later.

    Raises:
        DataError: on `run`, a price that is not positive.

    Reference: Parkinson, "The Extreme Value Method for Estimating the Variance of the Rate of Return", 1980.
    """

    kind: ClassVar[Kind] = "variance"

    estimator: Literal["close_to_close", "parkinson"] = Field(
        "parkinson", description="what a bar's variance is taken from: its close, or its high and low"
    )

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the estimator reads."""
        return ("close",) if self.estimator == "close_to_close" else ("high", "low")

    def run(self, bars: Bars) -> LabelRows:
        """Labels of every bar."""
        squares = self._squares(bars)
        total = np.zeros(len(bars))
        for bar in range(1, self.horizon + 1):
            total += ahead(squares, bar)
        return answered(bars, total / self.horizon, fixed_end(len(bars), self.horizon), self.max_gap)

    @property
    def echo(self) -> dict[str, Any]:
        """The same variance over the last `horizon` bars."""
        name = "realised_volatility" if self.estimator == "close_to_close" else "parkinson_volatility"
        return {"name": name, "length": self.horizon, "unit": "variance"}

    def _squares(self, bars: Bars) -> np.ndarray:
        prices = [positive_prices(bars, column, self.spec_name()) for column in self.columns]
        if self.estimator == "close_to_close":
            returns = np.log(prices[0][1:] / prices[0][:-1])
            return np.append(np.nan, returns**2)
        squares: np.ndarray = np.log(prices[0] / prices[1]) ** 2 / (4 * log(2))
        return squares
