import numpy as np

from candlewick.features._window import log_ratio, mean, push, push_row
from candlewick.features._zscore import zscore, zscores


def test_a_window_holds_the_newest_values_oldest_first():
    state = np.zeros(4)
    filled = [push(state, value) for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert filled == [False, False, True, True, True]
    assert state.tolist() == [3.0, 3.0, 4.0, 5.0]


def test_two_pasts_end_in_the_same_state():
    short, long = np.zeros(4), np.zeros(4)
    for value in (0.1, 0.2, 0.3):
        push(short, value)
    for value in (7e9, -3.3, 5.0, 0.1, 0.2, 0.3):
        push(long, value)
    assert short.tobytes() == long.tobytes()


def test_the_mean_is_added_oldest_first():
    # 1e16 + 1 - 1e16 keeps or loses the 1 by the order of addition alone.
    assert mean(np.array([1e16, 1.0, -1e16])) == 0.0
    assert mean(np.array([1e16, -1e16, 1.0])) == 1 / 3


def test_two_negative_prices_have_no_log_ratio():
    assert np.isnan(log_ratio(-2.0, -1.0))
    assert np.isnan(log_ratio(0.0, 1.0))
    assert np.isnan(log_ratio(1.0, 0.0))
    assert log_ratio(np.e, 1.0) == 1.0


def test_a_window_of_rows_holds_the_newest_rows_oldest_first():
    state = np.zeros(1 + 2 * 3)
    filled = [push_row(state, np.array([i, -i], dtype=float)) for i in range(1, 6)]
    assert filled == [False, False, True, True, True]
    assert state.tolist() == [3, 3, -3, 4, -4, 5, -5]


def test_four_zscores_at_once_are_the_single_ones_bit_for_bit():
    windows = np.random.default_rng(1).normal(100, 1, (20, 4))
    windows[:, 2] = 7.1
    together = np.empty(4)
    zscores(windows.ravel(), together)
    assert together.tolist() == [zscore(np.ascontiguousarray(windows[:, i])) for i in range(4)]
    assert together[2] == 0.0
