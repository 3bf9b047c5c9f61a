"""What labels share: when an answer is known, and whether it crosses a gap."""

import numpy as np

from candlewick.core.errors import DataError
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration
from candlewick.labels._base import UNKNOWN, LabelRows


def answered(bars: Bars, value: np.ndarray, end: np.ndarray, max_gap: str | None) -> LabelRows:
    """Label rows from float64 `value` (n,) and `end`, int64 (n,): the bar that answers each row, -1 where none does."""
    known = end >= 0
    last = np.where(known, end, np.arange(len(bars)))
    known_at = np.where(known, bars.t[last], UNKNOWN)
    crosses = np.zeros(len(bars), dtype=bool)
    if max_gap is not None:
        wide = np.concatenate([[False], np.diff(bars.t) > parse_duration(max_gap)])
        gaps = np.cumsum(wide)
        crosses = gaps[last] > gaps
    return LabelRows(np.where(known & ~crosses, value, np.nan), known_at, crosses)


def fixed_end(n: int, horizon: int) -> np.ndarray:
    """int64 (n,): the bar `horizon` later, -1 where the data ends before."""
    end = np.arange(n) + horizon
    return np.where(end < n, end, -1)


def ahead(values: np.ndarray, horizon: int) -> np.ndarray:
    """(n,): the value `horizon` rows later, NaN where there is none."""
    out = np.full(len(values), np.nan)
    out[: max(len(values) - horizon, 0)] = values[horizon:]
    return out


def positive_prices(bars: Bars, column: str, label: str) -> np.ndarray:
    """float64 (n,): a column whose logarithm will be taken.

    Raises:
        DataError: a price is not positive.
    """
    prices = bars.column(column)
    bad = np.flatnonzero(prices <= 0)
    if len(bad):
        raise DataError(
            f"{bars.symbol}: label {label} takes the logarithm of {column}, was {prices[bad[0]]} at row {bad[0]} "
            f"({len(bad)} in all). Prices must be above zero. Drop those rows, or ask for the label direction."
        )
    return prices
