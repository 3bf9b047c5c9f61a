"""Deflated Sharpe ratio: the chance that a Sharpe is above what luck gives the best of that many trials."""

import numpy as np

from candlewick.core.errors import DataError
from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, checked_rows

EULER = 0.5772156649015329


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Sharpe that the best of `trials` strategies without skill is expected to show; 0 for a single one.

    `variance` is that of the trials' Sharpe ratios; the result has their units.

    >>> round(expected_best_sharpe(100, 1.0), 3)
    2.531

    Raises:
        DataError: no trial, or a negative variance.

    Reference: Bailey, Lopez de Prado, The deflated Sharpe ratio, 2014, equation 6.
    """
    from scipy.special import ndtri

    if trials < 1 or not variance >= 0:
        raise DataError(
            f"a deflated Sharpe needs one trial or more and a variance of at least 0, was {trials} and {variance}."
        )
    if trials == 1:
        return 0.0
    best = (1 - EULER) * ndtri(1 - 1 / trials) + EULER * ndtri(1 - 1 / (trials * np.e))
    return float(np.sqrt(variance) * best)


def probabilistic_sharpe(sharpe: float, *, hurdle: float, bars: int, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe is above `hurdle`, both of one bar; kurtosis is 3 for a normal distribution.

    The example of the reference: 2.5 a year over five years of 250 days, the best of 100 trials.

    >>> hurdle = expected_best_sharpe(100, 0.5) / 250**0.5
    >>> round(probabilistic_sharpe(2.5 / 250**0.5, hurdle=hurdle, bars=1250, skew=-3.0, kurtosis=10.0), 4)
    0.9004

    Reference: Bailey, Lopez de Prado, The Sharpe ratio efficient frontier, 2012.
    """
    from scipy.special import ndtr

    spread = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    return float(ndtr((sharpe - hurdle) * np.sqrt((bars - 1) / spread)))


def deflated_sharpe(returns: np.ndarray, *, trials: int, variance: float, bars_per_year: float) -> float:
    """Probability that the true Sharpe of net `returns` (n,) is above `expected_best_sharpe(trials, variance)`.

    `variance` is that of annualised Sharpe ratios. Skew and kurtosis of the returns are allowed for; dependence in
    time is not. NaN under 30 bars and where returns do not vary.

    Raises:
        DataError: returns that are not finite, no trial, or a negative variance.

    Reference: Bailey, Lopez de Prado, The deflated Sharpe ratio, 2014.
    """
    returns = checked_rows(returns)
    hurdle = expected_best_sharpe(trials, variance) / np.sqrt(bars_per_year)
    if len(returns) < MINIMUM_ROWS or returns.std() <= 1e-12 * np.abs(returns).max():
        return float("nan")
    centred = (returns - returns.mean()) / returns.std()
    return probabilistic_sharpe(
        float(returns.mean() / returns.std(ddof=1)),
        hurdle=float(hurdle),
        bars=len(returns),
        skew=float(np.mean(centred**3)),
        kurtosis=float(np.mean(centred**4)),
    )
