"""QLIKE: the loss of a variance forecast that a noisy truth does not distort."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_variances


class Qlike(ForecastMetric):
    """mean(log h + y / h) of the variance forecast h and the realised variance y.

    Finite at y = 0 (a bar that did not move), where the normalised form y/h - log(y/h) - 1 is not. The two differ
    by mean(log y) + 1, which no forecast changes: differences between models, and every test of them, are the same.
    The level therefore depends on the label's units (daily variances near 1e-4 give values near -8);
    read differences. Its expectation is least at h = E[y], even where y is a noisy stand-in for the true variance.

    >>> Qlike().score(np.array([2.0, 0.0]), np.array([1.0, 1.0]))
    1.0

    Reference: Patton, Volatility forecast comparison using imperfect volatility proxies, 2011.
    """

    direction: ClassVar[Literal["lower", "higher"]] = "lower"
    kinds: ClassVar[tuple[Kind, ...]] = ("variance",)
    units: ClassVar[str] = "log variance"

    def rows(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
        """log(value) + truth / value, float64 (n,)."""
        truth, value = checked_variances(truth, value)
        return np.log(value) + truth / value
