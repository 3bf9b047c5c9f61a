"""The z-score of the newest value of a window."""

from math import inf, nan, sqrt

import numpy as np

from candlewick.core.compiled import compiled

CLIP = 10.0


@compiled()
def zscore(window: np.ndarray) -> float:
    """(newest - mean) / population deviation, clipped at 10 either way; 0 for a flat window.

    Distances are taken from the oldest value first: a flat window then has a deviation of exactly 0,
    and the level of the prices costs no digits. NaN where the squares overflow.
    """
    size = window.shape[0]
    total = 0.0
    for i in range(size):
        total += window[i] - window[0]
    mean = total / size
    squares = 0.0
    for i in range(size):
        squares += (window[i] - window[0] - mean) ** 2
    if squares == 0.0:
        return 0.0
    if squares == inf:
        return nan
    z = (window[size - 1] - window[0] - mean) / sqrt(squares / size)
    return min(max(z, -CLIP), CLIP)
