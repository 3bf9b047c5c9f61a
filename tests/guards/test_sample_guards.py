"""Planted faults: each is a mistake somebody has shipped, and a contract must catch it."""

import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold, Rows, TestRows, TrainRows, ValidationRows
from candlewick.samples.scalers._base import Fitted
from candlewick.samples.scalers.standard import Standard
from candlewick.samples.splits.holdout import Holdout
from candlewick.samples.splits.purged_kfold import PurgedKFold
from candlewick.samples.splits.walk_forward import WalkForward
from candlewick.testing.scaler_contracts import check_scaler
from candlewick.testing.settings import Result
from candlewick.testing.split_contracts import check_split


def assert_caught(results: list[Result], sentence: str) -> None:
    broken = [result.message for result in results if not result.passed]
    assert any(re.search(sentence, message) for message in broken), broken


class IgnoresKnownAt(WalkForward):
    """Takes every label for known one moment later."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        return super().folds(replace(data, known_at=data.t + 1), streams=streams)


class TakesTheLastLabelForTheNewest(WalkForward):
    """Purges by the label of the newest row only, as a fixed horizon would allow."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        steps = np.unique(data.t)
        following = steps[np.minimum(np.searchsorted(steps, data.t) + 3, len(steps) - 1)]
        known_at = np.maximum(following, data.t + 1)
        return super().folds(replace(data, known_at=known_at), streams=streams)


class WithoutEmbargo(PurgedKFold):
    """Takes windows for one bar long."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        return super().folds(replace(data, start=data.t), streams=streams)


class StreamsThroughTheTest(PurgedKFold):
    """A k-fold that lets carried state run through its test block."""

    trains_after_test: ClassVar[bool] = False


class ValidationTouchesTraining(Holdout):
    """Cuts validation off the end without purging between the two."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        (whole,) = Holdout(test=self.test, validation=0.0).folds(data, streams=streams)
        rows = whole.train.index
        late = data.t[rows] >= np.quantile(data.t[rows], 0.8)
        return (replace(whole, train=TrainRows(rows[~late]), validation=ValidationRows(rows[late])),)


class CutsEachInstrumentAlone(Holdout):
    """Tests the newest fifth of every instrument, whatever the others' clocks say."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        train, test = [], []
        for k in range(len(data.symbols)):
            own = np.flatnonzero(data.labelled & (data.symbol == k))
            cut = len(own) * 4 // 5
            test.append(own[cut:])
            train.append(own[:cut][data.known_at[own[:cut]] <= data.t[own[cut]]])
        nothing = ValidationRows(np.empty(0, dtype=np.int64))
        return (Fold(0, TrainRows(np.concatenate(train)), nothing, TestRows(np.concatenate(test))),)


class ThrowsAwayTooMuch(WalkForward):
    """Purges a generous fixed count, twice the longest label, to be on the safe side."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        return tuple(
            replace(fold, train=TrainRows(fold.train.index[:-12])) for fold in super().folds(data, streams=streams)
        )


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (IgnoresKnownAt, "labels overlap in .* Purge by known_at"),
        (TakesTheLastLabelForTheNewest, "labels overlap in .* Purge by known_at"),
        (WithoutEmbargo, "the window .* holds bars of test row .* Embargo by start"),
        (StreamsThroughTheTest, "streams over rows after its test rows"),
        (ValidationTouchesTraining, "training and validation labels overlap"),
        (CutsEachInstrumentAlone, "labels overlap|Cut time across all instruments"),
        (ThrowsAwayTooMuch, "Use every row that nothing forbids"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_faulty_split_is_caught(fault, sentence):
    assert_caught(check_split(fault), sentence)


class FitsOnEverything(Standard):
    """Statistics of the whole history, the commonest leak of all."""

    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted:
        return super()._fit(data, np.flatnonzero(data.ready))


class TakesAnyRows(Standard):
    """A signature that says TrainRows and a body that does not look."""

    def fit(self, data: Dataset, rows: Rows) -> Fitted:
        return super().fit(data, TrainRows(getattr(rows, "index", rows)))


class ScalesByWhatItIsGiven(Standard):
    """Global z-score at the moment of use."""

    @staticmethod
    def apply(fitted: Fitted, data: Dataset) -> np.ndarray:
        x = np.nan_to_num(data.x)
        return np.where(np.isnan(data.x), np.float32(0), (x - x.mean(axis=0)) / (x.std(axis=0) + np.float32(1e-9)))


class LeavesNaN(Standard):
    """Warm-up goes through to the model."""

    @staticmethod
    def apply(fitted: Fitted, data: Dataset) -> np.ndarray:
        return np.where(np.isnan(data.x), np.float32(np.nan), Standard.apply(fitted, data))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (FitsOnEverything, "rows outside training change center, scale"),
        (TakesAnyRows, "fit accepts ndarray"),
        (ScalesByWhatItIsGiven, "on its own is scaled otherwise"),
        (LeavesNaN, "finite: False"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_faulty_scaler_is_caught(fault, sentence):
    assert_caught(check_scaler(fault), sentence)
