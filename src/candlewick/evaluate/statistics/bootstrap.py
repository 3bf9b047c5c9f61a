"""Block-bootstrap intervals: how far a figure could have come out otherwise, dependence in time kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from candlewick.core.errors import DataError
from candlewick.evaluate.statistics.groups import group_size, group_starts, group_sums

MINIMUM_ROWS = 30
"""Below this many rows no interval and no test is given."""

Statistic = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """A figure and where it could lie: `confidence` of the resampled figures fall between `low` and `high`.

    `low` and `high` are NaN where there are too few rows, or the figure is undefined in over 5 % of the resamples.
    `block` is the mean block length, in rows.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    block: int


def block_length(rows: np.ndarray) -> int:
    """Mean block of the stationary bootstrap, chosen from the data: at least 1, at most a fifth of the rows.

    `rows` is float64 (n,) or (n, columns); the longest of the columns' lengths is taken, 1 for constant ones.

    Reference: Politis, White, Automatic block-length selection for the dependent bootstrap, 2004; corrected 2009.
    """
    from arch.bootstrap import optimal_block_length

    if len(rows) < MINIMUM_ROWS:
        return 1
    rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    moving = rows[:, np.ptp(rows, axis=0) > 0]
    if moving.shape[1] == 0:
        return 1
    longest = float(optimal_block_length(moving)["stationary"].max())
    return int(np.clip(np.ceil(longest), 1, len(rows) // 5)) if np.isfinite(longest) else 1


def interval(
    statistic: Statistic,
    rows: np.ndarray,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 1000,
    block: int | None = None,
    size: int = 1,
) -> Interval:
    """Percentile interval of `statistic(rows)` by the stationary bootstrap.

    Args:
        statistic: float64 (n,) or (n, columns) -> one number. Rows are drawn whole, so a difference between two
            columns is a paired difference.
        rows: float64 (n,) or (n, columns), in time order.
        seed: fixes the resamples.
        confidence: between 0 and 1.
        resamples: how many.
        block: mean block length; None chooses it from the data.
        size: how many rows of the series each of `rows` stands for, where they are groups.

    Raises:
        DataError: rows that are not finite.

    Reference: Politis, Romano, The stationary bootstrap, 1994.
    """
    from arch.bootstrap import StationaryBootstrap

    rows = checked_rows(rows)
    estimate = float(statistic(rows)) if len(rows) else float("nan")
    if len(rows) < MINIMUM_ROWS:
        return Interval(estimate, float("nan"), float("nan"), confidence, size)
    block = block_length(rows) if block is None else block
    draws = StationaryBootstrap(block, rows, seed=seed).apply(lambda drawn: float(statistic(drawn)), resamples).ravel()
    if np.isnan(draws).mean() > 0.05:
        return Interval(estimate, float("nan"), float("nan"), confidence, block * size)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), confidence, block * size)


def mean(rows: np.ndarray) -> float:
    """The mean of all rows, as a statistic."""
    return float(np.mean(rows))


def mean_interval(rows: np.ndarray, *, seed: int) -> Interval:
    """Interval of the mean of float64 (n,); more than `MOST_GROUPS` rows are resampled as sums of groups of them.

    Nothing is lost by that but blocks shorter than a group: dependence within a group stays in its sum, and the block
    length, chosen for the groups, keeps that between them.

    Raises:
        DataError: rows that are not finite.
    """
    size = group_size(len(rows))
    if size == 1:
        return interval(mean, rows, seed=seed)
    sums = group_sums(np.column_stack([rows, np.ones(len(rows))]), group_starts(len(rows)))
    return interval(lambda drawn: float(np.divide(*drawn.sum(axis=0))), sums, seed=seed, size=size)


def checked_rows(rows: np.ndarray) -> np.ndarray:
    """`rows` as float64.

    Raises:
        DataError: a value is not finite.
    """
    rows = np.asarray(rows, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        raise DataError(
            f"row {bad[0][0]} of {len(rows)} is not finite, and {len(bad)} values in all. "
            "Compare only rows that every model has forecast."
        )
    return rows
