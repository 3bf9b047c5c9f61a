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
