"""Root mean squared error: the deviation of the forecast from the truth, large misses weighing most."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_pair


class Rmse(ForecastMetric):
    """sqrt(mean((truth - value)^2)), in label units. Its rows are squared errors, the loss of a number.

    >>> Rmse().score(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.4142135623730951
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("number", "variance")
    units: ClassVar[str] = "label"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """(truth - value)^2, float64 (n,)."""
        truth, value = checked_pair(truth, value)
        return np.square(truth - value)

    def of_mean(self, mean: float) -> float:
        """The root of the mean squared error."""
        return float(np.sqrt(mean))
