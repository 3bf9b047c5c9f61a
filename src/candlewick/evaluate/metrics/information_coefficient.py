"""Information coefficient: rank correlation of forecasts with the truth."""

from typing import ClassVar, Literal

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric, Kind, checked_pair, ratio
from candlewick.evaluate.statistics.groups import group_sums


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

    def grouped(
        self, truth: np.ndarray, value: np.ndarray, probabilities: np.ndarray | None, starts: np.ndarray
    ) -> np.ndarray:
        """Rows, and what each adds to the covariance and the variances of ranks.

        Rows are ranked once, not anew in each resample. How a row drawn more often moves the ranks of the others is in
        what it adds, to first order: the interval is that of ranking anew, up to terms that fade with the rows.
        """
        one, other = (_Ranked(side) for side in checked_pair(truth, value))
        ones = np.ones(len(truth))
        return group_sums(np.column_stack([ones, one.adds(other), one.adds(one), other.adds(other)]), starts)

    def of_groups(self, groups: np.ndarray) -> float:
        """The covariance over the root of the variances."""
        count, covariance, *variances = groups.sum(axis=0)
        scale = float(np.sqrt(np.prod(np.maximum(variances, 0.0))))
        return ratio(float(covariance), scale if min(variances) > 1e-12 * count else 0.0)


class _Ranked:
    """One side as ranks of mean zero, as shares of all rows; ties share their mean rank."""

    def __init__(self, values: np.ndarray) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.below = np.searchsorted(ordered, values, side="left")
        self.upto = np.searchsorted(ordered, values, side="right")
        self.rank = (self.below + self.upto) / (2 * len(values)) - 0.5

    def adds(self, other: "_Ranked") -> np.ndarray:
        """float64 (n,), whose mean is the covariance of the two and whose deviations are its influence function."""
        product = self.rank * other.rank
        return np.asarray(product + self._lifts(other) + other._lifts(self) - 2 * product.mean())

    def _lifts(self, other: "_Ranked") -> np.ndarray:
        # A row lifts the ranks of all above it by one place and of its ties by half a one.
        total = np.concatenate([[0.0], np.cumsum(other.rank[self.order])])
        return np.asarray(total[-1] - (total[self.below] + total[self.upto]) / 2) / len(self.rank)
