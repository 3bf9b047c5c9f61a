"""The only place that asks what time it is."""

import time
from datetime import UTC, datetime

NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND


def now_ns() -> int:
    """Wall time as int64 nanoseconds since 1970 UTC."""
    return time.time_ns()


def elapsed_s() -> float:
    """Seconds on a clock that never goes back; only differences mean anything."""
    return time.perf_counter()


def elapsed_ns() -> int:
    """The same in whole nanoseconds."""
    return time.perf_counter_ns()


def sleep_s(seconds: float) -> None:
    """Let so many seconds pass; none where they are below zero."""
    time.sleep(max(seconds, 0.0))


def iso(t: int) -> str:
    """A nanosecond stamp as ISO 8601 in UTC, without a fraction where it is zero.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    >>> iso(1_500_000_000)
    '1970-01-01T00:00:01.500000000Z'
    """
    seconds, fraction = divmod(int(t), NS_PER_SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}Z" if fraction else f"{text}Z"
