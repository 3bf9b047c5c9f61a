"""Test for superior predictive ability: is any of several models better than a benchmark, looking at all of them."""

from dataclasses import dataclass

import numpy as np

from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, block_length, checked_rows


@dataclass(frozen=True)
class Superiority:
    """One-sided evidence that models lose less than a benchmark.

    Attributes:
        p: chance of the best model's lead, or a larger one, if no model were better.
        p_each: the same for each model's own lead, the number of models looked at allowed for.
        lead: mean loss of the benchmark minus that of each model.
        block: mean block length of the bootstrap.
    """

    p: float
    p_each: tuple[float, ...]
    lead: tuple[float, ...]
    block: float


def superiority(
    benchmark: np.ndarray, models: np.ndarray, *, seed: int, resamples: int = 4999, block: float | None = None
) -> Superiority:
    """Losses of a benchmark (n,) against those of models (n, k), by a studentised maximum over the models.

    The null is centred where every model equals the benchmark (Hansen's "upper" p-value, the safest of the three).
    Models whose losses are those of the benchmark, row by row, get 1. Under 30 rows every p is 1.

    Raises:
        DataError: losses that are not finite.

    Reference: Hansen, A test for superior predictive ability, 2005; White, A reality check for data snooping, 2000.
    """
    from arch.bootstrap import StationaryBootstrap

    ahead = checked_rows(np.asarray(benchmark)[:, None] - models)
    lead = ahead.mean(axis=0) if len(ahead) else np.zeros(ahead.shape[1])
    differs = np.ptp(ahead, axis=0) > 0 if len(ahead) else np.zeros(len(lead), dtype=bool)
    p_each = np.ones(len(lead))
    block = block_length(ahead) if block is None else block
    if len(ahead) >= MINIMUM_ROWS and differs.any():
        means = StationaryBootstrap(block, ahead[:, differs], seed=seed).apply(
            lambda rows: rows.mean(axis=0), resamples
        )
        error = means.std(axis=0)
        largest = ((means - lead[differs]) / error).max(axis=1)
        beyond = (largest[:, None] >= lead[differs] / error).sum(axis=0)
        p_each[differs] = (1 + beyond) / (1 + resamples)
    return Superiority(float(p_each.min(initial=1.0)), tuple(p_each.tolist()), tuple(lead.tolist()), float(block))
