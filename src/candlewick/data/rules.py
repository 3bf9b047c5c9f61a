"""What can be wrong with the bars of one instrument. Every rule looks at whole columns at once."""

from collections.abc import Callable

import numpy as np

from candlewick.core.clock import iso
from candlewick.data.bars import OHLCV
from candlewick.data.finding import Finding, at_rows
from candlewick.data.interval import UNITS, format_duration
from candlewick.data.table import Table

PRICES = OHLCV[:4]
LONG_STEP = 1.5
"""A step of more than so many intervals is a gap."""


def not_finite(table: Table) -> list[Finding]:
    """NaN and infinity."""
    found = []
    for name, column in table.values.items():
        rows = table.rows[~np.isfinite(column)]
        mend = "Drop those rows, or leave the column out."
        found += at_rows("not_finite", table.symbol, f"{name} is NaN or infinite", rows, mend=mend)
    return found


def nonpositive(table: Table) -> list[Finding]:
    """Prices of zero and below."""
    found = []
    for name in PRICES:
        rows = table.rows[table.values[name] <= 0] if name in table.values else table.rows[:0]
        mend = "If this instrument can cost that, say nonpositive: true."
        found += at_rows("nonpositive", table.symbol, f"{name} is zero or negative", rows, mend=mend)
    return found


def ohlc(table: Table) -> list[Finding]:
    """The high is the highest and the low the lowest of a bar."""
    values = [table.values[name] for name in PRICES if name in table.values]
    found = []
    if "high" in table.values:
        wrong = table.values["high"] < np.max(values, axis=0)
        found += at_rows("ohlc", table.symbol, "high is below open, low or close", table.rows[wrong],
                         mend="Look at the source: a high is the highest price of its bar.")  # fmt: skip
    if "low" in table.values:
        wrong = table.values["low"] > np.min(values, axis=0)
        found += at_rows("ohlc", table.symbol, "low is above open, high or close", table.rows[wrong],
                         mend="Look at the source: a low is the lowest price of its bar.")  # fmt: skip
    return found


def negative_volume(table: Table) -> list[Finding]:
    """Volume below zero."""
    if "volume" not in table.values:
        return []
    return at_rows("negative_volume", table.symbol, "volume is negative", table.rows[table.values["volume"] < 0],
                   mend="Volume counts; it cannot be below zero.")  # fmt: skip


def no_volume(table: Table) -> list[Finding]:
    """A column of volume that is zero throughout."""
    volume = table.values.get("volume")
    if volume is None or np.any(volume != 0):
        return []
    message = (
        f"{table.symbol}: volume is zero in every row, so it says nothing. Name another: columns: {{volume: NAME}}."
    )
    return [Finding("no_volume", message, (), "warning")]


def future(table: Table, now: int) -> list[Finding]:
    """Bars that have not closed yet."""
    late = table.t > now
    return at_rows("future", table.symbol, f"the bar closes after now ({iso(now // UNITS['s'] * UNITS['s'])})",
                   table.rows[late],
                   mend="A bar that is not closed is not known: drop it, or correct stamp: and zone:.")  # fmt: skip


def order(table: Table) -> list[Finding]:
    """Rows that step back in time."""
    if len(table) > 1 and np.all(np.diff(table.t) < 0):
        message = f"{table.symbol}: the rows run from the newest to the oldest. Turn them round."
        return [Finding("order", message)]
    back = table.t < np.maximum.accumulate(table.t)
    if back.mean() > 0.1:
        message = f"{table.symbol}: the rows are in no order of time: {back.sum():,} of {len(back):,} step back in it."
        return [Finding("order", f"{message} Sort the rows by time.")]
    return at_rows(
        "order", table.symbol, "the stamp steps back in time", table.rows[back], mend="Sort the rows by time."
    )


def duplicates(table: Table) -> list[Finding]:
    """Rows of one stamp: the first stays, those after it are at fault."""
    again = np.ones(len(table), bool)
    again[np.unique(table.t, return_index=True)[1]] = False
    return at_rows("duplicates", table.symbol, "the stamp was there before", table.rows[again],
                   mend="Keep one row a bar. With several instruments, name the column that tells them apart: "
                        "columns: {symbol: ITS_NAME}.")  # fmt: skip


