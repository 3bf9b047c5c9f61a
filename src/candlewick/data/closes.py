"""When each bar is known: from stamps of opens or closes, dates or times, to its close in UTC."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import DataError
from candlewick.data.interval import UNITS, format_duration, parse_duration
from candlewick.data.stamps import Stamps
from candlewick.data.zones import to_utc, to_wall

Stamp = Literal["open", "close"]


@dataclass(frozen=True, eq=False)
class Closes:
    """The close of every row's bar.

    Attributes:
        t: int64 (n,), ns UTC.
        interval_ns: nominal length of a bar; 0 where one row is all there is.
        skipped: bool (n,), the zone's clock never shows this time.
        undecided: bool (n,), the zone's clock shows this time twice, and the order of rows does not decide.
        meaning: what the stamps were taken for, for people.
    """

    t: np.ndarray
    interval_ns: int
    skipped: np.ndarray
    undecided: np.ndarray
    meaning: str


def closes(
    stamps: Stamps, group: np.ndarray, *, stamp: Stamp, zone: str, interval: str | None, session_close: str | None
) -> Closes:
    """Closes of bars from their stamps; `group` (n,) is the instrument of each row.

    A time that is a close is the close. A time that is an open closes one interval later, or at the instrument's next
    open where that comes sooner (the short last bar of a session). Dates without a time of day (or midnights all
    through) are session dates: known at `session_close` of that day in `zone`; without it a date that is a close is
    known at the end of that day, and one that is an open at the end of the interval that begins there.

    Raises:
        DataError: `session_close` is not a time of day or the stamps are not dates; `interval` is not theirs.
    """
    if session_close is not None and not stamps.dates:
        raise DataError("session_close says when a date is known, but these stamps have a time of day. Leave it out.")
    if stamps.dates:
        return _of_dates(stamps, group, stamp, zone, interval, session_close)
    utc, skipped, undecided = _utc(stamps, zone, group)
    length = _length(utc, group, interval)
    if stamp == "close":
        unit = _short_of_the_end(utc, length)
        meaning = "the bar's close" + (f", 1{unit} before its end, which is added" if unit else "")
        return Closes(utc + (UNITS[unit] if unit else 0), length, skipped, undecided, meaning)
    _must_have_length(length)
    if interval is None:
        _must_be_regular(utc, length, group)
    t, early = _until_next(utc, length, group)
    return Closes(t, length, skipped, undecided, f"the bar's open; it is known {format_duration(length)} later{early}")


def _utc(stamps: Stamps, zone: str, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    utc, skipped, undecided = to_utc(stamps.ns, zone, group)
    aware = stamps.aware
    return np.where(aware, stamps.ns, utc), skipped & ~aware, undecided & ~aware


def _of_dates(
    stamps: Stamps, group: np.ndarray, stamp: Stamp, zone: str, interval: str | None, session_close: str | None
) -> Closes:
    # Midnights of the stamps' own zone are dates there; the session they name closes in `zone`.
    own = stamps.zone or zone
    day = np.where(stamps.aware, to_wall(stamps.ns, own), stamps.ns)
    if np.any(day % NS_PER_DAY):
        raise DataError(
            f"the stamps are midnights with an offset, but no midnights in {zone}, so their dates are not certain. "
            "Say the zone in which they are midnights, or write dates without a time."
        )
    length = _length(day, group, interval)
    zone = zone if session_close is not None else own
    if session_close is not None:
        wall, meaning = (
            day + _time_of_day(session_close),
            f"session dates; a bar is known at {session_close} of its day",
        )
    elif stamp == "close":
        wall, meaning = day + NS_PER_DAY, "session dates; a bar is known at the end of its day"
    else:
        _must_have_length(length)
        wall, early = _until_next(day, length, group)
        meaning = f"dates of the bar's open; it is known {format_duration(length)} later{early}"
    t, skipped, undecided = to_utc(wall, zone, group)
    return Closes(t, length, skipped, undecided, meaning)


def _time_of_day(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2) or int(minutes) > 59:
        raise DataError(f"session_close must read like '16:00', was {text!r}.")
    if int(hours) > 24 or (int(hours) == 24 and int(minutes)):
        raise DataError(f"session_close must lie in one day, 00:00 to 24:00, was {text!r}.")
    return int(hours) * UNITS["h"] + int(minutes) * UNITS["m"]


def _length(ns: np.ndarray, group: np.ndarray, said: str | None) -> int:
    order = np.argsort(group, kind="stable")
    steps = np.abs(np.diff(ns[order]))[np.diff(group[order]) == 0]
    steps = steps[steps > 0]
    median = int(np.median(steps)) if len(steps) else 0
    if said is None:
        return median
    length = parse_duration(said)
    # Rare trading makes steps longer than a bar, a short session makes some shorter; most cannot be.
    if len(steps) and (np.mean(steps < 0.99 * length) > 0.1 or not np.any(steps < 1.05 * length)):
        raise DataError(f"interval: {said} was said, but the median step of the stamps is {format_duration(median)}.")
    return length


def _must_have_length(length: int) -> None:
    if length == 0:
        raise DataError("one stamp does not show how long a bar is, so its close is not known. Say interval: 5m.")


def _must_be_regular(opens: np.ndarray, length: int, group: np.ndarray) -> None:
    order = np.argsort(group, kind="stable")
    steps = np.diff(opens[order])[np.diff(group[order]) == 0]
    steps = steps[steps > 0]
    if len(steps) and np.mean(steps == length) < 0.1:
        raise DataError(
            f"hardly a bar lasts {format_duration(length)}, the median, so these are bars of trades or volume, whose "
            "opens do not show when they close. Give stamps of closes; or say interval: where bars have one length."
        )


def _until_next(opens: np.ndarray, length: int, group: np.ndarray) -> tuple[np.ndarray, str]:
    order = np.argsort(group, kind="stable")
    step = np.full(len(opens), length)
    step[order[:-1]] = np.where(np.diff(group[order]) == 0, np.diff(opens[order]), length)
    short = (step > 0) & (step < length)
    count = int(short.sum())
    early = f" ({count:,} that the next open follows sooner: at that open)" if count else ""
    return opens + np.where(short, step, length), early


def _short_of_the_end(utc: np.ndarray, length: int) -> str | None:
    # Some exchanges write the last moment of a bar as its close: 23:59:59.999.
    for unit in ("s", "ms", "us"):
        if length % UNITS["m"] == 0 and len(utc) > 1 and np.all((utc + UNITS[unit]) % UNITS["m"] == 0):
            return unit
    return None
