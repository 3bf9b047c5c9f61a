"""Figures as verdicts say them, and as JSON holds them."""

from typing import Any

import numpy as np

from candlewick.evaluate.statistics.bootstrap import Interval


def spoken(interval: Interval, unit: str = "") -> str:
    """An estimate with its interval, in words."""
    if not np.isfinite(interval.low):
        return f"{interval.estimate:.3g}{unit}, no interval"
    return (
        f"{interval.estimate:.3g}{unit}, {interval.confidence:.0%} interval {interval.low:.3g} to {interval.high:.3g}"
    )


def listed(names: tuple[str, ...]) -> str:
    """Names as a sentence has them.

    >>> listed(("a", "b", "c"))
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def plain(data: Any) -> Any:
    """Nested dicts, tuples and numbers as JSON data: tuples are lists and numbers that are not finite are None."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    if isinstance(data, float) and not np.isfinite(data):
        return None
    return data
