import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.testing.odd_markets import negative, odd_markets, ordinary

BARS = ordinary(300, seed=5)


def values(name, bars=BARS, **parameters):
    return FEATURES.build({"name": name, **parameters}).run(bars)[:, 0]


def trailing_means(x, length):
    return np.array([np.nan if i + 1 < length else x[i + 1 - length : i + 1].mean() for i in range(len(x))])


@pytest.mark.parametrize("length", [1, 7])
def test_log_return_is_the_log_of_the_ratio_of_closes(length):
    close = BARS.column("close")
    expected = np.full(len(BARS), np.nan)
    expected[length:] = np.log(close[length:] / close[:-length])
    np.testing.assert_allclose(values("log_return", length=length), expected, rtol=1e-12, atol=1e-16)


def test_realised_variance_is_the_mean_squared_return():
    squares = np.diff(np.log(BARS.column("close")), prepend=np.nan) ** 2
    expected = trailing_means(squares, 12)
    np.testing.assert_allclose(values("realised_volatility", length=12, unit="variance"), expected, rtol=1e-12)


def test_parkinson_variance_is_the_mean_squared_range_over_4_ln_2():
    squares = np.log(BARS.column("high") / BARS.column("low")) ** 2 / (4 * np.log(2))
    expected = trailing_means(squares, 12)
    np.testing.assert_allclose(values("parkinson_volatility", length=12, unit="variance"), expected, rtol=1e-12)


def test_parkinson_finds_the_volatility_of_a_driftless_random_walk():
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(0, 0.01 / np.sqrt(500), (2000, 500)), axis=1)
    high, low = np.exp(np.maximum(path.max(axis=1), 0)), np.exp(np.minimum(path.min(axis=1), 0))
    bars = Bars.of("W", np.arange(2000), {"high": high, "low": low})
    # Steps are discrete, so the range misses a little of the path's.
    assert values("parkinson_volatility", bars, length=2000)[-1] == pytest.approx(0.01, rel=0.06)


@pytest.mark.parametrize("name", ["realised_volatility", "parkinson_volatility"])
def test_the_three_units_tell_the_same_volatility(name):
    variance = values(name, unit="variance")
    np.testing.assert_allclose(values(name, unit="volatility"), np.sqrt(variance), rtol=1e-12)
    np.testing.assert_allclose(values(name, unit="log_volatility"), np.log(variance) / 2, rtol=1e-12)


@pytest.mark.parametrize("name", ["realised_volatility", "parkinson_volatility"])
def test_the_log_of_no_movement_is_the_log_of_the_floor(name):
    flat = odd_markets(100)["flat"]
    assert values(name, flat, unit="log_volatility")[-1] == pytest.approx(np.log(1e-6))
    assert values(name, flat, unit="log_volatility", floor=1e-4)[-1] == pytest.approx(np.log(1e-4))
    assert values(name, flat, unit="volatility")[-1] == 0.0


@pytest.mark.parametrize("name", ["log_return", "realised_volatility", "parkinson_volatility", "ema_gap"])
def test_a_price_below_zero_is_named_with_its_row(name):
    bars = negative(400)
    read = bars.values[:, bars.indices(FEATURES.build(name).columns)]
    first = int(np.argmax((read <= 0).any(axis=1)))
    with pytest.raises(
        DataError, match=rf"feature {name} gives .* = nan at 2024-.* is -\d.* at row {first}\."
    ) as error:
        values(name, bars)
    assert "Drop those rows" in str(error.value)


def test_a_price_below_zero_inside_the_warmup_is_not_overlooked():
    bars = ordinary(60)
    close = bars.column("close").copy()
    close[3] = -1.0
    bars = Bars.of("X", bars.t, {"close": close})
    for name in ("log_return", "realised_volatility"):
        with pytest.raises(DataError, match=r"close is -1\.0 at row 3"):
            values(name, bars, length=5)
    with pytest.raises(DataError, match=r"close is -1\.0 at row 3"):
        values("ema_gap", bars, length=5)


def test_an_overflow_is_refused():
    bars = ordinary(60)
    huge = Bars.of("X", bars.t, {"close": bars.column("close") * 1e303})
    with pytest.raises(DataError, match="absurd values"):
        values("rolling_zscore", huge)


def test_a_missing_column_is_named_with_who_wants_it():
    with pytest.raises(DataError, match="feature parkinson_volatility needs the columns high, low"):
        values("parkinson_volatility", Bars.of("X", np.arange(9), {"close": np.ones(9)}))


@pytest.mark.parametrize("wrong", [{"length": 0}, {"unit": "variants"}, {"floor": 0.0}, {"lenght": 5}])
def test_a_wrong_parameter_is_refused(wrong):
    with pytest.raises(ConfigError):
        FEATURES.build({"name": "parkinson_volatility", **wrong})
