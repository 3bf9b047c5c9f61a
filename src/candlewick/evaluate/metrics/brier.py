"""Brier score: squared distance of the forecast probabilities from what happened."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_classes


class Brier(ForecastMetric):
    """mean(1/2 sum_k (p_k - [class = k])^2), in 0 .. 1; for two classes it is mean((p - y)^2).

    >>> Brier().score(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([[0.2, 0.8], [0.5, 0.5]]))
    0.145

    Reference: Brier, Verification of forecasts expressed in terms of probability, 1950 (there without the half).
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)
    units: ClassVar[str] = "squared probability"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """Half the squared distance between probabilities and outcome, float64 (n,)."""
        classes, probabilities = checked_classes(truth, probabilities)
        misses = probabilities - np.eye(probabilities.shape[1])[classes]
        return 0.5 * np.square(misses).sum(axis=1)
