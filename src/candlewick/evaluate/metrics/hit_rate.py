"""Hit rate: the share of rows whose direction or class was forecast."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_classes, checked_pair


class HitRate(ForecastMetric):
    """Numbers: share of rows with sign(value) = sign(truth). Classes: share of rows with the most probable class right.

    A truth of exactly zero has no direction and is not counted (its row is NaN); a forecast of zero against a move is
    a miss. NaN where no row counts.

    >>> HitRate().score(np.array([0.1, -0.2, 0.0]), np.array([0.3, 0.1, 0.2]))
    0.5
    """

    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    kinds: ClassVar[tuple[Kind, ...]] = ("number", "classes")
    units: ClassVar[str] = "share"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """1 a hit, 0 a miss, NaN where the truth has no direction, float64 (n,)."""
        truth, value = checked_pair(truth, value)
        if probabilities is not None:
            classes, probabilities = checked_classes(truth, probabilities)
            return np.asarray(probabilities.argmax(axis=1) == classes, dtype=np.float64)
        return np.where(truth == 0, np.nan, np.sign(value) == np.sign(truth))
