"""Everything that a client can make the server hold or do is bounded: here are the bounds."""

from collections import OrderedDict
from collections.abc import Callable

from candlewick.core.clock import elapsed_s
from candlewick.serve.web.refusals import RefusalError

BODY_BYTES = 2**20
HEAD_BYTES = 2**15
"""Request line and headers."""

REQUEST_BYTES = 8 * 2**20
"""Everything that is read for one request; a body in many chunks is larger than what it holds."""

REQUEST_S = 10.0
"""In which a request has to be here as a whole, and a connection has to begin one."""

IDLE_S = 75
"""After which a connection that asks nothing more is closed."""

WRITE_S = 30.0
"""In which a client has to take some of what it is told."""

CONNECTIONS = 256
BARS = 4_096
"""That were taken from clients and are not answered yet."""

WATCHERS = 32
EVENTS = 1_024
"""That wait for one watcher."""

RATE = 20_000.0
"""Bars a second that one client may send, and as many other requests, if nothing else was said."""

_MOST_CLIENTS = 4_096


class Rate:
    """A token bucket for each client: `per_s` of them flow in a second, and two seconds' worth is kept."""

    def __init__(self, per_s: float, *, clock: Callable[[], float] = elapsed_s) -> None:
        self._per_s, self._clock = per_s, clock
        self._most = max(2 * per_s, 1.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, count: int = 1) -> None:
        """So many bars of a client. More than the bucket ever holds is let through once it is full.

        Raises:
            RefusalError: 429, with the seconds after which there will be enough.
        """
        now = self._clock()
        left, then = self._left.get(client, (self._most, now))
        left = min(left + (now - then) * self._per_s, self._most)
        wanted = min(float(count), self._most)
        if left < wanted:
            self._left[client] = left, now
            wait = max(int((wanted - left) / self._per_s) + 1, 1)
            raise RefusalError(
                429, "rate", f"{self._per_s:,.0f} bars a second are taken of one client. Come again in {wait} s.",
                retry_after=wait,
            )  # fmt: skip
        self._left[client] = left - count, now
        self._left.move_to_end(client)
        while len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)


def length_of(declared: list[bytes]) -> int | None:
    """The body's length as it was declared; None where it was not.

    Raises:
        RefusalError: 413 for too much.
    """
    if not declared:
        return None
    length = int(declared[0]) if declared[0].isdigit() else BODY_BYTES + 1
    if length > BODY_BYTES:
        raise too_large()
    return length


def too_large() -> RefusalError:
    """A body that is not read to its end."""
    return RefusalError(
        413, "too_large", f"a body has {BODY_BYTES:,} bytes at most. Send the bars in parts.", closes=True
    )


def overloaded(what: str) -> RefusalError:
    """Too much at once."""
    return RefusalError(503, "overload", f"{what}. Come again in a second.", retry_after=1)
