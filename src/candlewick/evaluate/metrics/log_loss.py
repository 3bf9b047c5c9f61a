"""Log loss: minus the logarithm of the probability given to what happened."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_classes

SMALLEST_PROBABILITY = 1e-15


class LogLoss(ForecastMetric):
    """mean(-log p[class]), in nats; a probability below 1e-15 counts as 1e-15, so that one row cannot be infinite.

    >>> round(LogLoss().score(np.array([1.0]), np.array([1.0]), np.array([[0.5, 0.5]])), 6)
    0.693147
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)
    units: ClassVar[str] = "nats"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """-log p[class], float64 (n,)."""
        classes, probabilities = checked_classes(truth, probabilities)
        given = probabilities[np.arange(len(classes)), classes]
        return -np.log(np.maximum(given, SMALLEST_PROBABILITY))
