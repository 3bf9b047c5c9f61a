"""Shares that say what bars are like, and what speaks for stamps of opens or of closes."""

from collections.abc import Sequence

import numpy as np

from candlewick.core.clock import NS_PER_DAY, iso
from candlewick.data.bars import Bars
from candlewick.data.closes import Stamp
from candlewick.data.finding import Finding
from candlewick.data.interval import UNITS, format_duration
from candlewick.data.rules import LONG_STEP
from candlewick.data.table import Table

HALF_HOUR = 30 * UNITS["m"]


def open_equals_previous_close(bars: Bars) -> float:
    """Share of opens that repeat the close before, exactly. NaN without opens or with one bar.

    Where it is high, filling an order at the next open is filling it at the price that decided it.
    """
    if len(bars) < 2 or not {"open", "close"} <= set(bars.columns):
        return float("nan")
    return float(np.mean(bars.column("open")[1:] == bars.column("close")[:-1]))


def gap_share(bars: Bars) -> float:
    """Share of steps longer than a bar: nights, weekends and missing rows. 0 with one bar."""
    steps = np.diff(bars.t)
    return float(np.mean(steps > LONG_STEP * bars.interval_ns)) if len(steps) else 0.0


def evidence_of(tables: Sequence[Table], bars: Sequence[Bars], now: int) -> tuple[str, ...]:
    """Lines for people; decisive ones first, none where there are no bars."""
    if not tables:
        return ()
    line, reading = _edges(tables)
    edges = [line + (f": as stamps of {reading}s are" if reading else "")] if line else []
    return (*edges, *_last(tables, now), *_opens(bars))


def contradiction(tables: Sequence[Table], stamp: Stamp | None) -> list[Finding]:
    """A warning where the edges of sessions say the opposite of `stamp`."""
    line, reading = _edges(tables) if tables else ("", None)
    if stamp is None or reading in (None, stamp):
        return []
    late = "bars are called known before they close" if stamp == "close" else "bars are called known too late"
    message = f"the stamps were taken for {stamp}s, but {line}, as stamps of {reading}s are. If so, {late}."
    return [Finding("stamp_doubtful", message, (), "warning")]


def _edges(tables: Sequence[Table]) -> tuple[str, Stamp | None]:
    # What the edges of sessions are, and what that speaks for.
    interval = tables[0].interval_ns
    if not 0 < interval < NS_PER_DAY:
        return "", None
    firsts, lasts = [], []
    for table in tables:
        breaks = np.flatnonzero(np.diff(table.stamp) > max(1.5 * interval, UNITS["h"]))
        firsts.append(table.stamp[breaks + 1])
        lasts.append(table.stamp[breaks])
    first, starts = _most_common(np.concatenate(firsts) % NS_PER_DAY)
    last, ends = _most_common(np.concatenate(lasts) % NS_PER_DAY)
    count = sum(len(part) for part in firsts)
    if count < 3:
        return "", None
    line = (
        f"after breaks of an hour or more the first stamp is mostly {_clock(first)} ({starts} of {count}), "
        f"before them the last is mostly {_clock(last)} ({ends} of {count})"
    )
    # Edges that are not mostly the same show where data is missing, not where sessions begin.
    regular = min(starts, ends) > count / 2
    return line, _reading(first, last, interval) if regular else None


def _reading(first: int, last: int, interval: int) -> Stamp | None:
    # Sessions of whole hours show nothing, but a day that begins or ends at midnight does.
    edge = HALF_HOUR if interval < HALF_HOUR else NS_PER_DAY
    if first % edge == 0 and (last + interval) % edge == 0:
        return "open"
    if (first - interval) % edge == 0 and last % edge == 0:
        return "close"
    return None


def _most_common(values: np.ndarray) -> tuple[int, int]:
    if len(values) == 0:
        return 0, 0
    unique, counts = np.unique(values, return_counts=True)
    return int(unique[np.argmax(counts)]), int(counts.max())


def _clock(ns: int) -> str:
    return iso(ns)[11:19].removesuffix(":00")


def _last(tables: Sequence[Table], now: int) -> list[str]:
    newest = max(int(table.t[-1]) for table in tables)
    where = "before" if newest <= now else "AFTER"
    return [f"the last bar closes {iso(newest)}, {format_duration(_rounded(abs(now - newest)))} {where} now"]


def _rounded(ns: int) -> int:
    unit = next((size for size in UNITS.values() if ns >= 2 * size), 1)
    return ns // unit * unit


def _opens(bars: Sequence[Bars]) -> list[str]:
    shares = [open_equals_previous_close(each) for each in bars]
    if not np.isfinite(shares).any():
        return []
    return [f"{np.nanmean(shares):.1%} of opens repeat the close before"]
