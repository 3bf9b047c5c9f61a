"""Splits that let one event into training and test."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

from abc import abstractmethod

import numpy as np

from candlewick.core.random import stream
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold, TestRows, TrainRows, ValidationRows
from candlewick.samples.splits._base import Cut, Split


class _ByHand(Split):
    """Folds from row masks, with none of the care that `Split.folds` takes."""

    def cuts(self, steps: int) -> tuple[Cut, ...]:
        return ()

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        rows = np.flatnonzero(data.labelled)
        return (self.fold(data, rows[np.argsort(data.t[rows], kind="stable")]),)

    @abstractmethod
    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        """One fold of the labelled rows, which come in time order."""


def _fold(train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> Fold:
    return Fold(0, TrainRows(np.sort(train)), ValidationRows(np.sort(validation)), TestRows(np.sort(test)))


class Shuffled(_ByHand):
    """Rows drawn by lot, as k-fold does by default elsewhere."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        mixed = stream(1, "planted", "shuffled").permutation(rows)
        return _fold(*np.split(mixed, [len(rows) // 2, len(rows) * 7 // 10]))


class Unpurged(_ByHand):
    """Past and future cut at one moment, with labels that reach over it."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        return _fold(*np.split(rows, [len(rows) * 6 // 10, len(rows) * 7 // 10]))


class UnpurgedValidation(_ByHand):
    """Training purged of the test, but validation rows touch it."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        train, validation, test = np.split(rows, [len(rows) * 6 // 10, len(rows) * 7 // 10])
        return _fold(train[data.known_at[train] <= data.t[validation[0]]], validation, test)


class NotEmbargoed(_ByHand):
    """Training goes on right after the test, with windows that look into it."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        before, test, after = np.split(rows, [len(rows) // 3, len(rows) * 2 // 3])
        before = before[data.known_at[before] <= data.t[test[0]]]
        return _fold(np.concatenate([before, after[data.t[after] >= data.known_at[test[-1]]]]), test[:0], test)


class TestedOnTraining(_ByHand):
    """The newest training rows are tested once more."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        return _fold(rows[: len(rows) * 8 // 10], rows[:0], rows[len(rows) * 7 // 10 :])


class ByInstrument(_ByHand):
    """Trained on one instrument and tested on another over the same days."""

    def fold(self, data: Dataset, rows: np.ndarray) -> Fold:
        one, other = rows[data.symbol[rows] == 0], rows[data.symbol[rows] != 0]
        return _fold(one, one[:0], other)
