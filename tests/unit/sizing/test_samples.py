from dataclasses import replace

import numpy as np
import pytest

from candlewick.samples.roles import Rows
from candlewick.sizing.samples import count_samples, uniqueness
from candlewick.testing.model_trial import dataset


def counted(horizon, rows, n=40, **options):
    data = dataset(np.zeros((n, 1)), np.arange(n) % 3, horizon=horizon, **options)
    return count_samples(data, Rows(np.asarray(rows)), classes=3)


def test_labels_of_one_bar_do_not_overlap():
    assert counted(1, range(30)).effective == 30


def test_overlapping_labels_count_for_less():
    # Away from the ends every bar is in five labels.
    whole = counted(5, range(30))
    assert whole.rows == 30
    assert 30 / 5 < whole.effective < 30 / 5 + 2
    data = dataset(np.zeros((40, 1)), np.zeros(40), horizon=5)
    np.testing.assert_allclose(uniqueness(data, Rows(np.arange(30)))[4:26], 1 / 5)


def test_rows_as_far_apart_as_the_horizon_do_not_overlap():
    assert counted(5, range(0, 30, 5)).effective == 6


def test_two_labels_of_which_one_covers_half_of_the_other():
    data = dataset(np.zeros((10, 1)), np.zeros(10))
    minute = data.t[1] - data.t[0]
    # Row 0 spans bars 1..4, row 2 bars 3..4: bars 1, 2 are unique to row 0, and two are shared.
    known_at = data.known_at.copy()
    known_at[[0, 2]] = 4 * minute
    unique = uniqueness(replace(data, known_at=known_at), Rows(np.array([0, 2])))
    assert unique.tolist() == [(1 + 1 + 0.5 + 0.5) / 4, 0.5]


def test_instruments_do_not_overlap():
    both = counted(5, [*range(10), *range(20, 30)], symbol=np.repeat([0, 1], 20))
    one = counted(5, range(10), n=20)
    assert both.effective == pytest.approx(2 * one.effective)


def test_a_label_known_between_two_bars_has_a_whole_bar():
    data = dataset(np.zeros((10, 1)), np.zeros(10))
    early = replace(data, known_at=data.t + 1)
    assert uniqueness(early, Rows(np.arange(9))).tolist() == [1.0] * 9


def test_classes_are_counted_and_numbers_are_not():
    assert counted(1, range(10)).classes == (4, 3, 3)
    data = dataset(np.zeros((10, 1)), np.zeros(10))
    assert count_samples(data, Rows(np.arange(5))).classes == ()
