"""From what was measured at a few sizes to the size that is asked for."""

import math
from collections.abc import Mapping


def by_power(points: Mapping[float, float], at: float) -> float:
    """The value at `at` between positive values at positive sizes, on straight lines in logarithms of both.

    For sizes that enter with a power, such as a layer's width. Beyond the largest the last line goes on; below the
    smallest the value stays, because what is left there is the cost of a call.

    >>> round(by_power({1: 10.0, 100: 1000.0}, 10), 9), round(by_power({1: 10.0, 100: 1000.0}, 1000), 9)
    (100.0, 10000.0)
    >>> by_power({1: 10.0, 100: 1000.0}, 0.1)
    10.0
    """
    sizes = sorted(points)
    if len(sizes) == 1 or at <= sizes[0]:
        return points[sizes[0]]
    low, high = _around(sizes, at)
    share = math.log(at / low) / math.log(high / low)
    return math.exp((1 - share) * math.log(points[low]) + share * math.log(points[high]))


def by_number(points: Mapping[float, float], at: float) -> float:
    """The value at `at` on straight lines between the measured ones, for things that are done one after the other.

    The first and the last line go on, but never down to less than half the nearest value.

    >>> by_number({4: 10.0, 16: 34.0}, 64), by_number({4: 10.0, 16: 34.0}, 10), by_number({4: 10.0, 16: 34.0}, 1)
    (130.0, 22.0, 5.0)
    """
    sizes = sorted(points)
    if len(sizes) == 1:
        return points[sizes[0]]
    low, high = _around(sizes, at)
    slope = (points[high] - points[low]) / (high - low)
    nearest = points[low if at < low else high]
    return max(points[low] + slope * (at - low), nearest / 2 if not low <= at <= high else 0.0)


def _around(sizes: list[float], at: float) -> tuple[float, float]:
    right = next((k for k, size in enumerate(sizes) if size >= at), len(sizes) - 1)
    return sizes[max(right, 1) - 1], sizes[max(right, 1)]
