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
    size, oldest = window.shape[0], window[0]
    total = 0.0
    for i in range(size):
        total += window[i] - oldest
    mean = total / size
    squares = 0.0
    for i in range(size):
        squares += (window[i] - oldest - mean) ** 2
    return _clipped(window[size - 1] - oldest - mean, squares / size)


@compiled()
def zscores(window: np.ndarray, out: np.ndarray) -> None:
    """`zscore` of four series at once, bit for bit; `window` holds rows of four, oldest first.

    Each sum must be added in order, so a single one waits for its own additions. Four beside each other fill
    that wait and cost little more than one.
    """
    count = window.shape[0]
    size, newest = count // 4, count - 4
    a, b, c, d = window[0], window[1], window[2], window[3]
    total_a = total_b = total_c = total_d = 0.0
    for i in range(0, count, 4):
        total_a += window[i] - a
        total_b += window[i + 1] - b
        total_c += window[i + 2] - c
        total_d += window[i + 3] - d
    mean_a, mean_b, mean_c, mean_d = total_a / size, total_b / size, total_c / size, total_d / size
    squares_a = squares_b = squares_c = squares_d = 0.0
    for i in range(0, count, 4):
        squares_a += (window[i] - a - mean_a) ** 2
        squares_b += (window[i + 1] - b - mean_b) ** 2
        squares_c += (window[i + 2] - c - mean_c) ** 2
        squares_d += (window[i + 3] - d - mean_d) ** 2
    out[0] = _clipped(window[newest] - a - mean_a, squares_a / size)
    out[1] = _clipped(window[newest + 1] - b - mean_b, squares_b / size)
    out[2] = _clipped(window[newest + 2] - c - mean_c, squares_c / size)
    out[3] = _clipped(window[newest + 3] - d - mean_d, squares_d / size)


@compiled()
def _clipped(distance: float, variance: float) -> float:
    if variance == 0.0:
        return 0.0
    if variance == inf:
        return nan
    return min(max(distance / sqrt(variance), -CLIP), CLIP)
