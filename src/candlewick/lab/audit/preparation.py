"""What was done to the raw data before there were bars: prepared again from a shorter past, and its stamps doubted."""

from typing import Any

import numpy as np

from candlewick.core.clock import NS_PER_DAY, iso
from candlewick.core.errors import CandlewickError, DataError
from candlewick.data.bars import Bars, Panel
from candlewick.data.interval import UNITS
from candlewick.data.layout import ALIASES
from candlewick.data.sources._base import Source
from candlewick.data.stamps import parse
from candlewick.lab.audit.futures import cuts_of, first_difference
from candlewick.lab.audit.raw import moments, plain, stamp_columns, tables, until
from candlewick.lab.audit.report import Check

EDGE_SHARE = 0.8
ECHO_SHARE, ECHO_LEAD = 0.9, 0.3
ECHO_LAGS = 64
FEWEST_EVENTS = 20
COPIED_SHARE = 0.99
TWIN_CORRELATION = 0.99

_HALF_HOUR = 30 * UNITS["m"]
_PRICES = ("open", "high", "low", "close")


def bars_check(source: Source, raw: Any, panel: Panel, cuts: int, rng: np.random.Generator) -> Check:
    """Bars prepared from what was there at a cut are the first of all bars, to the bit.

    Cuts lie in the last three quarters of the raw rows, so that a preparation may need some history.
    """
    zone = getattr(source, "zone", None)
    known, certain = moments(raw, zone)
    if len(known) < 8:
        return Check("bars", True, "the raw data has no stamps to cut at: its preparation could not be checked")
    times = cuts_of(known[len(known) // 4 :], cuts, rng)
    for cut in times:
        try:
            short = source.prepare(until(raw, int(cut), zone)).panel
        except CandlewickError as error:
            return Check(
                "bars", False, f"source {source.spec_name()} refuses what there was at {iso(int(cut))}: {error} "
                "Bars must be prepared from their own past, so that they can be live.", {"cuts": len(times)},
            )  # fmt: skip
        fault = _not_a_beginning(short, panel, int(cut) if certain else None)
        if fault:
            return Check("bars", False, f"source {source.spec_name()}: {fault}", {"cuts": len(times)})
    note = "" if certain else " (stamps without a zone: only what both hold was compared)"
    return Check(
        "bars", True, f"bars are the same from raw data that ends at {len(times)} cuts{note}", {"cuts": len(times)}
    )


def _not_a_beginning(short: Panel, panel: Panel, cut: int | None) -> str | None:
    mend = "Prepare each bar from raw rows up to its close"
    for bars in short.bars:
        if bars.symbol not in panel.symbols:
            return (
                f"{bars.symbol} is an instrument at {iso(bars.t[-1])}, but not in the whole data. The choice of "
                "instruments knows what became of them. Choose by what was known at the time."
            )
        whole = panel[bars.symbol]
        if bars.columns != whole.columns:
            return f"the columns of {bars.symbol} depend on later rows: {bars.columns} became {whole.columns}. {mend}."
        n = len(bars)
        same = n <= len(whole) and bool(np.array_equal(bars.t, whole.t[:n]))
        if not same:
            return f"the stamps of {bars.symbol} up to {iso(bars.t[-1])} depend on raw rows after them. {mend}."
        place = first_difference(bars.values, whole.values[:n])
        if place:
            row, column = place
            return (
                f"column {bars.columns[column]} of {bars.symbol} at {iso(bars.t[row])} (bar {row}) is "
                f"{bars.values[row, column]:.9g} when raw rows end at "
                f"{iso(cut if cut is not None else bars.t[-1])}, and {whole.values[row, column]:.9g} later. "
                f"{mend}: no back-fill, no whole-series filter or scale, no later adjustment, no bar that is not whole."
            )
    return _missing(short, panel, cut, mend) if cut is not None else None


def _missing(short: Panel, panel: Panel, cut: int, mend: str) -> str | None:
    for whole in panel.bars:
        there = len(short[whole.symbol]) if whole.symbol in short.symbols else 0
        due = int(np.searchsorted(whole.t, cut, side="left"))
        if there < due:
            return (
                f"bar {there} of {whole.symbol} is stamped {iso(whole.t[there])}, but raw rows up to {iso(cut)} "
                f"do not give it: it holds rows from after its stamp. {mend}, and stamp it with that close."
            )
    return None


def stamps_check(raw: Any, panel: Panel) -> Check:
    """No bar is stamped with its open: neither by the raw columns, nor by where sessions begin and end."""
    if raw is not None:
        for frame in tables(raw):
            fault = _stamped_with_opens(frame, panel)
            if fault:
                return Check("stamps", False, fault)
    for bars in panel.bars:
        fault = _edges_of_opens(bars)
        if fault:
            return Check("stamps", False, fault)
    return Check("stamps", True, "nothing says that stamps of opens were taken for closes")


def _stamped_with_opens(frame: Any, panel: Panel) -> str | None:
    columns = stamp_columns(frame)
    names = {plain(column): column for column in frame.columns}
    prices = {ours: names[alias] for ours in _PRICES for alias in ALIASES[ours][:1] if alias in names}
    if "open" not in columns or "close" not in prices:
        return None
    try:
        opens = parse(frame[columns["open"]]).ns
    except DataError:
        return None
    for bars in panel.bars:
        shared, mine, theirs = np.intersect1d(bars.t, opens, return_indices=True)
        if len(shared) < len(bars) // 2:
            continue
        held = [ours for ours in prices if ours in bars.columns]
        pairs = [(bars.column(ours)[mine], frame[prices[ours]].cast(float).to_numpy()[theirs]) for ours in held]
        share = float(np.mean(np.all([a == b for a, b in pairs], axis=0))) if pairs else 0.0
        if share > 0.5:
            return (
                f"bars of {bars.symbol} are stamped with the column {columns['open']}, the first at {iso(bars.t[0])}: "
                "they are taken for known one bar before they closed. Read that column with stamp: open."
            )
    return None


def _edges_of_opens(bars: Bars) -> str | None:
    interval = bars.interval_ns
    if not 0 < interval < _HALF_HOUR:
        return None
    breaks = np.flatnonzero(np.diff(bars.t) > max(3 * interval // 2, 2 * _HALF_HOUR))
    if len(breaks) < 3:
        return None
    first, last = bars.t[breaks + 1] % NS_PER_DAY, bars.t[breaks] % NS_PER_DAY
    as_opens = np.mean((first % _HALF_HOUR == 0) & ((last + interval) % _HALF_HOUR == 0))
    if as_opens < EDGE_SHARE:
        return None
    return (
        f"sessions of {bars.symbol} begin with a bar stamped {iso(bars.t[breaks[0] + 1])} and end with one stamped "
        f"{iso(bars.t[breaks[0]])}: bars stamped with their close would begin one interval later and end on the half "
        "hour. Read these stamps with stamp: open."
    )


def future_echo_check(panel: Panel) -> Check:
    """No extra column states a later price, or the return to it, before it came."""
    looked = 0
    for bars in panel.bars:
        for name in (n for n in bars.columns if n not in (*_PRICES, "volume")):
            looked += 1
            fault = _states_the_future(bars, name)
            if fault:
                return Check("future_echo", False, fault, {"columns": looked})
    return Check("future_echo", True, f"{looked} extra columns state no later price", {"columns": looked})


def _states_the_future(bars: Bars, name: str) -> str | None:
    column = bars.column(name)
    events = np.flatnonzero(np.diff(column, prepend=np.nan) != 0)
    events = events[(events >= ECHO_LAGS) & (events < len(bars) - ECHO_LAGS)]
    if len(events) < FEWEST_EVENTS:
        return None
    for price in (price for price in _PRICES if price in bars.columns):
        around = np.lib.stride_tricks.sliding_window_view(bars.column(price), 2 * ECHO_LAGS)[events - ECHO_LAGS + 1]
        said = around == column[events, None]
        past, later = said[:, :ECHO_LAGS], said[:, ECHO_LAGS:]
        # At one lag for columns that were shifted, at any lag for those that are known at uneven times.
        for a, b in (
            (later.mean(axis=0).max(), past.mean(axis=0).max()),
            (later.any(axis=1).mean(), past.any(axis=1).mean()),
        ):
            if a >= ECHO_SHARE and a - b >= ECHO_LEAD:
                lag = 1 + int(np.argmax(later.mean(axis=0)))
                return _tells(
                    bars, name, events, lag, f"is the {price} of up to {lag} bars later in {a:.0%} of its changes"
                )
    twin = _twin_of_returns(bars, column, events)
    return _tells(bars, name, events, *twin) if twin else None


def _twin_of_returns(bars: Bars, column: np.ndarray, events: np.ndarray) -> tuple[int, str] | None:
    """A horizon at which the column is the return that follows, up to units."""
    close = bars.column("close") if "close" in bars.columns else bars.values[:, 0]
    told = column[events]
    if np.any(close <= 0) or np.std(told) == 0:
        return None
    logs = np.log(close)
    for lag in range(1, ECHO_LAGS + 1):
        ahead = logs[events + lag] - logs[events]
        behind = logs[events] - logs[events - lag]
        now, before = (abs(float(np.corrcoef(told, move)[0, 1])) if np.std(move) else 0.0 for move in (ahead, behind))
        if now > TWIN_CORRELATION > before:
            return lag, f"follows the return of the next {lag} bars (correlation {now:.4f})"
    return None


def _tells(bars: Bars, name: str, events: np.ndarray, lag: int, what: str) -> str:
    at = int(events[0])
    return (
        f"column {name} of {bars.symbol} {what}; first seen at {iso(bars.t[at])} (bar {at}), which is known only at "
        f"{iso(bars.t[at + lag])}. Drop the column, or shift it to the bar at which it was known."
    )


def adjusted_columns(source: Source, raw: Any, panel: Panel) -> frozenset[str]:
    """Columns of the bars whose prices are adjusted for later events: as the source, their name or the raw data say."""
    if getattr(source, "adjust", False):
        return frozenset(_PRICES)
    found = {name for bars in panel.bars for name in bars.columns if "adj" in plain(name).split("_")}
    for frame in tables(raw) if raw is not None else ():
        for column in frame.columns:
            if not plain(column).startswith("adj") or not frame[column].dtype.is_numeric():
                continue
            values = frame[column].to_numpy()
            twin = frame[other].to_numpy() if (other := _unadjusted(frame, column)) is not None else None
            for bars in panel.bars:
                found |= {
                    name
                    for name in bars.columns
                    if np.mean(np.isin(bars.column(name), values)) > COPIED_SHARE
                    and (twin is None or np.mean(np.isin(bars.column(name), twin)) < COPIED_SHARE)
                }
    return frozenset(found)


def _unadjusted(frame: Any, column: str) -> str | None:
    wanted = plain(column).removeprefix("adjusted_").removeprefix("adj_").removeprefix("adj")
    return next((name for name in frame.columns if plain(name) == wanted), None)