def gaps(table: Table) -> list[Finding]:
    """Steps longer than a bar, such as nights, weekends and missing rows."""
    steps = np.diff(table.t)
    long = np.flatnonzero(steps > LONG_STEP * table.interval_ns)
    if table.interval_ns == 0 or len(long) == 0:
        return []
    worst = long[np.argmax(steps[long])]
    message = (
        f"{table.symbol}: {len(long):,} of {len(steps):,} steps are longer than a bar of "
        f"{format_duration(table.interval_ns)}; the longest, {format_duration(int(steps[worst]))}, comes before row "
        f"{table.rows[worst + 1]} ({iso(table.t[worst + 1])}). max_gap leaves out labels that cross them."
    )
    return [Finding("gaps", message, tuple(int(row) for row in table.rows[long + 1]), "note")]


def off_grid(table: Table) -> list[Finding]:
    """Steps that are no whole number of bars."""
    steps = np.diff(table.t)
    if not 0 < table.interval_ns < UNITS["d"]:
        return []
    rows = table.rows[1:][steps % table.interval_ns != 0]
    return at_rows("off_grid", table.symbol, f"the step is no multiple of {format_duration(table.interval_ns)}", rows,
                   mend="Short sessions do this; so do stamps of trades, which are not bars.",
                   severity="warning")  # fmt: skip


def unit_change(table: Table) -> list[Finding]:
    """The price becomes 10, 100, 1000 ... times as much, for one bar or from then on."""
    close = table.values.get("close")
    if close is None or len(close) < 3 or np.any(close <= 0):
        return []
    log = np.log10(close)
    steps = np.diff(log)
    # Where steps of 26 % are usual, a step of ten says nothing about units.
    if np.quantile(np.abs(steps), 0.9) > 0.1:
        return []
    spikes: list[int] = []
    found = []
    for i in np.flatnonzero(_is_unit(steps)):
        before, rest = np.median(log[max(0, i - 4) : i + 1]), log[i + 2 : i + 7]
        if i in spikes:
            continue  # the step back from a spike
        if len(rest) == 0 or abs(np.median(rest) - before) < 0.3:
            spikes.append(int(i) + 1)
        elif _is_unit(np.median(rest) - before):
            found.append(_shift(table, int(i) + 1, 10.0 ** np.round(steps[i])))
    mend = "This is a slip of the decimal point: mend or drop those rows."
    return found + at_rows("spike", table.symbol, "close is a power of ten off", table.rows[spikes], mend=mend)


def _shift(table: Table, position: int, factor: float) -> Finding:
    row, when = table.rows[position], iso(table.t[position])
    message = f"{table.symbol}: from row {row} ({when}) on, close is about {factor:g} times what it was."
    return Finding("unit_change", f"{message} Write one unit throughout; adjust prices for splits.")


def unit_of_extremes(table: Table) -> list[Finding]:
    """Open, high or low a power of ten away from the same bar's close."""
    close = table.values.get("close")
    if close is None or np.any(close <= 0):
        return []
    found = []
    for name in PRICES[:3]:
        column = table.values.get(name)
        if column is not None and np.all(column > 0):
            rows = table.rows[_is_unit(np.log10(column / close))]
            mend = "This is a slip of the decimal point: mend or drop those rows."
            found += at_rows("spike", table.symbol, f"{name} is a power of ten off its close", rows, mend=mend)
    return found


def _is_unit(log10_ratio: np.ndarray | np.floating) -> np.ndarray:
    power = np.round(log10_ratio)
    return (power != 0) & (np.abs(log10_ratio - power) < 0.05)


def partial_last(table: Table) -> list[Finding]:
    """A last bar that looks unfinished: far less volume and range than bars have."""
    if len(table) < 50 or not {"volume", "high", "low"} <= set(table.values):
        return []
    volume = table.values["volume"][-50:]
    spread = (table.values["high"] - table.values["low"])[-50:]
    if volume[-1] >= 0.02 * np.median(volume) or spread[-1] >= 0.2 * np.median(spread):
        return []
    return at_rows("partial_last_bar", table.symbol, "volume and range are a small part of what bars have",
                   table.rows[-1:], mend="The last bar may not have been closed when it was saved: drop it if so.",
                   severity="warning")  # fmt: skip


Rule = Callable[[Table], list[Finding]]
OF_VALUES: tuple[Rule, ...] = (not_finite, ohlc, negative_volume)
OF_STAMPS: tuple[Rule, ...] = (order, duplicates)
OF_UNITS: tuple[Rule, ...] = (unit_change, unit_of_extremes)
OF_THE_WHOLE: tuple[Rule, ...] = (no_volume, gaps, off_grid, partial_last)
