"""A moment that a person or a file names: nanoseconds, ISO 8601, or a time of day."""

import re
from datetime import UTC, datetime

from candlewick.core.clock import NS_PER_DAY, NS_PER_SECOND
from candlewick.core.errors import DataError

_STAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?Z?", re.IGNORECASE)


def moment(text: str, *, now: int | None = None) -> int:
    """Nanoseconds UTC; where no zone is named, UTC is meant.

    Args:
        now: with it, a time of day is taken for the last such moment.

    Raises:
        DataError: it is none of these.

    >>> moment("1970-01-01T00:00:01.5Z"), moment("1970-01-01 01:00:00+01:00"), moment("1700000000000000000")
    (1500000000, 0, 1700000000000000000)
    >>> moment("00:00:07", now=5 * NS_PER_SECOND + NS_PER_DAY) == 7 * NS_PER_SECOND
    True
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 19:
        return int(text)
    found, time = _STAMP.fullmatch(text), _TIME.fullmatch(text) if now is not None else None
    try:
        if found is not None:
            return _of_date(*found.groups())
        if time is not None and now is not None:
            return _of_day(*time.groups(), now=now)
    except ValueError:
        pass
    more = ", or a time of day" if now is not None else ""
    raise DataError(f"a moment is ns since 1970 UTC or reads 2026-11-27T14:03:07Z{more}; was {text[:100]!r}.")


def _of_date(day: str, minute: str | None, second: str | None, fraction: str | None, zone: str | None) -> int:
    zone = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    whole = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}{zone}").astimezone(UTC)
    return int(whole.timestamp()) * NS_PER_SECOND + _nanoseconds(fraction)


def _of_day(hour: str, minute: str, second: str | None, fraction: str | None, *, now: int) -> int:
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        raise ValueError
    passed = (int(hour) * 3600 + int(minute) * 60 + int(second or 0)) * NS_PER_SECOND + _nanoseconds(fraction)
    today = now // NS_PER_DAY * NS_PER_DAY + passed
    return today if today <= now else today - NS_PER_DAY


def _nanoseconds(fraction: str | None) -> int:
    return int((fraction or "").ljust(9, "0"))
