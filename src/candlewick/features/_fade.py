"""How long an exponential average takes to forget."""

from math import ceil, log


def bars_to_forget(keep: float, share: float) -> int:
    """The least k with keep^k <= share: updates until a past that is kept by `keep` weighs at most `share`.

    >>> bars_to_forget(0.5, 0.25)
    2
    """
    return ceil(log(share) / log(keep))
