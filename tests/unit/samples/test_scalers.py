"""Scalers: numbers, instruments, and what happens to what cannot be scaled."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from candlewick.core.errors import DataError, LeakError
from candlewick.samples.roles import TestRows, TrainRows
from candlewick.samples.scalers import SCALERS
from candlewick.samples.scalers.robust import Robust
from candlewick.samples.scalers.standard import Standard
from candlewick.testing.datasets import odd_dataset


@pytest.fixture
def data():
    return odd_dataset(3)


@pytest.fixture
def train(data):
    return TrainRows(np.flatnonzero(data.labelled & (data.t < np.median(data.t))))


def test_standard_gives_each_instrument_mean_zero_and_deviation_one_on_its_training_rows(data, train):
    scaled = Standard().apply(Standard().fit(data, train), data)
    for k in range(len(data.symbols)):
        own = scaled[train.index[data.symbol[train.index] == k]].astype(np.float64)
        np.testing.assert_allclose(own.mean(axis=0), 0.0, atol=1e-6)
        np.testing.assert_allclose(own[:, [0, 2]].std(axis=0), 1.0, rtol=1e-6)


def test_pooled_uses_one_center_for_all(data, train):
    spec = Standard(pooled=True)
    fitted = spec.fit(data, train)
    np.testing.assert_allclose(fitted["center"], [data.x[train.index].astype(np.float64).mean(axis=0)])
    assert not np.array_equal(spec.apply(fitted, data), Standard().apply(Standard().fit(data, train), data))


def test_statistics_of_all_rows_would_differ_and_cannot_be_had(data, train):
    labelled = np.flatnonzero(data.labelled)
    leaked = Standard().fit(data, TrainRows(labelled))
    assert not np.allclose(leaked["center"], Standard().fit(data, train)["center"])
    with pytest.raises(LeakError, match=r"given TestRows.*Only TrainRows are allowed"):
        Standard().fit(data, TestRows(labelled))


def test_robust_is_not_moved_by_outliers(data, train):
    x = data.x.copy()
    x[train.index[:3]] *= 1e6
    wild = data.with_x(x)
    robust, standard = (
        spec.fit(wild, train)["scale"] / spec.fit(data, train)["scale"] for spec in (Robust(), Standard())
    )
    assert robust[:, 0].max() < 2
    assert standard[:, 0].max() > 1e4


def test_robust_of_a_normal_column_has_deviation_one():
    x = np.random.default_rng(0).standard_normal((200_000, 1)) * 3
    assert Robust.moments(x)[1] == pytest.approx(3, rel=0.01)


def test_a_column_of_mostly_equal_values_keeps_a_robust_scale():
    x = np.zeros((100, 1))
    x[:10] = 1.0
    assert Robust.moments(x)[1] == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["standard", "robust"])
def test_a_constant_column_becomes_zero_and_is_said(data, train, name):
    spec = SCALERS.build(name)
    fitted = spec.fit(data, train)
    assert (spec.apply(fitted, data)[:, 1] == 0).all()
    assert spec.notes(fitted, data.columns)[0] == "x1 of S0 is constant in training (2.5): centred, not scaled"
    assert len(spec.notes(fitted, data.columns)) == len(data.symbols)


def test_scaled_values_are_kept_within_the_clip(data, train):
    spec = Standard(clip=0.5)
    assert np.abs(spec.apply(spec.fit(data, train), data)).max() == 0.5


def test_none_changes_nothing_but_nan(data, train):
    spec = SCALERS.build("none")
    scaled = spec.apply(spec.fit(data, train), data)
    np.testing.assert_array_equal(scaled, np.where(np.isnan(data.x), 0, data.x))


def test_an_instrument_without_training_rows_is_named(data, train):
    only = TrainRows(train.index[data.symbol[train.index] != 1])
    with pytest.raises(DataError, match=r"not seen S1 in training \(1 of 3 instruments\).*pooled=true"):
        Standard().apply(Standard().fit(data, only), data)
    pooled = Standard(pooled=True)
    assert np.isfinite(pooled.apply(pooled.fit(data, only), data)).all()


def test_an_instrument_without_training_rows_is_zero_where_none_of_its_rows_is_asked_for(data, train):
    only = TrainRows(train.index[data.symbol[train.index] != 1])
    fitted = Standard().fit(data, only)
    scaled = Standard().apply(fitted, data, only.index)
    assert not scaled[data.symbol == 1].any()
    everything = Standard().apply(Standard().fit(data, train), data)
    np.testing.assert_array_equal(scaled[data.symbol != 1], everything[data.symbol != 1])
    with pytest.raises(DataError, match="not seen S1"):
        Standard().apply(fitted, data, np.flatnonzero(data.symbol == 1)[:1])


def test_instruments_are_found_by_name_after_a_round_trip_through_a_file(data, train):
    fitted = Standard().fit(data, train)
    kept = load(save({name: np.ascontiguousarray(array) for name, array in fitted.items()}))
    last = data.symbol == 2
    alone = replace(data, x=data.x[last], symbol=np.zeros(last.sum(), dtype=np.int64), symbols=("S2",))
    np.testing.assert_array_equal(Standard.apply(kept, alone), Standard.apply(fitted, data)[last])
    pooled = Standard(pooled=True).fit(data, train)
    np.testing.assert_array_equal(Standard.apply(load(save(pooled)), data), Standard.apply(pooled, data))


def test_other_columns_than_the_fitted_ones_are_refused(data, train):
    with pytest.raises(DataError, match="fitted on 3 feature columns, was given 2"):
        Standard.apply(Standard().fit(data, train), data.with_x(data.x[:, :2]))


def test_rows_that_are_not_warmed_up_cannot_be_fitted_on(data):
    rows = TrainRows(np.flatnonzero(np.isnan(data.x).any(axis=1)))
    with pytest.raises(DataError, match="not finite"):
        Standard().fit(data, rows)


def test_no_rows_are_refused(data):
    with pytest.raises(DataError, match="no training rows"):
        Standard().fit(data, TrainRows(np.empty(0, dtype=np.int64)))
