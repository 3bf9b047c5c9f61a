"""Holm's correction: several tests at once, at one level for all of them."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given: rejecting those at or below a level errs anywhere with at most that chance.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)

    Reference: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return tuple(adjusted.tolist())
