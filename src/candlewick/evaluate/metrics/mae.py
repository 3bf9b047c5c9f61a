"""Mean absolute error: the average miss, in label units."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_pair


class Mae(ForecastMetric):
    """mean(|truth - value|), in label units; the median is its best forecast, not the mean.

    >>> Mae().score(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("number", "variance")
    units: ClassVar[str] = "label"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """|truth - value|, float64 (n,)."""
        truth, value = checked_pair(truth, value)
        return np.abs(truth - value)
