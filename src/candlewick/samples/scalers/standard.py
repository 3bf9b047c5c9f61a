"""Mean and standard deviation of the training rows."""

import numpy as np

from candlewick.samples.scalers._moments import Moments, deviation


class Standard(Moments):
    """(x - mean) / population standard deviation.

    >>> center, scale = Standard().moments(np.array([[1.0], [3.0]]))
    >>> float(center[0]), float(scale[0])
    (2.0, 1.0)
    """

    @staticmethod
    def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and population deviation of each column."""
        return np.mean(x, axis=0), deviation(x)
