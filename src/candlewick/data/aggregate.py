"""From finer bars to coarser ones."""

import numpy as np

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import DataError
from candlewick.data.bars import Bars
from candlewick.data.interval import UNITS, format_duration, parse_duration

_FIRST_MONDAY = 4 * NS_PER_DAY
_TAKE = {"open": "first", "high": "max", "low": "min", "volume": "sum"}


def aggregate(bars: Bars, interval: str) -> Bars:
    """Bars of length `interval` from finer ones; each is known at the end of its bin.

    Bins are `(end - interval, end]` with ends on whole intervals since 1970-01-01 UTC (weeks: since Monday 1970-01-05);
    a bar belongs where it closes. Open is the first, high the highest, low the lowest, volume the sum; close and every
    other column is the last. A bin without bars gives none. The first and the last bin are left out unless the bars
    reach their edges: half a bar is not a bar.

    Raises:
        DataError: `interval` is not a longer whole multiple of the bars' own, or no bin is whole.
    """
    length = parse_duration(interval)
    if bars.interval_ns <= 0 or length <= bars.interval_ns or length % bars.interval_ns:
        raise DataError(
            f"{bars.symbol}: bars of {format_duration(bars.interval_ns)} cannot be made into bars of {interval}. "
            "Ask for a longer whole multiple."
        )
    anchor = _FIRST_MONDAY if length % UNITS["w"] == 0 else 0
    ends = -((anchor - bars.t) // length) * length + anchor
    starts = np.flatnonzero(np.diff(ends, prepend=ends[0] - 1))
    known = ends[starts]
    whole = np.ones(len(starts), bool)
    whole[0] = bars.t[0] - bars.interval_ns <= known[0] - length
    whole[-1] &= bars.t[-1] == known[-1]
    if not whole.any():
        raise DataError(f"{bars.symbol}: {len(bars)} bars do not fill one bar of {interval}. Give more of them.")
    columns = {name: _reduced(bars.column(name), starts, _TAKE.get(name, "last"))[whole] for name in bars.columns}
    return Bars.of(bars.symbol, known[whole], columns, interval_ns=length)


def _reduced(column: np.ndarray, starts: np.ndarray, take: str) -> np.ndarray:
    if take == "first":
        return column[starts]
    if take == "last":
        return column[np.append(starts[1:], len(column)) - 1]
    return {"max": np.maximum, "min": np.minimum, "sum": np.add}[take].reduceat(column, starts)
