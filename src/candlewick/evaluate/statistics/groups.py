"""Groups of consecutive rows: what stands for single rows where a series is too long to be resampled row by row."""

import numpy as np

MOST_GROUPS = 5_000
"""Series of up to this many rows are resampled row by row; longer ones as this many groups of rows, or fewer."""


def group_size(rows: int) -> int:
    """Rows in a group: 1 up to `MOST_GROUPS` rows, else the fewest that leave no more groups than that.

    >>> group_size(5_000), group_size(5_001), group_size(200_000)
    (1, 2, 40)
    """
    return max(1, -(-rows // MOST_GROUPS))


def group_starts(rows: int) -> np.ndarray:
    """int64 (groups,), the row at which each group begins. What does not fill a group joins the first one.

    >>> group_starts(3).tolist(), group_starts(10_001)[:3].tolist()
    ([0, 1, 2], [0, 5, 8])
    """
    size = group_size(rows)
    starts = np.arange(rows % size, rows, size)
    starts[:1] = 0
    return starts


def group_sums(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """float64 (groups, columns), sums of float64 (n, columns) over the rows of each group."""
    if len(starts) == len(rows):
        return rows
    return np.column_stack([np.add.reduceat(column, starts) for column in rows.T])


def group_means(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """float64 (groups, columns), means of float64 (n, columns) over the rows of each group."""
    return np.asarray(group_sums(rows, starts) / np.diff(starts, append=len(rows))[:, None])


def drawn_rows(positions: np.ndarray, starts: np.ndarray, rows: int) -> np.ndarray:
    """int64, all rows of the groups at `positions`, in the order of these.

    >>> drawn_rows(np.array([1, 0, 1]), np.array([0, 2]), 3).tolist()
    [2, 0, 1, 2]
    """
    sizes = np.diff(starts, append=rows)[positions]
    ends = np.cumsum(sizes)
    # The start of each group, then one further for each of its rows.
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts[positions] - ends + sizes, sizes))
