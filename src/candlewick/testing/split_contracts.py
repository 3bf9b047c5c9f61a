"""What every split must keep, checked pair by pair on odd panels; a broken contract raises AssertionError."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from candlewick.core.errors import ConfigError, LeakError
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold
from candlewick.samples.splits import Split
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.settings import Result, defaults, judge, moved, settings

S = TypeVar("S", bound=Split)
SplitContract = Callable[[Split, Dataset], None]


def labels_stay_apart(split: Split, data: Dataset) -> None:
    """No training or validation label interval meets a test row's, and no training one a validation row's."""
    for fold in _folds(split, data):
        for fitted, other, names in (
            (fold.train.index, fold.test.index, "training and test"),
            (fold.validation.index, fold.test.index, "validation and test"),
            (fold.train.index, fold.validation.index, "training and validation"),
        ):
            pairs = np.argwhere(_labels_meet(data, fitted, other))
            if len(pairs):
                a, b = fitted[pairs[0, 0]], other[pairs[0, 1]]
                raise AssertionError(
                    f"fold {fold.id}: {names} labels overlap in {len(pairs)} pairs, first rows {a} and {b}: "
                    f"({data.t[a]}, {data.known_at[a]}] and ({data.t[b]}, {data.known_at[b]}]. Purge by known_at."
                )


def windows_do_not_reach_into_the_test(split: Split, data: Dataset) -> None:
    """No training or validation row after a test row has that row, or a bar of its label, in its window."""
    for fold in _folds(split, data):
        for rows in (fold.train.index, fold.validation.index):
            pairs = np.argwhere(_window_reaches(data, rows, fold.test.index))
            if len(pairs):
                a, b = rows[pairs[0, 0]], fold.test.index[pairs[0, 1]]
                raise AssertionError(
                    f"fold {fold.id}: the window [{data.start[a]}, {data.t[a]}] of row {a} holds bars of test row {b} "
                    f"[{data.t[b]}, {data.known_at[b]}], and {len(pairs)} pairs do in all. Embargo by start."
                )


def nothing_is_lost_without_a_reason(split: Split, data: Dataset) -> None:
    """Every row of the training span is used, purged or embargoed; counts say how many."""
    moments = np.unique(data.t[data.labelled])
    for cut, fold in zip(split.cuts(len(moments)), _folds(split, data), strict=True):
        spans = [(data.t >= moments[a]) & (data.t <= moments[b - 1]) for a, b in cut.train if a < b]
        spanned = np.flatnonzero(np.any(spans, axis=0) & data.labelled)
        lost = np.setdiff1d(spanned, np.union1d(fold.train.index, fold.validation.index))
        excused = (
            _labels_meet(data, lost, fold.test.index).any(axis=1)
            | _window_reaches(data, lost, fold.test.index).any(axis=1)
            | _labels_meet(data, lost, fold.validation.index).any(axis=1)
        )
        if not excused.all() or fold.purged + fold.embargoed != len(lost):
            raise AssertionError(
                f"fold {fold.id}: {len(lost)} rows of the training span are unused, {int(excused.sum())} for a reason, "
                f"and {fold.purged} + {fold.embargoed} are counted. Use every row that nothing forbids."
            )


def time_is_cut_across_instruments(split: Split, data: Dataset) -> None:
    """A moment is tested for all instruments or for none; roles are disjoint and hold labelled rows only."""
    for fold in _folds(split, data):
        roles = (fold.train.index, fold.validation.index, fold.test.index)
        together = np.concatenate(roles)
        if len(np.unique(together)) != len(together) or not data.labelled[together].all():
            raise AssertionError(f"fold {fold.id}: a row stands in two roles or has no label. Cut labelled rows once.")
        tested = np.isin(data.t, data.t[fold.test.index]) & data.labelled
        if tested.sum() != len(fold.test):
            raise AssertionError(
                f"fold {fold.id} tests {len(fold.test)} rows, but its moments hold {int(tested.sum())}. "
                "Cut time across all instruments at once."
            )


def folds_stand_in_time_order(split: Split, data: Dataset) -> None:
    """Ids count from 0, test blocks begin no earlier than the fold's before, validation comes after training."""
    folds = _folds(split, data)
    begins = [int(data.t[fold.test.index].min()) for fold in folds]
    if [fold.id for fold in folds] != list(range(len(folds))) or begins != sorted(begins):
        raise AssertionError(f"folds are out of order: ids {[fold.id for fold in folds]}, tests begin at {begins}.")
    for fold in folds:
        if len(fold.validation) and data.t[fold.train.index].max() >= data.t[fold.validation.index].min():
            raise AssertionError(f"fold {fold.id}: validation rows do not come after the training rows.")


def streams_never_train_after_the_test(split: Split, data: Dataset) -> None:
    """With streams, either all that is fitted on comes before the test rows, or the split refuses."""
    try:
        folds = split.folds(data, streams=True)
    except LeakError:
        if not split.trains_after_test:
            raise AssertionError("streams are refused by a split that trains on the past only. Allow them.") from None
        return
    for fold in folds:
        if data.t[_fitted_on(fold)].max() >= data.t[fold.test.index].min():
            raise AssertionError(f"fold {fold.id} streams over rows after its test rows. Refuse streams.")


SPLIT_CONTRACTS: tuple[SplitContract, ...] = (
    labels_stay_apart,
    windows_do_not_reach_into_the_test,
    nothing_is_lost_without_a_reason,
    time_is_cut_across_instruments,
    folds_stand_in_time_order,
    streams_never_train_after_the_test,
)
"""Contracts of one setting; `every_parameter_matters` is the one of the whole class."""


def every_parameter_matters(split_class: type[S]) -> None:
    """Every field, moved on its own, moves a row of some fold."""
    base, data = defaults(split_class), odd_dataset(0)
    for name in split_class.model_fields:
        if all(_rows(base, data) == _rows(other, data) for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} moves no row. Use it, or remove it.")


def check_split(split_class: type[S]) -> list[Result]:
    """Every contract over the defaults and every parameter moved, on three odd panels; nothing raises.

    >>> from candlewick.samples.splits import SPLITS
    >>> all(result.passed for result in check_split(SPLITS.member("holdout")))
    True
    """
    try:
        specs = settings(split_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    results = [judge(contract.__name__, partial(_on_odd_panels, contract), specs) for contract in SPLIT_CONTRACTS]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [split_class])]


def _on_odd_panels(contract: SplitContract, split: Split) -> None:
    for seed in range(3):
        contract(split, odd_dataset(seed))


def _rows(split: Split, data: Dataset) -> list[list[int]]:
    roles = [role for fold in _folds(split, data) for role in (fold.train, fold.validation, fold.test)]
    return [role.index.tolist() for role in roles]


def _folds(split: Split, data: Dataset) -> tuple[Fold, ...]:
    return split.folds(data, streams=False)


def _fitted_on(fold: Fold) -> np.ndarray:
    return np.concatenate([fold.train.index, fold.validation.index])


# The rules are written out over all pairs here, on purpose unlike the searches in samples/splits.
def _labels_meet(data: Dataset, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    begin = np.maximum(data.t[rows, None], data.t[None, others])
    end = np.minimum(data.known_at[rows, None], data.known_at[None, others])
    return begin < end


def _window_reaches(data: Dataset, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    after = data.t[rows, None] > data.t[None, others]
    return after & (data.start[rows, None] <= data.known_at[None, others])
