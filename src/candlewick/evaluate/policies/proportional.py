"""Proportional: a position that grows with the forecast, up to a limit."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.evaluate.policies._base import Benchmark, Kind, Policy, signal


class Proportional(Policy):
    """position = max_leverage * clip(signal / full_at, -1, 1), followed only in steps above `band`.

    The signal is the forecast; for classes the probability of the highest class minus that of the lowest.

    >>> Proportional(full_at=0.02, band=0.0).targets(np.array([0.01, -0.05]), bars_per_year=252.0)
    array([ 0.5, -1. ])
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("number", "classes")
    benchmark: ClassVar[Benchmark] = "flat"

    full_at: float = Field(
        0.01, gt=0, description="signal at which the position is full, in label units or probability"
    )
    max_leverage: float = Field(1.0, gt=0, le=100, description="largest position, as a share of equity")
    short: bool = Field(True, description="whether it may sell short")
    band: float = Field(0.1, ge=0, description="smallest change of position worth an order")

    def wanted(self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float) -> np.ndarray:
        """Proportional to each bar's signal, up to the limit."""
        return self.max_leverage * np.clip(signal(value, probabilities) / self.full_at, -float(self.short), 1.0)
