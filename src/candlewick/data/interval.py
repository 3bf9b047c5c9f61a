"""Lengths of time: written by people, counted in nanoseconds, and turned into bars a year."""

import re

import numpy as np

from candlewick.core.clock import NS_PER_DAY, NS_PER_SECOND
from candlewick.core.errors import ConfigError, DataError

UNITS = {
    "w": 7 * NS_PER_DAY,
    "d": NS_PER_DAY,
    "h": 3_600 * NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "s": NS_PER_SECOND,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
"""Nanoseconds of each unit, longest first."""

NS_PER_YEAR = int(365.2425 * NS_PER_DAY)

_WORDS = {"min": "m", "minute": "m", "minutes": "m", "hour": "h", "hours": "h", "day": "d", "days": "d",
          "week": "w", "weeks": "w", "sec": "s", "second": "s", "seconds": "s"}  # fmt: skip
_PART = re.compile(r"(\d+)\s*([a-z]+)\s*")


def parse_duration(text: str) -> int:
    """A length of time in ns from `5m`, `4h`, `1h30m`, `1d`; units are w d h m (or min) s ms us ns.

    >>> parse_duration("1h30m") // 10**9
    5400

    Raises:
        ConfigError: not such a text, or zero.
    """
    parts = _PART.findall(text.lower())
    written = "".join(f"{count}{unit}" for count, unit in parts)
    units = [_WORDS.get(unit, unit) for _, unit in parts]
    if written != text.lower().replace(" ", "") or not parts or any(unit not in UNITS for unit in units):
        raise ConfigError(
            f"a length of time must read like 5m, 4h, 1h30m or 1d, was {text!r}. Units: {', '.join(UNITS)}."
        )
    total = sum(int(count) * UNITS[unit] for (count, _), unit in zip(parts, units, strict=True))
    if total == 0:
        raise ConfigError(f"a length of time must be longer than zero, was {text!r}.")
    return total


def format_duration(ns: int) -> str:
    """The shortest text that `parse_duration` reads back; a minus sign before negative lengths.

    >>> format_duration(5400 * 10**9)
    '1h30m'
    >>> format_duration(0)
    '0s'
    """
    if ns < 0:
        return f"-{format_duration(-ns)}"
    parts = []
    for unit, size in UNITS.items():
        # Weeks only where they are whole: 10d is read more easily than 1w3d.
        if unit == "w" and ns % size:
            continue
        count, ns = divmod(ns, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def bars_per_year(t: np.ndarray) -> float:
    """Bars in a mean Gregorian year at the rate of the stamps themselves, closed hours and holidays included.

    Counted over the last whole weeks of the span, so that where in a week the data begins and ends does not
    matter; over whole days where there is less than a week, over the span itself where there is less than a day.

    Args:
        t: int64 (n,), ns, increasing.

    >>> year_of_days = np.arange(366) * NS_PER_DAY
    >>> round(bars_per_year(year_of_days), 2)
    365.24

    Raises:
        DataError: fewer than two stamps.
    """
    if len(t) < 2:
        raise DataError(f"bars per year need two stamps or more, was {len(t)}.")
    span = int(t[-1] - t[0])
    for unit in (UNITS["w"], UNITS["d"]):
        if whole := span // unit * unit:
            return (len(t) - int(np.searchsorted(t, t[-1] - whole, side="right"))) * NS_PER_YEAR / whole
    return (len(t) - 1) * NS_PER_YEAR / span
