"""What surrounds a point forecast: the spread of past residuals, for heads that ask for more than a number."""

import numpy as np

from candlewick.models._heads import Belief, Gaussian, Head, Quantile


def fit_spread(head: Head, residuals: np.ndarray) -> np.ndarray:
    """What `around` needs: the residuals' root mean square for a normal head, their quantiles for a quantile head.

    Shape (1,), (levels,) or, for heads that are one number, (0,).
    """
    if isinstance(head, Gaussian):
        return np.array([np.sqrt(np.mean(np.square(residuals)))])
    if isinstance(head, Quantile):
        return np.asarray(np.quantile(residuals, head.levels))
    return np.empty(0)


def around(head: Head, value: np.ndarray, spread: np.ndarray) -> Belief:
    """The belief that the label is `value` (m,) plus a residual of that spread, the same at every sample.

    A quantile head's point forecast is then `value` plus the residuals' median.
    """
    if isinstance(head, Gaussian):
        return Belief(value, deviation=np.full(len(value), spread[0]))
    if isinstance(head, Quantile):
        return Belief(value, value[:, None] + spread, head.levels)
    return Belief(value)
