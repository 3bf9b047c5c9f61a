"""Figures as verdicts say them, and as JSON holds them."""

from typing import Any

import numpy as np

from candlewick.evaluate.statistics.bootstrap import Interval


def spoken(interval: Interval, form: str = ".3g") -> str:
    """An estimate with its interval, in words.

    >>> spoken(Interval(0.0123, -0.01, 0.034, 0.95, 1), ".1%")
    '1.2%, 95% interval -1.0% to 3.4%'
    """
    if not np.isfinite(interval.low):
        return f"{interval.estimate:{form}}, no interval"
    return (
        f"{interval.estimate:{form}}, {interval.confidence:.0%} interval "
        f"{interval.low:{form}} to {interval.high:{form}}"
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
