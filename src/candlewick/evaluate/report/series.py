"""Forecasts as charts need them: means over seeds, fewer points of long series, and bins with intervals."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

POINTS = 1600
"""A line of more points than this is thinned; a screen has about as many columns."""

ROWS = 4000
"""More forecasts than this are drawn as means of stretches."""

_JUMP = 8
"""Steps longer than this many usual ones break a line."""

CLUSTERS = 30
"""Spans of time that count as independent of one another in the intervals of bins."""


def averaged(forecasts: "pl.DataFrame", model: str) -> "pl.DataFrame":
    """One row a symbol and time: the mean over seeds (and over folds that forecast the same row), in order of both."""
    own = forecasts.filter(forecasts["model"] == model).drop("model", "fold", "seed")
    empty = [name for name in own.columns if own[name].null_count() == len(own)]
    return own.drop(empty).group_by("symbol", "t").mean().sort("symbol", "t")


def thinned(values: np.ndarray, limit: int = POINTS) -> np.ndarray:
    """int64 positions, increasing: all, or the first, the last and each stretch's lowest and highest value.

    Extremes survive, so a thinned equity line keeps its drawdowns. NaN is never an extreme.

    >>> thinned(np.array([0.0, 9.0, 1.0, 2.0, -9.0, 3.0]), limit=4).tolist()
    [0, 1, 4, 5]
    """
    if len(values) <= limit:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), limit // 2 + 1).astype(np.int64)
    starts = edges[:-1]
    which = np.repeat(np.arange(len(starts)), np.diff(edges))
    order = np.lexsort((values, which))  # NaN sorts last within its stretch
    known = np.add.reduceat(~np.isnan(values), starts)
    highest = order[starts + np.maximum(known, 1) - 1]
    return np.unique(np.concatenate([[0], order[starts], highest, [len(values) - 1]]))


def condensed(t: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Times and columns as they are, or where there are more than `ROWS` rows the means of equal stretches of them.

    What is noise from row to row would otherwise fill a chart with ink. A stretch stands at its first time.
    """
    if len(t) <= ROWS:
        return (t, *columns)
    starts = np.linspace(0, len(t), ROWS // 2 + 1).astype(np.int64)[:-1]
    sizes = np.diff(starts, append=len(t))
    return (t[starts], *(np.add.reduceat(column, starts) / sizes for column in columns))


def broken(t: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and values of a line, with a NaN wherever time jumps, as over a night."""
    steps = np.diff(t)
    jumps = np.flatnonzero(steps > _JUMP * np.median(steps)) + 1 if len(steps) else np.empty(0, dtype=np.int64)
    return np.insert(t, jumps, t[jumps - 1]), np.insert(values.astype(np.float64), jumps, np.nan)


def scores_in_bins(
    bins: np.ndarray, values: np.ndarray, t: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of `values` in each of `count` bins, and the ends of its 95 % interval; NaN in an empty bin.

    Rows of one of `CLUSTERS` equal spans of time may depend on one another in any way: the standard error is that
    of a ratio of sums over spans. The ends are NaN where fewer than three spans have rows in the bin.
    """
    spans = np.unique(t, return_inverse=True)[1]
    span = spans * CLUSTERS // (spans.max() + 1)
    place = bins * CLUSTERS + span
    size = np.bincount(place, minlength=count * CLUSTERS).reshape(count, CLUSTERS)
    total = np.bincount(place, values, count * CLUSTERS).reshape(count, CLUSTERS)
    rows, used = size.sum(axis=1), (size > 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total.sum(axis=1) / rows
        squares = ((total - size * mean[:, None]) ** 2).sum(axis=1) * used / (used - 1)
        half = np.where(used >= 3, 1.96 * np.sqrt(squares) / rows, np.nan)
    return mean, mean - half, mean + half


def equal_bins(values: np.ndarray, count: int) -> np.ndarray:
    """int64 (n,), which of `count` bins of equally many rows each value falls in; equal values share a bin.

    >>> equal_bins(np.array([3.0, 1.0, 2.0, 2.0]), 2).tolist()
    [1, 0, 1, 1]
    """
    ordered = np.sort(values)
    cuts = ordered[(np.arange(1, count) * len(values)) // count]
    return np.searchsorted(cuts, values, side="right")
