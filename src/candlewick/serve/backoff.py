"""How long to wait before something is tried again: longer each time, never for ever, and as the other side asks."""

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from candlewick.core.clock import NS_PER_SECOND

LONGEST_ASKED_S = 3_600.0
"""Most of a wait that the other side asked for which is granted."""


@dataclass
class Backoff:
    """Waits that double from `first_s` to `most_s`.

    >>> waits = Backoff(first_s=0.5, most_s=3.0)
    >>> [waits.next_s() for _ in range(4)], waits.next_s(at_least_s=10.0)
    ([0.5, 1.0, 2.0, 3.0], 10.0)
    """

    first_s: float = 0.1
    most_s: float = 5.0
    _now_s: float = field(default=0.0, init=False)

    def next_s(self, *, at_least_s: float = 0.0) -> float:
        """Seconds to wait before the next attempt; longer where the other side asked for it."""
        self._now_s = min(max(2 * self._now_s, self.first_s), self.most_s)
        return max(self._now_s, min(at_least_s, LONGEST_ASKED_S))

    def succeeded(self) -> None:
        """Begin again with the shortest wait."""
        self._now_s = 0.0


def retry_after_s(said: str | None, *, now: int) -> float:
    """Seconds that a Retry-After asks for: a number of them, or a date; 0 where it says nothing that can be meant.

    Args:
        said: the header's value; None where there was none.
        now: ns UTC, as told by the same clock as a date in it.

    >>> retry_after_s("7", now=0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now=58 * 10**9)
    (7.0, 2.0)
    >>> retry_after_s("soon", now=0), retry_after_s(None, now=0)
    (0.0, 0.0)
    """
    text = (said or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = date_ns(text)
    return 0.0 if until is None else max(until - now, 0) / NS_PER_SECOND


def date_ns(said: str | None) -> int | None:
    """The moment that a Date of HTTP names, ns UTC; None where it names none.

    >>> date_ns("Thu, 01 Jan 1970 00:01:00 GMT")
    60000000000
    >>> date_ns("yesterday"), date_ns(None)
    (None, None)
    """
    try:
        moment = parsedate_to_datetime(said or "")
    except ValueError:
        return None
    return round(moment.timestamp()) * NS_PER_SECOND
