"""Information coefficient: rank correlation of forecasts with the truth."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_pair


class InformationCoefficient(ForecastMetric):
    """Spearman's rank correlation over all rows, ties sharing their mean rank; NaN where either side is constant.

    >>> truth = np.array([1.0, 2.0, 3.0, 4.0])
    >>> round(InformationCoefficient().score(truth, truth**3), 12)
    1.0
    """

    direction: ClassVar[Literal["lower", "higher"]] = "higher"
    kinds: ClassVar[tuple[Kind, ...]] = ("number", "variance")
    units: ClassVar[str] = "correlation"

    def score(self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None = None) -> float:
        """Pearson's correlation of the two sides' ranks."""
        from scipy.stats import rankdata

        truth, value = checked_pair(truth, value)
        if np.ptp(truth) == 0 or np.ptp(value) == 0:
            return float("nan")
        return float(np.corrcoef(rankdata(truth), rankdata(value))[0, 1])
