"""Volatility target: long, scaled so that the forecast volatility is always the same."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.errors import DataError
from candlewick.evaluate.policies._base import Benchmark, Kind, Policy


class VolatilityTarget(Policy):
    """position = min(target / sqrt(forecast variance of a bar * bars a year), max_leverage).

    Needs the variance of one bar, as the labels of `forward_volatility` are, whatever their horizon. A
    range-based variance (Parkinson) leaves the move between sessions out, so the volatility reached is higher.

    >>> VolatilityTarget(target=0.1, band=0.0).targets(np.array([1e-4, 4e-4]), bars_per_year=100.0)
    array([1. , 0.5])

    Reference: Moreira, Muir, Volatility-managed portfolios, 2017.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("variance",)
    benchmark: ClassVar[Benchmark] = "buy_and_hold"

    target: float = Field(0.15, gt=0, le=5, description="annual volatility wanted, as a share")
    max_leverage: float = Field(2.0, gt=0, le=100, description="largest position")
    band: float = Field(0.1, ge=0, description="smallest change of position worth an order")

    def wanted(self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float) -> np.ndarray:
        """`value` holds the forecast variance of one bar; never short."""
        variance = np.asarray(value, dtype=np.float64)
        if np.any(variance <= 0):
            raise DataError(
                f"a volatility target needs positive variance forecasts, was {np.nanmin(variance):.3g}. "
                "Use a label of kind variance."
            )
        return np.minimum(self.target / np.sqrt(variance * bars_per_year), self.max_leverage)
