"""How many samples a fold really has: labels that overlap in time tell the same thing more than once."""

import itertools
from dataclasses import dataclass

import numpy as np

from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows


@dataclass(frozen=True)
class SampleCount:
    """Samples of one fold that a model is fitted on.

    Attributes:
        rows: labelled rows.
        effective: the sum of their average uniqueness: `rows` where no two labels overlap, fewer where they do.
        classes: rows of each class, in order; () for labels that are numbers.
    """

    rows: int
    effective: float
    classes: tuple[int, ...] = ()


def count_samples(data: Dataset, rows: Rows, *, classes: int = 0) -> SampleCount:
    """Rows, effective samples and, for a label of that many `classes`, rows of each."""
    met = np.bincount(data.y[rows.index].astype(np.int64), minlength=classes) if classes else ()
    return SampleCount(len(rows), float(uniqueness(data, rows).sum()), tuple(int(number) for number in met))


def uniqueness(data: Dataset, rows: Rows) -> np.ndarray:
    """float64 (m,) in (0, 1]: average uniqueness of each row's label among those of `rows`.

    A bar of the row's instrument at time s is concurrent to every label of that instrument with t < s <= known_at;
    the uniqueness of a label is the mean of 1 / concurrency over its own bars. A label of `horizon` bars at every
    bar has 1 / horizon. Labels of different instruments are taken as different, however correlated they are.

    Reference: López de Prado, "Advances in Financial Machine Learning" (2018), chapter 4.
    """
    unique = np.empty(len(rows))
    edges = np.searchsorted(data.symbol, np.arange(len(data.symbols) + 1))
    for first, last in itertools.pairwise(edges):
        own = slice(*np.searchsorted(rows.index, (first, last)))
        unique[own] = _uniqueness(data.t[first:last], rows.index[own] - first, data.known_at[rows.index[own]])
    return unique


def _uniqueness(t: np.ndarray, rows: np.ndarray, known_at: np.ndarray) -> np.ndarray:
    begin = rows + 1
    # A label that is known between two bars spans the one that follows.
    end = np.maximum(np.searchsorted(t, known_at, side="right"), begin + 1)
    steps = np.bincount(begin, minlength=len(t) + 2) - np.bincount(end, minlength=len(t) + 2)
    share = 1.0 / np.maximum(np.cumsum(steps), 1)
    total = np.concatenate([[0.0], np.cumsum(share)])
    return (total[end] - total[begin]) / (end - begin)
