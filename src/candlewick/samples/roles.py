"""Roles are types: what was fitted on training rows cannot be handed anything else."""

from dataclasses import dataclass

import numpy as np

from candlewick.core.errors import DataError


@dataclass(frozen=True, eq=False)
class Rows:
    """Positions of samples in a dataset: int64, increasing, unique.

    Raises:
        DataError: the positions do not increase.
    """

    index: np.ndarray

    def __post_init__(self) -> None:
        if len(self.index) and (self.index[0] < 0 or np.any(np.diff(self.index) <= 0)):
            raise DataError(
                f"{type(self).__name__} need positions that increase, was {self.index[:8]} ... Sort them, each once."
            )

    def __len__(self) -> int:
        return len(self.index)


class TrainRows(Rows):
    """Rows a model, scaler or selection may be fitted on."""


class ValidationRows(Rows):
    """Rows that early stopping and calibration may see: after the training rows, purged from train and test rows."""


class TestRows(Rows):
    """Rows that are only forecast."""

    __test__ = False  # pytest takes classes called Test* for tests


@dataclass(frozen=True, eq=False)
class Fold:
    """One train / validation / test cut.

    Attributes:
        id: counts from 0.
        train: rows to fit on.
        validation: rows for early stopping; may be empty.
        test: rows to forecast.
        purged: rows left out because their label interval meets one of the test or validation rows.
        embargoed: rows left out because their window reaches back into the test rows or their labels.
    """

    id: int
    train: TrainRows
    validation: ValidationRows
    test: TestRows
    purged: int = 0
    embargoed: int = 0

    @property
    def fitting(self) -> TrainRows:
        """Training and validation rows together, for what is fitted without early stopping."""
        return TrainRows(np.sort(np.concatenate([self.train.index, self.validation.index])))


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Forecasts of rows by models that were not fitted on them: all that stacking may learn from."""

    rows: np.ndarray
    value: np.ndarray
