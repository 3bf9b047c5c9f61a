"""How long things took, in fixed memory."""

from array import array
from collections.abc import Mapping
from math import ceil, exp, log

_SHORTEST_NS = 100
_LONGEST_NS = 60_000_000_000
_STEP = log(1.02)
_BUCKETS = ceil(log(_LONGEST_NS / _SHORTEST_NS) / _STEP) + 1

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
"""What a summary holds."""


class Histogram:
    """Durations in buckets that each reach 2 % further than the last, from 100 ns to 60 s; longer ones count as 60 s.

    >>> times = Histogram()
    >>> for ns in range(1_000, 2_000):
    ...     times.add(ns)
    >>> times.count, round(times.quantile(0.5), -2)
    (1000, 1500.0)
    """

    __slots__ = ("_counts", "_longest")

    def __init__(self) -> None:
        self._counts = array("q", bytes(8 * _BUCKETS))
        self._longest = 0

    def add(self, ns: int) -> None:
        """One duration."""
        if ns > self._longest:
            self._longest = ns
        bucket = int(log(ns / _SHORTEST_NS) / _STEP) if ns > _SHORTEST_NS else 0
        self._counts[bucket if bucket < _BUCKETS else _BUCKETS - 1] += 1

    @property
    def count(self) -> int:
        """Durations added."""
        return sum(self._counts)

    @property
    def max(self) -> int:
        """The longest, exactly; 0 where there is none."""
        return self._longest

    def quantile(self, q: float) -> float:
        """Nanoseconds that a share `q` of durations does not exceed, to 1 %; NaN where there is none."""
        rank, below = q * self.count, 0
        for bucket, number in enumerate(self._counts):
            below += number
            if number and below >= rank:
                return min(_SHORTEST_NS * exp((bucket + 0.5) * _STEP), float(self._longest))
        return float("nan")

    def merge(self, other: "Histogram") -> None:
        """Add all that `other` holds."""
        for bucket, number in enumerate(other._counts):
            self._counts[bucket] += number
        self._longest = max(self._longest, other._longest)

    def octaves(self) -> list[tuple[float, float, int]]:
        """(from, to, durations between) in microseconds, each twice as wide as the last; none empty at the ends.

        >>> times = Histogram()
        >>> for ns in (1_000, 1_200, 5_000):
        ...     times.add(ns)
        >>> [(round(begin, 1), round(end, 1), number) for begin, end, number in times.octaves()]
        [(0.8, 1.6, 2), (1.6, 3.2, 0), (3.2, 6.4, 1)]
        """
        width = round(log(2) / _STEP)
        numbers = [sum(self._counts[begin : begin + width]) for begin in range(0, _BUCKETS, width)]
        filled = [place for place, number in enumerate(numbers) if number]
        shown = range(filled[0], filled[-1] + 1) if filled else ()
        edge = _SHORTEST_NS / 1e3
        return [(edge * exp(k * width * _STEP), edge * exp((k + 1) * width * _STEP), numbers[k]) for k in shown]

    def summary(self) -> dict[str, float]:
        """`count`, and `p50`, `p95`, `p99`, `p99.9` and `max` in microseconds; only `count` where there is none."""
        if not self.count:
            return {"count": 0}
        shares = {name: self.quantile(q) / 1e3 for name, q in QUANTILES.items()}
        return {"count": self.count, **shares, "max": self._longest / 1e3}
