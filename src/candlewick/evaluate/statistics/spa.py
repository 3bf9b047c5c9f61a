"""Superior predictive ability: is any of several models better than a benchmark, with all of them looked at."""

from dataclasses import dataclass

import numpy as np

from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, block_length, checked_rows
from candlewick.evaluate.statistics.groups import group_means, group_size, group_starts


@dataclass(frozen=True)
class Superiority:
    """One-sided evidence that models lose less than a benchmark.

    Attributes:
        p: chance of the best model's lead, or a larger one, if no model were better.
        p_each: the same for each model's own lead, the number of models looked at allowed for.
        lead: mean loss of the benchmark minus that of each model.
        block: mean block length of the bootstrap, in rows.
    """

    p: float
    p_each: tuple[float, ...]
    lead: tuple[float, ...]
    block: int


def superiority(benchmark: np.ndarray, models: np.ndarray, *, seed: int, resamples: int = 4999) -> Superiority:
    """Losses of a benchmark (n,) against those of models (n, k), in time order.

    Two tests of each model's lead, and the larger p-value counts. One is the studentised maximum over the models under
    the stationary bootstrap, centred where every model equals the benchmark (the "upper" p-value of Hansen's SPA, the
    safest of his three). It passes too often where losses depend on one another for long, so a t-test of the means of
    long batches, times the number of models, stands beside it. `benchmarks/learning/verdict_size.py` measures both.

    More than `MOST_GROUPS` rows are averaged over groups of consecutive ones first: the test is of the mean.

    A model whose losses are the benchmark's row by row gets 1. Under 30 rows every p is 1.

    Raises:
        DataError: losses that are not finite.

    Reference: Hansen, A test for superior predictive ability, 2005; Politis, Romano, The stationary bootstrap, 1994.
    """
    ahead = checked_rows(np.asarray(benchmark)[:, None] - models)
    if len(ahead) < MINIMUM_ROWS:
        lead = ahead.mean(axis=0) if len(ahead) else np.zeros(ahead.shape[1])
        return Superiority(1.0, (1.0,) * ahead.shape[1], tuple(lead.tolist()), 1)
    lead = ahead.mean(axis=0)
    grouped = group_means(ahead, group_starts(len(ahead)))
    # Nothing is left to test where a model's losses are the benchmark's, up to rounding.
    differs = np.ptp(grouped, axis=0) > 1e-12 * np.abs(models).max(initial=0.0)
    p_each = np.ones(len(lead))
    block = block_length(grouped[:, differs])
    if differs.any():
        p_each[differs] = np.maximum(
            bootstrap_p(grouped[:, differs], block=block, seed=seed, resamples=resamples),
            batch_p(grouped[:, differs], block=block),
        )
    return Superiority(
        float(p_each.min()), tuple(p_each.tolist()), tuple(lead.tolist()), block * group_size(len(ahead))
    )


def bootstrap_p(ahead: np.ndarray, *, block: int, seed: int, resamples: int) -> np.ndarray:
    """One-sided p-value (k,) of each column's mean being above zero, by the maximum over all columns."""
    from arch.bootstrap import StationaryBootstrap

    lead = ahead.mean(axis=0)
    means = StationaryBootstrap(block, ahead, seed=seed).apply(lambda rows: rows.mean(axis=0), resamples)
    error = means.std(axis=0)
    largest = ((means - lead) / error).max(axis=1)
    beyond = (largest[:, None] >= lead / error).sum(axis=0)
    return (1 + beyond) / (1 + resamples)


def batch_p(ahead: np.ndarray, *, block: int) -> np.ndarray:
    """One-sided p-value (k,) of each column's mean being above zero, times k: a t-test of 6 to 60 batch means.

    A batch is five mean blocks long where the rows allow it, so that one depends little on the next.
    """
    from scipy.special import stdtr

    batches = int(np.clip(len(ahead) / (5 * block), 6, min(60, len(ahead))))
    size = len(ahead) // batches
    # The rows that do not fill a last batch are the oldest: they are left out of the test.
    means = ahead[len(ahead) - size * batches :].reshape(batches, size, -1).mean(axis=1)
    error = means.std(axis=0, ddof=1) / np.sqrt(batches)
    t = np.divide(means.mean(axis=0), error, out=np.zeros(len(error)), where=error > 0)
    return np.minimum(stdtr(batches - 1, -t) * ahead.shape[1], 1.0)
