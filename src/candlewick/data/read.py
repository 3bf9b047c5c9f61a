"""Bars from files, frames and arrays: understood, checked, or refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from candlewick.core.errors import DataError
from candlewick.data.bars import Panel
from candlewick.data.checks import Finding, inspect

SHOWN = 12


@dataclass(frozen=True)
class Reading:
    """Bars, and how they were come by.

    Attributes:
        panel: the bars of all instruments.
        mapping: what was taken for what, as lines for people.
        findings: what was dropped (only when asked), warnings and notes.
    """

    panel: Panel
    mapping: tuple[str, ...]
    findings: tuple[Finding, ...]


def read(
    source: Any,
    *,
    stamp: Literal["open", "close"] | None = None,
    zone: str | None = None,
    interval: str | None = None,
    session_close: str | None = None,
    symbol: str | None = None,
    on_error: Literal["refuse", "drop"] = "refuse",
    nonpositive: bool = False,
    adjust: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Reading:
    """Bars from a path (.csv, .csv.gz, .parquet, .npz), a pandas or polars frame, arrays by name, Bars or a Panel.

    Open, high, low, close and volume are known by their usual names in any case, as are time and instrument; other
    columns of numbers are kept under their own names. A bar's time is its close, so the stamps' meaning must be known:
    from the column's name (`open_time`, `close_time`, `..._utc`), from offsets in the stamps, or from `stamp`, `zone`.

    Args:
        source: the bars.
        stamp: whether a stamp is the open or the close of its bar. Dates without a time of day are session dates;
            with `stamp="close"` such a bar is known at `session_close`, or at the end of that day in `zone`.
        zone: of stamps that carry no offset, `UTC` or a name such as `America/New_York`. Of the two passes of an hour
            that the clock repeats, the order of rows tells which is meant; where it does not, the row is refused.
        interval: length of a bar, `5m`; the median step where it is not given. A bar stamped with its open is known
            one interval later, or at the next open where that comes sooner.
        session_close: `16:00`, when a bar stamped with a session date is known.
        symbol: name of the only instrument, or which one to keep where a column tells several apart.
        on_error: `refuse` the data, or `drop` the rows at fault and list them in the findings.
        nonpositive: prices of zero and below are meant.
        adjust: open, high, low and close are scaled by adjusted close / close, which takes dividends out of returns.
        columns: our name -> the source's name, for what is not understood by itself: `{"close": "px_last"}`.

    Raises:
        DataError: listing every fault, with rows.
    """
    inspection = inspect(
        source, stamp=stamp, zone=zone, interval=interval, session_close=session_close, symbol=symbol,
        on_error=on_error, nonpositive=nonpositive, adjust=adjust, columns=columns,
    )  # fmt: skip
    if inspection.panel is None:
        raise DataError(_listed(inspection.errors))
    return Reading(inspection.panel, inspection.mapping, inspection.findings)


def _listed(errors: tuple[Finding, ...]) -> str:
    lines = [error.message for error in errors[:SHOWN]]
    if len(errors) > SHOWN:
        lines.append(f"... and {len(errors) - SHOWN} more; candlewick check lists them all.")
    if all(error.droppable for error in errors):
        lines.append("To go on without these rows, say on_error: drop.")
    return "\n".join(lines)
