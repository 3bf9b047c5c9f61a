"""From one loaded frame to one table an instrument, saying what was taken for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from candlewick.core.errors import DataError
from candlewick.data.bars import OHLCV
from candlewick.data.closes import Closes, Stamp, closes
from candlewick.data.finding import Finding, at_rows
from candlewick.data.layout import Layout, understand
from candlewick.data.loading import Loaded
from candlewick.data.stamps import Stamps, parse
from candlewick.data.table import Table
from candlewick.data.zones import check_zone

if TYPE_CHECKING:
    import polars as pl


PRICES = OHLCV[:4]
ROW = "\0row"


@dataclass(frozen=True)
class Options:
    """How a source is to be read; the parameters of `data.read.read`."""

    stamp: Stamp | None = None
    zone: str | None = None
    interval: str | None = None
    session_close: str | None = None
    symbol: str | None = None
    on_error: Literal["refuse", "drop"] = "refuse"
    nonpositive: bool = False
    adjust: bool = False
    columns: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (("stamp", self.stamp, ("open", "close", None)),
                                     ("on_error", self.on_error, ("refuse", "drop"))):  # fmt: skip
            if value not in allowed:
                raise DataError(f"{name} was {value!r}. It may be {' or '.join(str(item) for item in allowed)}.")
        if self.zone is not None:
            check_zone(self.zone)


@dataclass
class Understood:
    """Tables of all instruments, with how they were understood and what was found on the way."""

    tables: tuple[Table, ...] = ()
    mapping: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    stamp: Stamp | None = None


def understand_rows(loaded: Loaded, options: Options, done: Understood) -> None:
    """Put one table an instrument into `done`, of the rows whose cells could be read; the others become findings.

    Raises:
        DataError: what is in the source cannot be understood at all; `done` holds what was found before.
    """
    if loaded.frame.height == 0:
        raise DataError(f"{loaded.name} has no rows. Give at least one bar.")
    layout = understand(loaded.frame, loaded.name, options.columns, is_text=loaded.is_text)
    loaded, symbols = _instruments(loaded, layout, options)
    names, group = np.unique(symbols, return_inverse=True)
    rows = loaded.first_row + _row_numbers(loaded)
    values, bad = _numbers(loaded, layout, rows, done)
    if options.adjust:
        values = _adjusted(values, loaded.name)
    stamps = parse(loaded.frame[layout.time], loaded.frame[layout.clock] if layout.clock else None)
    bad |= _unreadable(stamps, layout, rows, done)
    stamp, zone = _meaning(loaded, layout, stamps, options, done)
    kept = np.flatnonzero(~bad)
    if len(kept) == 0:
        return
    known = closes(_rows_of(stamps, kept), group[kept], stamp=stamp, zone=zone, interval=options.interval,
                   session_close=options.session_close)  # fmt: skip
    wrong = _no_such_time(known, zone, rows[kept], done)
    settled = not any(finding.kind in ("stamp_unknown", "zone_unknown") for finding in done.findings)
    done.mapping += _lines(loaded, layout, stamps, known, zone, names, options.adjust, settled)
    done.tables = tuple(
        Table(str(name), rows[kept[mine]], stamps.ns[kept[mine]], known.t[mine],
              {ours: column[kept[mine]] for ours, column in values.items()}, known.interval_ns)
        for position, name in enumerate(names)
        if len(mine := np.flatnonzero((group[kept] == position) & ~wrong))
    )  # fmt: skip


def _instruments(loaded: Loaded, layout: Layout, options: Options) -> tuple[Loaded, np.ndarray]:
    import polars as pl

    frame = loaded.frame.with_row_index(ROW)
    if layout.symbol is None:
        name = options.symbol or (loaded.name.partition(".")[0] if loaded.first_row or "." in loaded.name else "series")
        return _with(loaded, frame), np.full(frame.height, name)
    column = frame[layout.symbol].cast(pl.String)
    if column.null_count():
        row = loaded.first_row + int(column.is_null().arg_max() or 0)
        raise DataError(f"the instrument in {layout.symbol} is empty in {column.null_count()} rows, first row {row}.")
    if options.symbol is not None:
        if options.symbol not in set(column):
            raise DataError(
                f"{loaded.name} has no instrument {options.symbol!r}. It has {_few(column.unique().sort())}."
            )
        frame, column = frame.filter(column == options.symbol), column.filter(column == options.symbol)
    return _with(loaded, frame), column.to_numpy().astype(str)


def _with(loaded: Loaded, frame: "pl.DataFrame") -> Loaded:
    return Loaded(frame, loaded.name, loaded.first_row, loaded.is_text)


def _row_numbers(loaded: Loaded) -> np.ndarray:
    return loaded.frame[ROW].to_numpy().astype(np.int64)


def _few(names: "pl.Series") -> str:
    return ", ".join(str(name) for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _numbers(
    loaded: Loaded, layout: Layout, rows: np.ndarray, done: Understood
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    import polars as pl

    values, bad = {}, np.zeros(len(rows), bool)
    for ours, theirs in layout.values.items():
        column = loaded.frame[theirs]
        if column.dtype == pl.String and not loaded.is_text:
            raise DataError(
                f"{theirs} holds text, such as {column.drop_nulls().first()!r}. Convert it to numbers first."
            )
        if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
            raise DataError(f"{theirs} is of type {column.dtype}, not numbers. Convert it first.")
        cells = column.str.strip_chars() if column.dtype == pl.String else column
        number = cells.cast(pl.Float64, strict=False)
        empty = cells.is_null().to_numpy()
        words = number.is_null().to_numpy() & ~empty
        if words.any():
            example = cells.filter(pl.Series(words)).first()
            done.findings += at_rows("text", loaded.name, f"{theirs} is text, such as {example!r},", rows[words],
                                     mend="Write numbers with a point and no thousands separator.")  # fmt: skip
        done.findings += at_rows("null", loaded.name, f"{theirs} is empty", rows[empty],
                                 mend="Fill the source or drop those rows.")  # fmt: skip
        values[ours] = number.fill_null(np.nan).to_numpy()
        bad |= words | empty
    return values, bad


def _adjusted(values: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    if "adj_close" not in values:
        raise DataError(f"{name} has no adjusted close, so adjust: true cannot be. Leave it out or name the column.")
    ratio = values.pop("adj_close") / np.where(values["close"] == 0, np.nan, values["close"])
    return {ours: column * ratio if ours in PRICES else column for ours, column in values.items()}


def _unreadable(stamps: Stamps, layout: Layout, rows: np.ndarray, done: Understood) -> np.ndarray:
    if not stamps.readable.any():
        raise DataError(f"no stamp in {layout.time} can be read. Write them like 2024-01-31 16:00:00+00:00.")
    bad = ~stamps.readable
    done.findings += at_rows("stamp", layout.time, "the stamp cannot be read", rows[bad],
                             mend="Write stamps like 2024-01-31 16:00:00+00:00.")  # fmt: skip
    aware = stamps.aware & stamps.readable
    naive = ~stamps.aware & stamps.readable
    if aware.any() and naive.any():
        fewer = aware if aware.sum() <= naive.sum() else naive
        which = "with" if fewer is aware else "without"
        done.findings += at_rows("mixed_zones", layout.time, f"the stamp stands {which} an offset, unlike the others,",
                                 rows[fewer], mend="Write all stamps with an offset, or none.")  # fmt: skip
        bad = bad | fewer
    return bad


def _meaning(loaded: Loaded, layout: Layout, stamps: Stamps, options: Options, done: Understood) -> tuple[Stamp, str]:
    stamp = options.stamp or layout.stamp
    if options.stamp and layout.stamp and options.stamp != layout.stamp:
        raise DataError(f"stamp: {options.stamp} was said, but the column is called {layout.time}. Say what is true.")
    aware = bool(stamps.aware[stamps.readable].all())
    zone = options.zone or stamps.zone or layout.zone or ("UTC" if aware and not stamps.dates else None)
    done.stamp = None if stamps.dates else stamp
    if stamp is None:
        done.findings.append(Finding("stamp_unknown", _ask(loaded, layout, "stamp")))
    if zone is None:
        done.findings.append(Finding("zone_unknown", _ask(loaded, layout, "zone")))
    # Where the meaning is unknown the data is refused; the other checks go on with these.
    return stamp or "close", zone or "UTC"


def _ask(loaded: Loaded, layout: Layout, what: Literal["stamp", "zone"]) -> str:
    shown = [column for column in (layout.time, layout.clock, *layout.values.values()) if column][:6]
    lines = loaded.frame.select(shown).head(2).rows()
    rows = "; ".join(
        f"row {number}: {', '.join(str(cell) for cell in line)}"
        for number, line in zip(loaded.first_row + _row_numbers(loaded), lines, strict=False)
    )
    question = {
        "stamp": "nothing says whether its stamps are the opens or the closes of its bars. "
        "Say stamp: open or stamp: close (candlewick check prints what speaks for which)",
        "zone": "nothing says in which zone its stamps are. Say zone: UTC, or a name such as America/New_York",
    }[what]
    return f"{loaded.name}: {question}. It begins with {rows}."


def _rows_of(stamps: Stamps, kept: np.ndarray) -> Stamps:
    return Stamps(stamps.ns[kept], stamps.readable[kept], stamps.aware[kept], stamps.written, stamps.dates, stamps.zone)


def _no_such_time(known: Closes, zone: str, rows: np.ndarray, done: Understood) -> np.ndarray:
    mend = "Clocks go forward there: check zone:."
    what = "the stamp is a time that the clock skips"
    done.findings += at_rows("skipped_time", zone, what, rows[known.skipped], mend=mend)
    mend = "Clocks go back there, and the rows do not show both passes: write stamps with an offset."
    what = "the stamp is a time that the clock shows twice"
    done.findings += at_rows("ambiguous_time", zone, what, rows[known.undecided], mend=mend)
    return known.skipped | known.undecided


def _lines(
    loaded: Loaded,
    layout: Layout,
    stamps: Stamps,
    known: Closes,
    zone: str,
    names: np.ndarray,
    adjust: bool,
    settled: bool,
) -> list[str]:
    time = layout.time + (f" and {layout.clock}" if layout.clock else "")
    renamed = [ours if ours == theirs else f"{ours} = {theirs}" for ours, theirs in layout.values.items()]
    lines = [
        f"time = {time}: {stamps.written}, zone {zone}; {known.meaning}"
        if settled
        else f"time = {time}: {stamps.written}",
        f"columns: {', '.join(renamed)}",
    ]
    if layout.symbol:
        lines.append(f"instruments = {layout.symbol}: {len(names)}")
    if "adj_close" in layout.values:
        done = "open, high, low and close are scaled by it" if adjust else "adjust: true scales the prices by it"
        lines.append(f"adj_close is rewritten by later dividends: its ratios were known then, not its level; {done}")
    if all(loaded.frame[layout.values[name]].dtype.is_integer() for name in PRICES if name in layout.values):
        lines.append("prices are whole numbers, perhaps points: ratios are right, levels are in that unit")
    lines += [f"not used: {column} ({why})" for column, why in layout.ignored.items() if column != ROW]
    return lines
