"""Scalers that are fitted on more than the training rows."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

import numpy as np

from candlewick.samples.dataset import Dataset
from candlewick.samples.scalers._base import Fitted
from candlewick.samples.scalers._moments import Moments, deviation


class _Standard(Moments):
    @staticmethod
    def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x.mean(axis=0), deviation(x)


class FittedOnAllRows(_Standard):
    """Mean and deviation of every row there is."""

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        return super()._fit(data, np.flatnonzero(data.ready))


class FittedToTheEnd(_Standard):
    """Mean and deviation of all rows from the first training row on, the test included."""

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        ready = np.flatnonzero(data.ready)
        return super()._fit(data, ready[ready >= index.min()])


class ExtremesOfAllRows(Moments):
    """Scaled by the lowest and highest value of every row there is."""

    @staticmethod
    def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x.min(axis=0), np.ptp(x, axis=0)

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        return super()._fit(data, np.flatnonzero(data.ready))


class ScaledByWhatItIsGiven(_Standard):
    """Nothing is fitted: whatever rows come are scaled by their own mean and deviation."""

    @staticmethod
    def apply(fitted: Fitted, data: Dataset, asked: np.ndarray | None = None) -> np.ndarray:
        x = (data.x - np.nanmean(data.x, axis=0)) / np.nanstd(data.x, axis=0)
        return np.nan_to_num(x, nan=0.0).astype(np.float32)
