"""Diebold-Mariano: do two forecasts differ in accuracy, dependence in time allowed for."""

from dataclasses import dataclass

import numpy as np

from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, checked_rows


@dataclass(frozen=True)
class Comparison:
    """Two forecasts compared.

    Attributes:
        difference: mean loss of the first minus that of the second; below zero the first is better.
        t: the corrected statistic, NaN where the losses differ by a constant or there are under 30 rows.
        p: chance of a difference this large, either way, if there were none.
        p_first_better: chance of the first being this far ahead if it were no better.
        lags: autocovariances used.
    """

    difference: float
    t: float
    p: float
    p_first_better: float
    lags: int


def diebold_mariano(first: np.ndarray, second: np.ndarray, *, horizon: int = 1) -> Comparison:
    """Losses of two forecasts, float64 (n,) at the same times, with Newey-West's variance of their mean difference.

    Lags are the larger of horizon - 1 and 4 (n / 100)^(2/9). The statistic carries the correction of Harvey, Leybourne
    and Newbold and is read against Student's t with n - 1 degrees. Where t is undefined both p-values are 1.

    Raises:
        DataError: losses that are not finite.

    Reference: Diebold, Mariano, Comparing predictive accuracy, 1995; Harvey, Leybourne, Newbold, 1997.
    """
    from scipy.special import stdtr

    difference = checked_rows(np.asarray(first) - np.asarray(second))
    n = len(difference)
    mean = float(difference.mean()) if n else float("nan")
    lags = min(max(horizon - 1, int(4 * (n / 100) ** (2 / 9))), max(n - 1, 0))
    if n < MINIMUM_ROWS or np.ptp(difference) == 0:
        return Comparison(mean, float("nan"), 1.0, 1.0, lags)
    error = np.sqrt(long_run_variance(difference, lags) / n)
    correction = np.sqrt(max(n + 1 - 2 * horizon + horizon * (horizon - 1) / n, 0.0) / n)
    t = float(correction * mean / error)
    return Comparison(mean, t, float(2 * stdtr(n - 1, -abs(t))), float(stdtr(n - 1, t)), lags)


def long_run_variance(rows: np.ndarray, lags: int) -> float:
    """Variance of sqrt(n) times the mean of float64 (n,), with Bartlett weights: never negative.

    Reference: Newey, West, A simple positive semi-definite covariance matrix, 1987.
    """
    centred = rows - rows.mean()
    covariances = [float(centred[lag:] @ centred[: len(rows) - lag]) / len(rows) for lag in range(lags + 1)]
    weights = [1.0] + [2 * (1 - lag / (lags + 1)) for lag in range(1, lags + 1)]
    return float(np.dot(weights, covariances))
