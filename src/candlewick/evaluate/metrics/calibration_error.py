"""Calibration error: how far stated probabilities are from the frequencies that followed."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_classes
from candlewick.evaluate.statistics.groups import group_sums


class CalibrationError(ForecastMetric):
    """Expected calibration error of the most probable class: sum over bins of (rows in it / rows) |hits - confidence|.

    Bins cut the confidence 0 .. 1 into equal widths; empty ones count nothing. It is not a proper score: always
    stating the training frequencies is well calibrated and knows nothing. Read it beside log loss or Brier.

    >>> probabilities = np.array([[0.1, 0.9], [0.1, 0.9]])
    >>> round(CalibrationError().score(np.array([1.0, 0.0]), np.array([1.0, 1.0]), probabilities), 6)
    0.4

    Reference: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, 2017.
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)
    units: ClassVar[str] = "probability"

    bins: int = Field(10, ge=2, le=1000, description="bins of confidence")

    def score(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> float:
        """Mean over rows of their bin's gap between hits and confidence."""
        surplus, place = self._surplus(truth, probabilities)
        gaps = np.bincount(place, weights=surplus, minlength=self.bins)
        return float(np.abs(gaps).sum() / len(surplus))

    def grouped(
        self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None, starts: np.ndarray
    ) -> np.ndarray:
        """Rows, and each bin's surplus of hits over confidence."""
        surplus, place = self._surplus(truth, probabilities)
        columns = np.zeros((len(surplus), 1 + self.bins))
        columns[:, 0] = 1.0
        columns[np.arange(len(surplus)), 1 + place] = surplus
        return group_sums(columns, starts)

    def of_groups(self, groups: np.ndarray) -> float:
        """Mean over rows of their bin's gap."""
        count, *gaps = groups.sum(axis=0)
        return float(np.abs(gaps).sum() / count)

    def _surplus(self, truth: np.ndarray, probabilities: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        classes, probabilities = checked_classes(truth, probabilities)
        confidence = probabilities.max(axis=1)
        return (probabilities.argmax(axis=1) == classes) - confidence, reliability_bins(confidence, self.bins)


def reliability_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """int64 (n,), which of `bins` equal widths of 0 .. 1 each confidence falls in; 1.0 belongs to the last."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)
