"""Model confidence set: the models that the data cannot tell from the best one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from candlewick.core.errors import DataError
from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, block_length, checked_rows
from candlewick.evaluate.statistics.groups import group_means, group_starts


@dataclass(frozen=True)
class ConfidenceSet:
    """Models that may be the best.

    Attributes:
        included: names, in the order given; every model where there are under 30 rows.
        p: name -> the smallest level at which the model would be left out.
        level: chance that the best model is not among `included`, at most.
    """

    included: tuple[str, ...]
    p: dict[str, float]
    level: float


def model_confidence_set(
    losses: Mapping[str, np.ndarray], *, seed: int, level: float = 0.1, resamples: int = 1000
) -> ConfidenceSet:
    """The set from every model's losses, float64 (n,) at the same times; models with equal losses share one fate.

    The set is of means: more than `MOST_GROUPS` rows are averaged over groups of consecutive ones first.

    Raises:
        DataError: no models, or losses that are not finite.

    Reference: Hansen, Lunde, Nason, The model confidence set, 2011.
    """
    from arch.bootstrap import MCS

    if not losses:
        raise DataError("a model confidence set needs at least one model, was none.")
    matrix = checked_rows(np.column_stack(list(losses.values())))
    # Two equal columns have no variance between them; the set is made of what differs.
    distinct, of = np.unique(matrix, axis=1, return_inverse=True)
    if distinct.shape[1] == 1 or len(matrix) < MINIMUM_ROWS:
        return ConfidenceSet(tuple(losses), dict.fromkeys(losses, 1.0), level)
    distinct = group_means(distinct, group_starts(len(distinct)))
    block = block_length(distinct - distinct.mean(axis=1, keepdims=True))
    test = MCS(distinct, size=level, reps=resamples, block_size=block, seed=seed)
    test.compute()
    column_p = test.pvalues["Pvalue"]
    p = {name: float(column_p.loc[column]) for name, column in zip(losses, of.ravel(), strict=True)}
    return ConfidenceSet(tuple(name for name in losses if p[name] > level), p, level)
