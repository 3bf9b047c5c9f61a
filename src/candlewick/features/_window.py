"""A trailing window inside a state: `state[0]` counts, `state[1:]` holds the newest values, oldest first.

Because the order in memory is the order in time, a sum over it has the same bits whatever came before the window.
"""

from math import log, nan

import numpy as np

from candlewick.core.compiled import compiled


@compiled()
def push(state: np.ndarray, value: float) -> bool:
    """Append `value`, drop the oldest; True once the window is full. The zero state is an empty window."""
    size = state.shape[0] - 1
    for i in range(1, size):
        state[i] = state[i + 1]
    state[size] = value
    state[0] = min(state[0] + 1.0, float(size))
    return bool(state[0] == size)


@compiled()
def push_row(state: np.ndarray, row: np.ndarray) -> bool:
    """Append a whole `row` of values to a window of such rows, drop the oldest; True once the window is full."""
    width, size = row.shape[0], state.shape[0] - 1
    newest = size - width + 1
    for i in range(1, newest):
        state[i] = state[i + width]
    for j in range(width):
        state[newest + j] = row[j]
    state[0] = min(state[0] + 1.0, float(size // width))
    return bool(state[0] == size // width)


@compiled()
def mean(window: np.ndarray) -> float:
    """Mean of a window, summed oldest first."""
    total = 0.0
    for i in range(window.shape[0]):
        total += window[i]
    return total / window.shape[0]


@compiled()
def log_ratio(later: float, earlier: float) -> float:
    """ln(later / earlier); NaN where either is not positive, also where both are negative."""
    return log(later / earlier) if later > 0.0 and earlier > 0.0 else nan
