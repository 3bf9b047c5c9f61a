"""Roles are types: what was fitted on training rows cannot be handed anything else."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Positions of samples in a dataset: int64, increasing, unique."""

    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


class TrainRows(Rows):
    """Rows a model, scaler or selection may be fitted on."""


class ValidationRows(Rows):
    """Rows that early stopping and calibration may see: after the training rows, before the test rows, purged from both."""


class TestRows(Rows):
    """Rows that are only forecast."""

    __test__ = False  # pytest takes classes called Test* for tests


@dataclass(frozen=True, eq=False)
class Fold:
    """One train / validation / test cut. `id` counts from 0; `validation` may be empty."""

    id: int
    train: TrainRows
    validation: ValidationRows
    test: TestRows


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Forecasts of rows by models that were not fitted on them: all that stacking may learn from."""

    rows: np.ndarray
    value: np.ndarray
