"""Stamps as they are written: ISO and other texts, dates, whole numbers since 1970."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from candlewick.core.clock import NS_PER_DAY, NS_PER_SECOND
from candlewick.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_TIME = r"(?:[T\s]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9})\d*)?)?)?"
_OFFSET = r"\s*((?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?|Z|UTC|GMT)?"
_YEAR_FIRST = rf"^\s*(\d{{4}})[-/.]?(\d{{1,2}})[-/.]?(\d{{1,2}}){_TIME}{_OFFSET}\s*$"
_YEAR_LAST = rf"^\s*(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_TIME}{_OFFSET}\s*$"
EARLIEST_COUNT = 1e7
"""Counts below (April 1970, as seconds) are row numbers or days rather than stamps."""

_EPOCHS = ((1e11, "s", NS_PER_SECOND), (1e14, "ms", 1_000_000), (1e17, "us", 1_000), (np.inf, "ns", 1))


@dataclass(frozen=True, eq=False)
class Stamps:
    """A column of stamps, read.

    Attributes:
        ns: int64 (n,); UTC where `aware`, elsewhere the wall clock as if it were UTC; 0 where not readable.
        readable: bool (n,).
        aware: bool (n,), the stamp itself says its offset from UTC, or counts from 1970 UTC.
        written: how they are written, for people.
        dates: no stamp has a time of day where it was written.
        zone: name of the zone that the type of the column carries; None where it carries none.
    """

    ns: np.ndarray
    readable: np.ndarray
    aware: np.ndarray
    written: str
    dates: bool
    zone: str | None = None


def parse(column: "pl.Series", clock: "pl.Series | None" = None) -> Stamps:
    """The stamps of `column`, with the time of day of `clock` where they stand apart.

    Raises:
        DataError: a type that holds no time, or days and months that cannot be told apart.
    """
    import polars as pl

    if clock is not None:
        column = pl.select(pl.concat_str([_text(column), _text(clock)], separator=" ")).to_series()
    if column.dtype == pl.Date:
        return _moments(column.cast(pl.Datetime("ns")))
    if column.dtype == pl.Datetime:
        return _moments(column.dt.cast_time_unit("ns"))
    if column.dtype.is_numeric():
        return _numbers(column)
    if column.dtype == pl.String:
        return _texts(column)
    raise DataError(f"the stamps in {column.name} are of type {column.dtype}. Give texts, times, or counts since 1970.")


def _text(column: "pl.Series") -> "pl.Series":
    import polars as pl

    return column if column.dtype == pl.String else column.cast(pl.String)


def _moments(column: "pl.Series") -> Stamps:
    zone = column.dtype.time_zone  # type: ignore[attr-defined]
    readable = column.is_not_null().to_numpy()
    ns = column.to_physical().fill_null(0).to_numpy()
    wall = column.dt.replace_time_zone(None).to_physical().fill_null(0).to_numpy()
    written = f"times in {zone}" if zone else "times without a zone"
    return Stamps(ns, readable, np.full(len(ns), zone is not None), written, _all_midnight(wall), zone)


def _all_midnight(wall: np.ndarray) -> bool:
    return bool(np.all(wall % NS_PER_DAY == 0))


def _numbers(column: "pl.Series") -> Stamps:
    import polars as pl

    values = column.to_numpy() if column.null_count() == 0 else column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    readable = np.isfinite(values) & (np.abs(values.astype(np.float64)) < 2.0**63)
    if not readable.any():
        return Stamps(np.zeros(len(values), np.int64), readable, readable, "nothing", False)
    whole = np.where(readable, values, 0).astype(np.int64)
    middle = float(np.median(np.abs(values[readable])))
    if 19_000_101 <= middle <= 21_001_231:
        return _texts(pl.Series(column.name, whole).cast(pl.String))
    if 19_000_101_000_000 <= middle <= 21_001_231_235_959:
        digits = pl.Series(column.name, whole).cast(pl.String)
        return _texts(digits.str.slice(0, 8) + " " + digits.str.slice(8))
    if middle < EARLIEST_COUNT and len(values) > 1:
        raise DataError(
            f"the stamps in {column.name}, such as {values[readable][0]:g}, are too small for counts of seconds since "
            "1970. Row numbers and days are no stamps: give times, texts, or counts of s, ms, us or ns since 1970."
        )
    unit, size = next((unit, size) for bound, unit, size in _EPOCHS if middle < bound)
    readable = readable & (np.abs(values.astype(np.float64)) * size < 2.0**63)
    whole = np.where(readable, whole, 0)
    ns = whole * size
    if values.dtype.kind == "f":
        # The part after the point is below a unit; a float of seconds since 1970 is exact to a microsecond.
        fraction = np.where(readable, values - whole, 0)
        ns = ns + np.rint(fraction * size / 1_000).astype(np.int64) * 1_000
    return Stamps(ns, readable, readable, f"counts of {unit} since 1970 UTC", _all_midnight(ns), "UTC")


def _texts(column: "pl.Series") -> Stamps:
    import polars as pl

    year_first = _fields(column, _YEAR_FIRST, ("y", "m", "d"))
    year_last = _fields(column, _YEAR_LAST, ("a", "b", "y"))
    fields = year_first
    if year_first["y"].null_count() > year_last["y"].null_count():
        fields = _order_of_days(year_last, column)
    date = fields.select(pl.concat_str("y", pl.col("m").str.zfill(2), pl.col("d").str.zfill(2), separator="-"))
    days = date.to_series().str.to_date("%Y-%m-%d", strict=False)
    clock = fields.select(
        pl.col("H", "M", "S").cast(pl.Int64).fill_null(0), pl.col("f").str.pad_end(9, "0").cast(pl.Int64).fill_null(0)
    )
    hours, minutes, seconds, fraction = (clock[name].to_numpy() for name in ("H", "M", "S", "f"))
    offset, aware = _offsets(fields["z"])
    time = ((hours * 60 + minutes) * 60 + seconds) * NS_PER_SECOND + fraction
    ns = days.cast(pl.Int64).fill_null(0).to_numpy() * NS_PER_DAY + time - offset
    readable = days.is_not_null().to_numpy() & (hours < 24) & (minutes < 60) & (seconds < 60)
    example = column.drop_nulls().first()
    zone = "UTC" if aware[readable].all() and not offset[readable].any() else None
    dates = _all_midnight(time[readable])
    return Stamps(np.where(readable, ns, 0), readable, aware, f"texts like {example!r}", dates, zone)


def _fields(column: "pl.Series", pattern: str, date: tuple[str, str, str]) -> "pl.DataFrame":
    names = (*date, "H", "M", "S", "f", "z")
    groups = column.str.extract_groups(pattern).struct.unnest()
    return groups.rename(dict(zip(groups.columns, names, strict=True)))


def _order_of_days(fields: "pl.DataFrame", column: "pl.Series") -> "pl.DataFrame":
    import polars as pl

    first, second = (fields[name].cast(pl.Int64).max() or 0 for name in ("a", "b"))
    if first > 12 >= second:  # type: ignore[operator]
        return fields.rename({"a": "d", "b": "m"})
    if second > 12 >= first:  # type: ignore[operator]
        return fields.rename({"a": "m", "b": "d"})
    raise DataError(
        f"the stamps in {column.name}, such as {column[0]!r}, do not tell the day from the month. "
        "Write the year first: 2024-01-31."
    )


def _offsets(zone: "pl.Series") -> tuple[np.ndarray, np.ndarray]:
    # ns to take away to reach UTC, and whether the stamp says so itself.
    import polars as pl

    parts = zone.str.extract_groups(r"([+-])(\d{2}):?(\d{2})?$").struct.unnest()
    parts.columns = ["sign", "hours", "minutes"]
    minutes = parts.select(
        pl.when(pl.col("sign") == "-").then(-1).otherwise(1)
        * (pl.col("hours").cast(pl.Int64) * 60 + pl.col("minutes").cast(pl.Int64).fill_null(0))
    )
    ns = minutes.to_series().fill_null(0).to_numpy().astype(np.int64) * 60 * NS_PER_SECOND
    return ns, zone.is_not_null().to_numpy()
