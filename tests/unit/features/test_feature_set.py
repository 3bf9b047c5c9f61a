import tracemalloc

import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.features._set import FeatureSet
from candlewick.testing.odd_markets import ordinary, with_bar

ALL = FeatureSet.of(FEATURES.names())
BARS = ordinary(500)


def follow(live, bars):
    return np.array([live.step(int(t), row).copy() for t, row in zip(bars.t, bars.values, strict=True)])


def test_a_set_is_its_features_side_by_side():
    entries = ["log_return", {"name": "rsi", "length": 5}, FEATURES.build("candle_shape")]
    features = FeatureSet.of(entries)
    assert features.outputs == ("log_return_1", "rsi_5", "candle_body", "candle_upper_wick", "candle_lower_wick")
    assert features.columns == ("close", "open", "high", "low")
    expected = np.hstack([FEATURES.build(entry).run(BARS) for entry in entries])
    assert features.run(BARS).tobytes() == expected.tobytes()


def test_warmup_and_fade_bound_are_the_longest_and_the_widest():
    rsi, ema = FEATURES.build("rsi"), FEATURES.build("ema_gap")
    assert FeatureSet.of([rsi, ema]).warmup == max(rsi.warmup, ema.warmup)
    assert FeatureSet.of([rsi, ema]).fade_bound == max(rsi.fade_bound, ema.fade_bound)
    assert FeatureSet.of(["log_return", "candle_shape"]).fade_bound == 0.0


def test_two_outputs_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="same output, was log_return_1"):
        FeatureSet.of(["log_return", {"name": "log_return", "length": 1}])


def test_an_empty_set_is_refused():
    with pytest.raises(ConfigError, match="was empty"):
        FeatureSet.of([])


def test_an_unknown_feature_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'log_return'"):
        FeatureSet.of(["log_retrun"])


def test_all_members_live_equal_history_bit_for_bit():
    assert follow(ALL.begin(BARS.columns), BARS).tobytes() == ALL.run(BARS).tobytes()


def test_the_order_of_live_columns_does_not_matter():
    columns = BARS.columns[::-1]
    live = ALL.begin(columns)
    out = np.array([live.step(int(t), row[::-1]).copy() for t, row in zip(BARS.t, BARS.values, strict=True)])
    assert out.tobytes() == ALL.run(BARS).tobytes()


def test_a_saved_state_goes_on_where_it_was():
    live = ALL.begin(BARS.columns)
    follow(live, BARS[:300])
    saved = live.state.copy()
    expected = follow(live, BARS[300:])
    live.state[:] = saved
    assert follow(live, BARS[300:]).tobytes() == expected.tobytes()


def test_two_instruments_do_not_touch_each_other():
    other = ordinary(500, seed=1)
    first, second = ALL.begin(BARS.columns), ALL.begin(other.columns)
    for i in range(len(BARS)):
        one = first.step(int(BARS.t[i]), BARS.values[i]).copy()
        second.step(int(other.t[i]), other.values[i])
    assert one.tobytes() == ALL.run(BARS)[-1].tobytes()


def test_a_step_allocates_nothing_that_stays():
    live = ALL.begin(BARS.columns)
    rows = [(int(t), row.copy()) for t, row in zip(BARS.t, BARS.values, strict=True)]
    for t, row in rows:
        live.step(t, row)
    tracemalloc.start(20)
    for t, row in rows:
        live.step(t, row)
    found = tracemalloc.take_snapshot()
    tracemalloc.stop()
    # pytest-xdist hears of further tests meanwhile, in a thread of its own.
    others = tracemalloc.Filter(False, "*/execnet/*", all_frames=True)
    grown = sum(trace.size for trace in found.filter_traces([others]).traces)
    assert grown < 2000


def test_a_live_row_may_be_a_list():
    live = ALL.begin(BARS.columns)
    assert live.step(int(BARS.t[0]), BARS.values[0].tolist()).shape == (ALL.width,)


def test_a_missing_live_column_is_refused():
    with pytest.raises(DataError, match="need high, low"):
        FeatureSet.of(["parkinson_volatility"]).begin(("open", "close"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_live_value_that_is_not_finite_is_refused_and_leaves_no_trace(bad):
    live = ALL.begin(BARS.columns)
    follow(live, BARS[:300])
    before = live.state.tobytes()
    row = BARS.values[300].copy()
    row[BARS.columns.index("low")] = bad
    with pytest.raises(DataError, match=f"low is {bad} at 2024-"):
        live.step(int(BARS.t[300]), row)
    assert live.state.tobytes() == before


def test_a_column_that_no_feature_reads_may_be_missing_live():
    live = FeatureSet.of(["log_return"]).begin(("close", "volume"))
    live.step(1, np.array([100.0, np.nan]))
    assert live.step(2, np.array([200.0, np.nan]))[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize("row", [[1.0], [1.0] * 6, 100.0 * np.ones(1)])
def test_a_live_row_of_the_wrong_length_is_refused(row):
    with pytest.raises(DataError, match="a row holds open, high, low, close, volume, was"):
        ALL.begin(BARS.columns).step(0, row)


def test_a_live_price_below_zero_is_refused_by_name_and_left_behind():
    features = FeatureSet.of(["ema_gap", {"name": "log_return", "length": 2}])
    bad = with_bar(BARS, 300, -BARS.values[300])
    live = features.begin(BARS.columns)
    follow(live, bad[:300])
    with pytest.raises(DataError, match="feature ema_gap gives ema_gap_20 = nan") as error:
        live.step(int(bad.t[300]), bad.values[300])
    assert "Make no forecast from it" in str(error.value)
    assert np.isfinite(live.step(int(bad.t[301]), bad.values[301])).all()
    with pytest.raises(DataError, match="log_return_2 = nan"):
        live.step(int(bad.t[302]), bad.values[302])
    assert np.isfinite(live.step(int(bad.t[303]), bad.values[303])).all()


def test_bars_without_ohlc_serve_features_of_their_one_column():
    bars = Bars.of("load", np.arange(50), {"y": np.arange(50.0)})
    assert FeatureSet.of([{"name": "rolling_zscore", "column": "y"}]).run(bars).shape == (50, 1)
