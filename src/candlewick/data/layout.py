"""Which column is which: names people use for time, instrument, prices and volume."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from candlewick.core.errors import DataError
from candlewick.data.bars import OHLCV

if TYPE_CHECKING:
    import polars as pl

OPEN_TIME = ("open_time", "opentime", "time_open", "bar_open", "window_start", "start_time")
CLOSE_TIME = ("close_time", "closetime", "time_close", "bar_close", "window_end", "end_time")
ALIASES = {
    "time": (
        "timestamp", "datetime", "time", "ts", "ds", "t", "ts_event", "date", "gmt_time", "unix", "epoch", "dt",
        "trade_date", "date_time", "index", "index_level_0", "level_0",
    ),
    "symbol": ("symbol", "ticker", "pair", "unique_id", "asset", "instrument", "sym", "tic", "code", "contract"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price", "max"),
    "low": ("low", "l", "low_price", "min"),
    "close": ("close", "c", "close_price", "last", "price", "y", "settle"),
    "volume": ("volume", "v", "vol", "tick_volume", "tickvol", "base_volume", "volume_base"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj"),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Columns as understood.

    Attributes:
        time: the column of stamps.
        clock: a second column with the time of day, where `time` holds only dates; None elsewhere.
        symbol: the column of instruments; None for one instrument.
        values: our name -> the source's name; OHLCV first, then extras under their own names.
        ignored: the source's name -> why.
        stamp: whether the stamps are opens or closes, where the column's name says so.
        zone: "UTC" where the column's name says so.
    """

    time: str
    clock: str | None
    symbol: str | None
    values: dict[str, str]
    ignored: dict[str, str]
    stamp: Literal["open", "close"] | None
    zone: str | None


def understand(frame: "pl.DataFrame", name: str, columns: Mapping[str, str] | None, *, is_text: bool) -> Layout:
    """The layout of `frame`; `columns` (our name -> its name) goes before what is recognised.

    Raises:
        DataError: no stamps, no close, or two columns that mean the same.
    """
    given = dict(columns or {})
    _must_exist(frame, name, given)
    plain = {column: _plain(column) for column in frame.columns if column not in given.values()}
    time, stamp = _time(frame, given, plain)
    if time is None:
        raise DataError(
            f"{name} has no column of stamps among {', '.join(frame.columns)}. "
            "Call it time, date, open_time or close_time, or say columns: {time: ITS_NAME}."
        )
    clock = _clock(frame, time, plain)
    symbol = given.get("symbol") or _first(plain, ALIASES["symbol"], frame, text_or_whole=True)
    taken = {time, clock, symbol}
    values, ignored = _values(frame, given, {c: p for c, p in plain.items() if c not in taken}, is_text=is_text)
    if "close" not in values:
        raise DataError(
            f"{name} has no close: its columns of numbers are {', '.join(values) or 'none'}. "
            "Say which one it is: columns: {close: ITS_NAME}."
        )
    zone = "UTC" if re.search(r"(^|_)(utc|gmt)(_|$)", _plain(time)) else None
    return Layout(time, clock, symbol, values, ignored, stamp, zone)


def _plain(column: str) -> str:
    # "1. open", "<OPEN>", "Open Price", "Adj Close" -> open, open, open_price, adj_close
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"^\d+\.\s*", "", column.lower())).strip("_")


def _must_exist(frame: "pl.DataFrame", name: str, given: Mapping[str, str]) -> None:
    for ours, theirs in given.items():
        if theirs not in frame.columns:
            near = difflib.get_close_matches(theirs, frame.columns, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(f"{name} has no column {theirs!r} for {ours}.{hint} It has {', '.join(frame.columns)}.")


def _first(
    plain: Mapping[str, str], aliases: tuple[str, ...], frame: "pl.DataFrame", *, text_or_whole: bool = False
) -> str | None:
    for alias in aliases:
        for column, name in plain.items():
            if name == alias and not (text_or_whole and frame[column].dtype.is_float()):
                return column
    return None


def _time(
    frame: "pl.DataFrame", given: Mapping[str, str], plain: Mapping[str, str]
) -> tuple[str | None, Literal["open", "close"] | None]:
    if "time" in given:
        name = _plain(given["time"])
        return given["time"], "open" if name in OPEN_TIME else "close" if name in CLOSE_TIME else None
    bare = {column: re.sub(r"_?(utc|gmt)$", "", name) or name for column, name in plain.items()}
    if (column := _first(bare, CLOSE_TIME, frame)) is not None:
        return column, "close"
    if (column := _first(bare, OPEN_TIME, frame)) is not None:
        return column, "open"
    # Where a date and a time of day stand apart, the date comes first.
    if _first(bare, ("date",), frame) and (time := _first(bare, ("time",), frame)) and _is_clock(frame[time]):
        return _first(bare, ("date",), frame), None
    return _first(bare, ALIASES["time"], frame), None


def _is_clock(column: "pl.Series") -> bool:
    import polars as pl

    if column.dtype == pl.Time:
        return True
    return bool(column.dtype == pl.String and column.str.contains(r"^\s*\d{1,2}:\d{2}").all())


def _clock(frame: "pl.DataFrame", time: str, plain: Mapping[str, str]) -> str | None:
    column = _first(plain, ("time",), frame)
    return column if column not in (None, time) and _is_clock(frame[column]) else None


def _values(
    frame: "pl.DataFrame", given: Mapping[str, str], plain: Mapping[str, str], *, is_text: bool
) -> tuple[dict[str, str], dict[str, str]]:
    found = {ours: theirs for ours, theirs in given.items() if ours not in {"time", "symbol"}}
    ignored: dict[str, str] = {}
    extras = []
    for column, name in plain.items():
        reason = _not_numbers(frame[column], is_text=is_text)
        if not column or name.startswith("unnamed"):
            ignored[column] = "row numbers"
            continue
        ours = next((key for key in (*OHLCV, "adj_close") if name in ALIASES[key]), None)
        if ours is None and (name in ALIASES["time"] or name in OPEN_TIME or name in CLOSE_TIME):
            ignored[column] = "another column of stamps"
        elif ours is None and reason:
            ignored[column] = reason
        elif ours is None:
            extras.append(column)
        elif ours in found and ours not in given and name == _plain(found[ours]):
            raise DataError(f"the columns {found[ours]} and {column} both mean {ours}. Keep one of them.")
        elif ours in found and (ours in given or _rank(ours, found[ours]) < _rank(ours, column)):
            extras.append(column)
        else:
            extras += [found[ours]] if ours in found else []
            found[ours] = column
    if not set(found) & set(OHLCV) and len(extras) == 1:
        found["close"] = extras.pop()
    ordered = {name: found[name] for name in OHLCV if name in found}
    ordered |= {name: theirs for name, theirs in found.items() if name not in OHLCV}
    return ordered | {column: column for column in extras}, ignored


def _rank(ours: str, column: str) -> int:
    return ALIASES[ours].index(_plain(column))


def _not_numbers(column: "pl.Series", *, is_text: bool) -> str | None:
    import polars as pl

    if column.null_count() == len(column):
        return "empty"
    if column.dtype == pl.String and is_text and 2 * column.cast(pl.Float64, strict=False).count() > column.count():
        return None
    return None if column.dtype.is_numeric() or column.dtype == pl.Boolean else str(column.dtype).lower()
