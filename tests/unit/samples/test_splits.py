"""Splits: where time is cut, what is purged, and what is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest

from candlewick.core.clock import elapsed_s
from candlewick.core.errors import ConfigError, DataError, LeakError
from candlewick.samples.dataset import Dataset
from candlewick.samples.splits import SPLITS
from candlewick.samples.splits.combinatorial_purged import CombinatorialPurged
from candlewick.samples.splits.holdout import Holdout
from candlewick.samples.splits.purged_kfold import PurgedKFold
from candlewick.samples.splits.walk_forward import WalkForward


def regular(n: int, *, horizon: int = 1, reach: int = 0, instruments: int = 1) -> Dataset:
    """Bars one ns apart; labels known `horizon` bars later, samples that look `reach` bars back."""
    t = np.tile(np.arange(n), instruments)
    y = np.where(t + horizon < n, 0.0, np.nan)
    return Dataset(
        x=np.zeros((len(t), 1), dtype=np.float32), columns=("x",), t=t, symbol=np.repeat(np.arange(instruments), n),
        symbols=tuple("ABCDEFGH"[:instruments]), y=y, known_at=t + horizon, echo=y, start=np.maximum(t - reach, 0),
        length=1, ready=t >= reach,
    )  # fmt: skip


def test_holdout_tests_the_newest_share_and_purges_labels_that_reach_into_it():
    (fold,) = Holdout(test=0.2, validation=0.0).folds(regular(104, horizon=4), streams=True)
    assert fold.test.index.tolist() == list(range(80, 100))
    assert fold.train.index.tolist() == list(range(77))  # 77's label is known at 81, after the first test bar closed
    assert (fold.purged, fold.embargoed, len(fold.validation)) == (3, 0, 0)


def test_validation_is_the_newest_part_of_training_purged_from_both_sides():
    (fold,) = Holdout(test=0.2, validation=0.25).folds(regular(104, horizon=4), streams=True)
    assert fold.validation.index.tolist() == list(range(57, 77))  # a quarter of 77, rounded up
    assert fold.train.index.tolist() == list(range(54))
    assert fold.purged == 6


def test_a_label_known_when_the_test_begins_is_kept():
    (fold,) = Holdout(test=0.2, validation=0.0).folds(regular(101), streams=True)
    assert fold.train.index.tolist() == list(range(80))
    assert fold.test.index[0] == 80


def test_walk_forward_expands_or_rolls():
    data = regular(101)
    expanding = WalkForward(n_folds=2, test=0.5, validation=0.0).folds(data, streams=True)
    rolling = WalkForward(n_folds=2, test=0.5, train_steps=30, validation=0.0).folds(data, streams=True)
    assert [(f.train.index[0], f.train.index[-1], f.test.index[0], f.test.index[-1]) for f in expanding] == [
        (0, 49, 50, 74),
        (0, 74, 75, 99),
    ]
    assert [(f.train.index[0], f.train.index[-1]) for f in rolling] == [(20, 49), (45, 74)]


def test_k_fold_embargoes_rows_whose_window_reaches_the_test_block_or_its_labels():
    data = regular(103, horizon=3, reach=5)
    fold = PurgedKFold(n_folds=5, validation=0.0).folds(data, streams=False)[2]
    first, last = fold.test.index[[0, -1]]
    assert [first, last] == [43, 61]
    after = fold.train.index[fold.train.index > last]
    assert after[0] == 70  # the last test label is known at 64; row 70 looks back to 65
    assert fold.train.index[fold.train.index < first][-1] == 40
    assert (fold.purged, fold.embargoed) == (2 + 2, 6)


def test_past_windows_may_overlap():
    near, far = (WalkForward(validation=0.0).folds(regular(200, reach=reach), streams=True) for reach in (0, 20))
    assert [fold.purged + fold.embargoed for fold in (*near, *far)] == [0] * 10


def test_every_row_is_tested_once_by_k_fold_and_equally_often_by_combinations():
    data = regular(121)
    kfold = PurgedKFold(n_folds=5).folds(data, streams=False)
    assert sorted(np.concatenate([fold.test.index for fold in kfold])) == list(range(120))
    folds = CombinatorialPurged(groups=6, test_groups=2).folds(data, streams=False)
    assert len(folds) == 15
    assert set(np.bincount(np.concatenate([fold.test.index for fold in folds]))) == {5}


def test_time_is_cut_for_all_instruments_at_once():
    one = WalkForward().folds(regular(100, horizon=2), streams=True)
    two = WalkForward().folds(regular(100, horizon=2, instruments=2), streams=True)
    for single, both in zip(one, two, strict=True):
        for role in ("train", "validation", "test"):
            expected = getattr(single, role).index
            np.testing.assert_array_equal(getattr(both, role).index, np.concatenate([expected, expected + 100]))


def test_a_label_that_another_instruments_test_row_overlaps_is_purged():
    data = regular(100, instruments=2)
    known_at = data.known_at.copy()
    known_at[110] = 90  # one long label of the second instrument
    (fold,) = Holdout(validation=0.0).folds(replace(data, known_at=known_at), streams=True)
    assert 110 not in fold.train.index
    assert {109, 111} <= set(fold.train.index)


@pytest.mark.parametrize("spec", [PurgedKFold(), CombinatorialPurged()])
def test_streams_are_refused_where_training_comes_after_the_test(spec):
    with pytest.raises(LeakError, match="Use holdout or walk_forward"):
        spec.folds(regular(200), streams=True)


@pytest.mark.parametrize(
    ("spec", "data", "message"),
    [
        (Holdout(), regular(100, horizon=90), "too few training rows, was 0.* 8 are purged"),
        (PurgedKFold(), regular(120, reach=99), "too few training rows, was 0.*[1-9]\\d* embargoed"),
        (WalkForward(n_folds=40), regular(60), "30 moments.* cannot be cut into 40 parts"),
        (Holdout(test=0.6, validation=0.01), regular(5), "too few training rows"),
    ],
)
def test_a_fold_that_is_too_small_says_what_to_change(spec, data, message):
    with pytest.raises(ConfigError, match=message) as caught:
        spec.folds(data, streams=False)
    assert re.search(r"fewer (or larger )?folds", str(caught.value))


def test_data_without_labels_is_refused():
    data = regular(50)
    with pytest.raises(DataError, match="no row can be a sample"):
        Holdout().folds(replace(data, y=np.full(50, np.nan)), streams=False)


def test_a_label_known_at_its_own_bar_is_a_leak():
    data = regular(50)
    known_at = data.known_at.copy()
    known_at[10] = 10
    with pytest.raises(LeakError, match=r"row 10 .*the label later"):
        Holdout().folds(replace(data, known_at=known_at), streams=False)


def test_a_combination_that_nobody_can_train_is_refused():
    with pytest.raises(ConfigError, match="184,756 folds"):
        SPLITS.build({"name": "combinatorial_purged", "groups": 20, "test_groups": 10})
    with pytest.raises(ConfigError, match="below groups"):
        SPLITS.build({"name": "combinatorial_purged", "groups": 3, "test_groups": 3})


def test_a_million_rows_are_split_in_seconds():
    data = regular(500_000, horizon=30, reach=100, instruments=2)
    began = elapsed_s()
    folds = CombinatorialPurged(groups=4, test_groups=2).folds(data, streams=False)
    assert len(folds) == 6
    assert elapsed_s() - began < 10
