from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlewick.core.clock import NS_PER_SECOND
from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.testing.odd_markets import ordinary

HOUR = 3600 * NS_PER_SECOND


def candle(open_, high, low, close):
    prices = {"open": [open_], "high": [high], "low": [low], "close": [close]}
    return FEATURES.build("candle_shape").run(Bars.of("X", [HOUR], prices))[0]


def test_the_shape_of_a_known_candle():
    assert candle(12.0, 20.0, 10.0, 16.0).tolist() == [0.4, 0.4, 0.2]
    assert candle(16.0, 20.0, 10.0, 12.0).tolist() == [0.4, 0.4, 0.2]


def test_a_candle_without_range_has_no_shape():
    assert candle(5.0, 5.0, 5.0, 5.0).tolist() == [0.0, 0.0, 0.0]


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=4, max_size=4))
def test_the_shares_of_a_candle_lie_in_0_and_1_and_add_up(prices):
    low, open_, close, high = sorted(prices)
    for shape in (candle(open_, high, low, close), candle(close, high, low, open_)):
        assert shape.min() >= 0
        assert shape.max() <= 1
        assert shape.sum() == pytest.approx(1.0, abs=1e-9) if high - low > 0 else shape.sum() == 0


def test_the_hand_of_the_day_and_of_the_week():
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    moments = [monday, monday + timedelta(hours=6), monday + timedelta(days=3, hours=12), monday + timedelta(days=7)]
    t = [int(moment.timestamp()) * NS_PER_SECOND for moment in moments]
    day_sin, day_cos, week_sin, week_cos = FEATURES.build("time_of_day").run(Bars.of("X", t, {"close": np.ones(4)})).T
    np.testing.assert_allclose(day_sin, [0, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(day_cos, [1, 0, -1, 1], atol=1e-12)
    np.testing.assert_allclose(week_sin, [0, np.sin(2 * np.pi / 28), 0, 0], atol=1e-12)
    np.testing.assert_allclose(week_cos, [1, np.cos(2 * np.pi / 28), -1, 1], atol=1e-12)


def test_time_before_1970_goes_on_in_the_same_circle():
    spec = FEATURES.build("time_of_day")
    t = np.array([-7 * 24 * HOUR + 5 * HOUR, 5 * HOUR])
    before, after = spec.run(Bars.of("X", t, {"close": np.ones(2)}))
    assert before.tobytes() == after.tobytes()


def test_relative_transform_is_what_its_definition_says_column_by_column():
    bars, length = ordinary(200, seed=9), 20
    spec = FEATURES.build("relative_transform")
    got = dict(zip(spec.outputs, spec.run(bars).T, strict=True))
    o, h, low, c = (bars.column(name) for name in ("open", "high", "low", "close"))
    expected = {
        "body": abs(c - o) / (h - low),
        "upper_wick": (h - np.maximum(o, c)) / (h - low),
        "lower_wick": (np.minimum(o, c) - low) / (h - low),
    }
    for name, price in zip(("open", "high", "low", "close"), (o, h, low, c), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(price, length)
        z = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
        expected[f"return_{name}"] = np.diff(np.log(price), prepend=np.nan)
        expected[f"zscore_{name}"] = np.append(np.full(length - 1, np.nan), np.clip(z, -10, 10))
    assert set(got) == {f"relative_20_{name}" for name in expected}
    for name, column in expected.items():
        column[: length - 1] = np.nan
        np.testing.assert_allclose(got[f"relative_20_{name}"], column, rtol=1e-10, atol=1e-12, err_msg=name)


def test_relative_transform_agrees_with_the_single_features_bit_for_bit():
    bars = ordinary(100)
    whole = FEATURES.build("relative_transform").run(bars)[19:]
    assert whole[:, 3].tobytes() == FEATURES.build("log_return").run(bars)[19:, 0].tobytes()
    assert whole[:, 4:7].tobytes() == FEATURES.build("candle_shape").run(bars)[19:].tobytes()
    assert whole[:, 10].tobytes() == FEATURES.build("rolling_zscore").run(bars)[19:, 0].tobytes()
