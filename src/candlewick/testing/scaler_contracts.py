"""What every scaler must keep; a broken contract raises AssertionError with a sentence."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from candlewick.core.errors import ConfigError, LeakError
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows, TestRows, TrainRows, ValidationRows
from candlewick.samples.scalers import Scaler
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.settings import Result, defaults, judge, moved, settings

S = TypeVar("S", bound=Scaler)
ScalerContract = Callable[[Scaler, Dataset, TrainRows], None]


def training_rows_only(scaler: Scaler, data: Dataset, rows: TrainRows) -> None:
    """Anything but TrainRows is refused."""
    for wrong in (rows.index, Rows(rows.index), ValidationRows(rows.index), TestRows(rows.index)):
        try:
            scaler.fit(data, wrong)  # type: ignore[arg-type]
        except LeakError:
            continue
        raise AssertionError(f"fit accepts {type(wrong).__name__}. Refuse all but TrainRows with LeakError.")


def other_rows_have_no_say(scaler: Scaler, data: Dataset, rows: TrainRows) -> None:
    """Changing every row that is not a training row moves no bit of what is fitted."""
    x = data.x.copy()
    others = np.setdiff1d(np.arange(len(data)), rows.index)
    x[others] = 3.0 * x[others] + 7.0
    before, after = scaler.fit(data, rows), scaler.fit(data.with_x(x), rows)
    changed = [name for name in before if before[name].tobytes() != after[name].tobytes()]
    if changed:
        raise AssertionError(f"rows outside training change {', '.join(changed)}. Fit on the training rows alone.")


def result_is_finite_float32(scaler: Scaler, data: Dataset, rows: TrainRows) -> None:
    """float32 of the same shape, finite, 0 where the feature was NaN, the dataset untouched."""
    before = data.x.copy()
    scaled = scaler.apply(scaler.fit(data, rows), data)
    if scaled.dtype != np.float32 or scaled.shape != data.x.shape or not np.isfinite(scaled).all():
        raise AssertionError(f"apply gave {scaled.dtype} {scaled.shape}, finite: {bool(np.isfinite(scaled).all())}.")
    if scaled[np.isnan(data.x)].any() or not np.array_equal(before, data.x, equal_nan=True):
        raise AssertionError("apply must turn NaN into 0 and leave the dataset as it was.")


def one_row_is_scaled_as_in_the_matrix(scaler: Scaler, data: Dataset, rows: TrainRows) -> None:
    """A row on its own, under its instrument's name, gets the same bits: what a serving engine does."""
    fitted = scaler.fit(data, rows)
    scaled = scaler.apply(fitted, data)
    for row in (0, len(data) // 2, len(data) - 1):
        symbol = data.symbols[data.symbol[row]]
        alone = replace(data, x=data.x[row : row + 1], symbol=np.zeros(1, dtype=np.int64), symbols=(symbol,))
        if scaler.apply(fitted, alone).tobytes() != scaled[row].tobytes():
            raise AssertionError(f"row {row} of {symbol} on its own is scaled otherwise than in the matrix.")


SCALER_CONTRACTS: tuple[ScalerContract, ...] = (
    training_rows_only,
    other_rows_have_no_say,
    result_is_finite_float32,
    one_row_is_scaled_as_in_the_matrix,
)
"""Contracts of one setting; `every_parameter_matters` is the one of the whole class."""


def every_parameter_matters(scaler_class: type[S]) -> None:
    """Every field, moved on its own, changes a value of a panel with outliers."""
    base = defaults(scaler_class)
    data, rows = _case(0)
    wild = data.with_x(np.where(np.arange(len(data))[:, None] % 50 == 0, 100 * data.x, data.x))
    before = base.apply(base.fit(data, rows), wild)
    for name in scaler_class.model_fields:
        if all(np.array_equal(other.apply(other.fit(data, rows), wild), before) for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} changes no value. Use it, or remove it.")


def check_scaler(scaler_class: type[S]) -> list[Result]:
    """Every contract over the defaults and every parameter moved, on panels whose levels wander; nothing raises.

    >>> from candlewick.samples.scalers import SCALERS
    >>> all(result.passed for result in check_scaler(SCALERS.member("standard")))
    True
    """
    try:
        specs = settings(scaler_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    results = [judge(contract.__name__, partial(_on_odd_panels, contract), specs) for contract in SCALER_CONTRACTS]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [scaler_class])]


def _on_odd_panels(contract: ScalerContract, scaler: Scaler) -> None:
    for seed in range(3):
        contract(scaler, *_case(seed))


def _case(seed: int) -> tuple[Dataset, TrainRows]:
    data = odd_dataset(seed)
    return data, TrainRows(np.flatnonzero(data.labelled & (data.t < np.median(data.t))))
