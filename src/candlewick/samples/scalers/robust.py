"""Median and interquartile range of the training rows: outliers move neither."""

import numpy as np

from candlewick.samples.scalers._moments import Moments, deviation

NORMAL_IQR = 1.3489795003921634
"""Interquartile range of the standard normal: divides the range so that normal columns get deviation 1."""


class Robust(Moments):
    """(x - median) / (interquartile range / 1.349).

    A column of which more than half the values are equal has no interquartile range; it is divided by its standard
    deviation.

    >>> center, scale = Robust().moments(np.array([[0.0], [1.0], [2.0], [3.0], [1e9]]))
    >>> float(center[0]), round(float(scale[0]), 3)
    (2.0, 1.483)
    """

    @staticmethod
    def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Median and normalised interquartile range of each column."""
        low, middle, high = np.percentile(x, (25.0, 50.0, 75.0), axis=0)
        return middle, np.where(high > low, (high - low) / NORMAL_IQR, deviation(x))
