"""Threshold: long above a forecast, short below its negative, flat between."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.evaluate.policies._base import Benchmark, Kind, Policy, signal


class Threshold(Policy):
    """position = size where the signal is above `above`, -size where it is below -`above`, else 0.

    The signal is the forecast; for classes the probability of the highest class minus that of the lowest.

    >>> Threshold(above=0.01).targets(np.array([0.02, 0.0, -0.03, np.nan]), bars_per_year=252.0)
    array([ 1.,  0., -1., nan])
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("number", "classes")
    benchmark: ClassVar[Benchmark] = "flat"

    above: float = Field(0.0, ge=0, description="signal that is worth a trade, in label units or probability")
    size: float = Field(1.0, gt=0, le=100, description="position taken, as a share of equity")
    short: bool = Field(True, description="whether it may sell short")

    def wanted(self, value: np.ndarray, probabilities: np.ndarray | None = None, *, bars_per_year: float) -> np.ndarray:
        """-size, 0 or size at each bar, from that bar's forecast alone."""
        strength = signal(value, probabilities)
        wanted = self.size * ((strength > self.above) - 1.0 * self.short * (strength < -self.above))
        return np.where(np.isnan(strength), np.nan, wanted)
