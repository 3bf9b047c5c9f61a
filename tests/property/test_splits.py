"""Purge and embargo over random panels: nothing leaks, nothing is lost; and equal to skfolio where it says the same."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from candlewick.core.errors import ConfigError
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold
from candlewick.samples.splits import SPLITS, Split
from candlewick.samples.splits.combinatorial_purged import CombinatorialPurged
from candlewick.samples.splits.walk_forward import WalkForward
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.split_contracts import SPLIT_CONTRACTS

share = st.floats(0.0, 0.5)
splits = st.one_of(
    st.builds(lambda test, v: {"name": "holdout", "test": test, "validation": v}, st.floats(0.05, 0.6), share),
    st.builds(
        lambda n, test, steps, v: {
            "name": "walk_forward", "n_folds": n, "test": test, "train_steps": steps, "validation": v,
        },
        st.integers(1, 5), st.floats(0.1, 0.8), st.none() | st.integers(10, 60), share,
    ),
    st.builds(lambda n, v: {"name": "purged_kfold", "n_folds": n, "validation": v}, st.integers(2, 6), share),
    st.builds(
        lambda groups, test, v: {
            "name": "combinatorial_purged", "groups": groups, "test_groups": min(test, groups - 1), "validation": v,
        },
        st.integers(3, 5), st.integers(1, 3), share,
    ),
).map(SPLITS.build)  # fmt: skip
panels = st.builds(
    odd_dataset,
    st.integers(0, 10_000),
    bars=st.lists(st.integers(25, 90), min_size=1, max_size=3).map(tuple),
    length=st.integers(1, 8),
    warmup=st.integers(1, 6),
    horizon=st.integers(1, 9),
)


def folds_or_skip(split: Split, data: Dataset) -> tuple[Fold, ...]:
    try:
        return split.folds(data, streams=False)
    except ConfigError:
        assume(False)
        raise


@settings(max_examples=600, deadline=None)
@given(split=splits, data=panels)
def test_every_contract_holds(split: Split, data: Dataset):
    folds_or_skip(split, data)
    for contract in SPLIT_CONTRACTS:
        contract(split, data)


@settings(max_examples=60, deadline=None)
@given(data=panels, n_folds=st.integers(2, 6))
def test_k_fold_tests_every_labelled_row_once(data: Dataset, n_folds: int):
    folds = folds_or_skip(SPLITS.build({"name": "purged_kfold", "n_folds": n_folds, "validation": 0.0}), data)
    assert sorted(np.concatenate([fold.test.index for fold in folds])) == np.flatnonzero(data.labelled).tolist()


@settings(max_examples=60, deadline=None)
@given(data=panels, n_folds=st.integers(1, 4), test=st.floats(0.1, 0.7))
def test_walk_forward_tests_every_row_of_its_share_once_and_later_folds_know_more(data, n_folds, test):
    folds = folds_or_skip(WalkForward(n_folds=n_folds, test=test, validation=0.0), data)
    tested = np.concatenate([fold.test.index for fold in folds])
    newest = data.t[tested].min()
    assert sorted(tested) == np.flatnonzero(data.labelled & (data.t >= newest)).tolist()
    for before, after in itertools.pairwise(folds):
        assert np.isin(before.train.index, after.train.index).all()


@settings(max_examples=60, deadline=None)
@given(split=splits, data=panels)
def test_changing_what_is_known_later_never_moves_an_earlier_cut(split: Split, data: Dataset):
    """Roles follow from clocks alone: values of features and labels have no say."""
    folds = folds_or_skip(split, data)
    other = split.folds(replace(data, x=-data.x, y=np.where(np.isnan(data.y), data.y, 7.0)), streams=False)
    for a, b in zip(folds, other, strict=True):
        np.testing.assert_array_equal(a.train.index, b.train.index)


def regular(n: int, horizon: int, reach: int) -> Dataset:
    t = np.arange(n + horizon)
    y = np.where(t < n, 0.0, np.nan)
    return Dataset(
        x=np.zeros((len(t), 1), dtype=np.float32), columns=("x",), t=t, symbol=np.zeros(len(t), dtype=np.int64),
        symbols=("A",), y=y, known_at=t + horizon, echo=y, start=t - reach, length=1, ready=np.ones(len(t), dtype=bool),
    )  # fmt: skip


@pytest.mark.parametrize(("horizon", "train_steps"), [(1, None), (4, None), (1, 40), (4, 40)])
def test_walk_forward_equals_skfolio_where_a_fixed_count_says_the_same(horizon: int, train_steps: int | None):
    """A label of `horizon` equal bars overlaps the test from its last `horizon - 1` rows: skfolio's purged_size."""
    skfolio = pytest.importorskip("skfolio.model_selection")
    n, n_folds = 120, 4
    ours = WalkForward(n_folds=n_folds, test=0.5, train_steps=train_steps, validation=0.0)
    first_test, purged = n // 2, horizon - 1
    theirs = skfolio.WalkForward(
        test_size=first_test // n_folds, train_size=(train_steps or first_test) - purged, purged_size=purged,
        expand_train=train_steps is None,
    )  # fmt: skip
    # skfolio counts from the beginning, so it is given the rows from where the first rolling span begins.
    skipped = first_test - train_steps if train_steps else 0
    expected = [(train + skipped, test + skipped) for train, test in theirs.split(np.zeros((n - skipped, 1)))]
    folds = ours.folds(regular(n, horizon, 0), streams=True)
    assert len(folds) == len(expected) == n_folds
    for fold, (train, test) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(fold.train.index, train)
        np.testing.assert_array_equal(fold.test.index, test)


@pytest.mark.parametrize(("horizon", "reach"), [(1, 0), (1, 5), (4, 0), (4, 9)])
@pytest.mark.parametrize("test_groups", [2, 3])
def test_combinatorial_purged_equals_skfolio_where_fixed_counts_say_the_same(horizon, reach, test_groups):
    """Before a block `horizon - 1` rows overlap its labels; after it `horizon + reach` look back on them."""
    skfolio = pytest.importorskip("skfolio.model_selection")
    n, groups = 240, 6
    theirs = skfolio.CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=test_groups, purged_size=horizon - 1, embargo_size=reach + 1
    )
    ours = CombinatorialPurged(groups=groups, test_groups=test_groups, validation=0.0)
    folds = ours.folds(regular(n, horizon, reach), streams=False)
    for fold, (train, tests) in zip(folds, theirs.split(np.zeros((n, 1))), strict=True):
        np.testing.assert_array_equal(fold.train.index, train)
        np.testing.assert_array_equal(fold.test.index, np.sort(np.concatenate(tests)))
