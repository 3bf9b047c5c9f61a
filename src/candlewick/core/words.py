"""Words for people: lists that stay readable however long they are."""

from collections.abc import Sequence


def some(names: Sequence[str], most: int = 5) -> str:
    """The first `most` of `names`, and how many more there are.

    >>> some(["A", "B", "C"])
    'A, B, C'
    >>> some(["A", "B", "C", "D"], most=2)
    'A, B and 2 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def number(value: float) -> str:
    """Three digits, all of those before the point, without an exponent for what is large.

    >>> number(0.04567), number(12.345), number(999.6), number(9_981_952)
    ('0.0457', '12.3', '1,000', '9,981,952')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would choose.

    >>> [duration(seconds) for seconds in (0.0000124, 0.0021, 0.42, 42.0, 600.0, 9000.0, 400_000.0)]
    ['12 us', '2.1 ms', '0.42 s', '42 s', '10 min', '2.5 h', '4.6 days']
    """
    units = ((86_400.0, "days", 2.0), (3600.0, "h", 2.0), (60.0, "min", 2.0), (1.0, "s", 0.1), (1e-3, "ms", 1.0))
    for size, unit, least in units:
        if seconds >= least * size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds * 1e6)} us"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
