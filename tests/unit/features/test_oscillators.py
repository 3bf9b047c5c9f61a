import numpy as np
import pytest
import talib

from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.testing.odd_markets import odd_markets, ordinary

BARS = ordinary(3000, seed=6)
CLOSE = BARS.column("close")


@pytest.mark.parametrize("length", [2, 5, 14, 30])
def test_rsi_equals_talib(length):
    ours = FEATURES.build({"name": "rsi", "length": length})
    got, expected = ours.run(BARS)[:, 0], talib.RSI(CLOSE, length)
    np.testing.assert_allclose(got[ours.warmup - 1 :], expected[ours.warmup - 1 :], rtol=0, atol=1e-9)


def test_rsi_of_a_rising_a_falling_and_a_resting_market():
    rsi = FEATURES.build({"name": "rsi", "length": 3})
    n = rsi.warmup + 5
    last = [
        rsi.run(Bars.of("X", np.arange(n), {"close": close}))[-1, 0]
        for close in (np.arange(n) + 1.0, 100.0 - np.arange(n), np.full(n, 7.0))
    ]
    assert last == [100.0, 0.0, 50.0]


@pytest.mark.parametrize("length", [2, 5, 20, 50])
def test_ema_gap_equals_talib_on_log_prices(length):
    ours = FEATURES.build({"name": "ema_gap", "length": length})
    gap = ours.run(BARS)[:, 0]
    expected = np.log(CLOSE) - talib.EMA(np.log(CLOSE), length)
    # TA-Lib begins with a mean of `length` values: another beginning, so the fade bound holds, then it has faded.
    np.testing.assert_allclose(gap[ours.warmup + length :], expected[ours.warmup + length :], atol=ours.fade_bound)
    np.testing.assert_allclose(gap[4 * ours.warmup :], expected[4 * ours.warmup :], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("length", [2, 20, 200])
def test_the_ema_bound_is_reached_and_not_passed_by_a_level_twice_as_high(length):
    ema = FEATURES.build({"name": "ema_gap", "length": length})
    n = ema.warmup
    before, after = np.full(50 * length, 200.0), np.full(n, 100.0)
    long = Bars.of("X", np.arange(len(before) + n), {"close": np.append(before, after)})
    short = Bars.of("X", np.arange(n), {"close": after})
    moved = abs(ema.run(long)[-1, 0] - ema.run(short)[-1, 0])
    assert 0.99 * ema.fade_bound < moved <= ema.fade_bound * (1 + 1e-6)
    assert ema.fade_bound <= np.log(2) * 1e-6


@pytest.mark.parametrize("length", [2, 14, 100])
def test_the_rsi_bound_is_not_passed_by_changes_twice_as_large(length):
    rsi = FEATURES.build({"name": "rsi", "length": length})
    rng = np.random.default_rng(length)
    n = rsi.warmup + 50
    changes = rng.normal(0, 1, 20 * length + n)
    changes[: -n + 1] = 2 * np.abs(changes[: -n + 1])
    close = 1e4 + np.cumsum(changes)
    long = rsi.run(Bars.of("X", np.arange(len(close)), {"close": close}))[-50:]
    short = rsi.run(Bars.of("X", np.arange(n), {"close": close[-n:]}))[-50:]
    moved = np.abs(long - short).max()
    assert moved <= rsi.fade_bound == 1e-4
    assert moved > 0 or length < 5


def test_rolling_zscore_equals_numpy():
    got = FEATURES.build({"name": "rolling_zscore", "length": 15, "column": "volume"}).run(BARS)[:, 0]
    windows = np.lib.stride_tricks.sliding_window_view(BARS.column("volume"), 15)
    expected = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    assert np.isnan(got[:14]).all()
    np.testing.assert_allclose(got[14:], expected, rtol=1e-10, atol=1e-12)


def test_rolling_zscore_is_clipped_at_ten():
    spike = np.ones(300)
    spike[-1] = 1e6
    bars = Bars.of("X", np.arange(300), {"close": spike})
    assert FEATURES.build({"name": "rolling_zscore", "length": 300}).run(bars)[-1, 0] == 10.0


def test_rolling_zscore_is_exactly_zero_in_a_flat_window():
    # The mean of twenty times 100.1 is not 100.1 in floating point: a naive formula gives noise here.
    flat = odd_markets(100)["flat"]
    assert not FEATURES.build("rolling_zscore").run(flat)[19:].any()


def test_rolling_zscore_reads_an_extra_column():
    bars = Bars.of("X", np.arange(30), {"close": np.ones(30), "funding": np.arange(30.0)})
    spec = FEATURES.build({"name": "rolling_zscore", "column": "funding"})
    assert spec.columns == ("funding",)
    assert spec.run(bars)[-1, 0] == pytest.approx(9.5 / np.std(np.arange(20.0)))
