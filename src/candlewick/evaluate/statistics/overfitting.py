"""Probability of back-test overfitting: how often the best of several in one half is below the median in the other."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from candlewick.core.errors import DataError
from candlewick.evaluate.statistics.bootstrap import checked_rows


@dataclass(frozen=True)
class Overfitting:
    """What choosing the best by its back-test was worth.

    Attributes:
        probability: share of cuts in which the best in sample is at or below the median out of sample.
        loss: share of cuts in which the best in sample loses money out of sample.
        cuts: how many cuts into two halves were made.
    """

    probability: float
    loss: float
    cuts: int


def overfitting(returns: np.ndarray, *, blocks: int = 16) -> Overfitting:
    """Net returns float64 (n, k) of k strategies over the same bars, cut into halves in every way that `blocks` allow.

    Strategies are ranked by the Sharpe ratio; one whose returns do not vary in a half counts as 0 there.

    Raises:
        DataError: fewer than two strategies, fewer rows than twice the blocks, an odd or too large number of blocks.

    Reference: Bailey, Borwein, Lopez de Prado, Zhu, The probability of backtest overfitting, 2015.
    """
    returns = checked_rows(returns)
    if blocks % 2 or not 2 <= blocks <= 20:
        raise DataError(f"blocks must be an even number from 2 to 20, was {blocks}.")
    if returns.ndim != 2 or returns.shape[1] < 2 or len(returns) < 2 * blocks:
        raise DataError(
            f"overfitting needs two strategies or more over at least {2 * blocks} bars, was {returns.shape}."
        )
    parts = np.array_split(returns, blocks)
    moments = np.array([[np.full(returns.shape[1], len(part)), part.sum(0), np.square(part).sum(0)] for part in parts])
    inside = np.zeros((len(cuts := list(combinations(range(blocks), blocks // 2))), blocks))
    np.put_along_axis(inside, np.array(cuts), 1.0, axis=1)
    best = _sharpe(np.tensordot(inside, moments, axes=1)).argmax(axis=1)
    outside = _sharpe(np.tensordot(1.0 - inside, moments, axes=1))
    chosen = outside[np.arange(len(cuts)), best][:, None]
    # Ties share their mean rank, so a strategy equal to all others stands exactly at the median.
    rank = (outside < chosen).sum(axis=1) + ((outside == chosen).sum(axis=1) + 1) / 2
    return Overfitting(
        probability=float(np.mean(rank <= (returns.shape[1] + 1) / 2)),
        loss=float(np.mean(chosen < 0)),
        cuts=len(cuts),
    )


def _sharpe(moments: np.ndarray) -> np.ndarray:
    count, total, squares = moments[:, 0], moments[:, 1], moments[:, 2]
    mean = total / count
    variance = squares / count - mean**2
    varies = variance > 1e-20 + 1e-12 * squares / count
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
