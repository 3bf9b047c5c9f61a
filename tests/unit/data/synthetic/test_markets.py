"""The truth that synthetic markets promise, at fixed seeds and within four standard errors."""

import numpy as np
import pytest

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import ConfigError
from candlewick.data.bars import Bars
from candlewick.data.checks import inspect, open_equals_previous_close
from candlewick.data.synthetic import MARKETS
from candlewick.data.synthetic._base import clustering, student_scale

N = 40_000
ALL = MARKETS.names()
NULLS = ("iid", "martingale")


def made(name: str, n: int = N, seed: int = 5, **parameters) -> Bars:
    return MARKETS.build({"name": name, **parameters}).bars(n, seed)


def returns(bars: Bars) -> np.ndarray:
    return np.diff(np.log(bars.column("close")))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation in standard errors of one between independent series, robust to changing variance."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a**2 * b**2).sum()))


def shown(bars: Bars) -> dict[str, np.ndarray]:
    """What a linear model could use of a bar."""
    open_, high, low, close, volume = np.log(bars.values).T
    size = high - low
    return {
        "return": np.diff(close, prepend=close[0]),
        "body": close - open_,
        "upper wick": (high - np.maximum(open_, close)) / size,
        "lower wick": (np.minimum(open_, close) - low) / size,
        "place of close": (close - low) / size,
        "gap": open_ - np.roll(close, 1),
        "range": size,
        "volume": volume,
        "squared return": np.diff(close, prepend=close[0]) ** 2,
    }


def test_the_family_has_two_nulls_a_realistic_and_a_planted_market():
    assert ALL == ("clustered", "iid", "martingale", "planted")


@pytest.mark.parametrize("name", ALL)
def test_bars_are_valid_reproducible_and_grow_without_changing_their_past(name):
    bars = made(name, 3_000)
    assert inspect(bars).errors == ()
    assert np.array_equal(bars.values, made(name, 3_000).values)
    assert not np.array_equal(bars.values, made(name, 3_000, seed=6).values)
    longer = made(name, 5_000)
    np.testing.assert_array_equal(longer.values[:3_000], bars.values)
    np.testing.assert_array_equal(longer.t[:3_000], bars.t)


@pytest.mark.parametrize("name", ALL)
def test_opens_do_not_repeat_the_close(name):
    assert open_equals_previous_close(made(name, 1_000)) == 0


@pytest.mark.parametrize("name", [*NULLS, "clustered"])
def test_nothing_about_a_bar_says_anything_of_the_next_return_or_its_sign(name):
    bars = made(name)
    following = returns(bars)
    for what, column in shown(bars).items():
        assert abs(correlation(column[:-1], following)) < 4, what
        assert abs(correlation(column[:-1], np.sign(following))) < 4, what
    assert abs(correlation(np.sign(following[:-1]), np.sign(following[1:]))) < 4


@pytest.mark.parametrize("name", [*NULLS, "clustered"])
def test_up_and_down_are_equally_likely(name):
    ups = np.mean(returns(made(name)) > 0)
    assert abs(ups - 0.5) < 4 * 0.5 / np.sqrt(N)


def test_in_iid_size_and_volume_say_nothing_of_the_next_size():
    bars = made("iid")
    columns = shown(bars)
    for what in ("range", "volume", "squared return"):
        for later in ("range", "volume", "squared return"):
            assert abs(correlation(columns[what][1:-1], columns[later][2:])) < 4, (what, later)


@pytest.mark.parametrize("name", ["martingale", "clustered"])
def test_where_volatility_clusters_size_says_much_of_later_size(name):
    size = np.log(shown(made(name))["range"])
    lagged = [np.corrcoef(size[:-lag], size[lag:])[0, 1] for lag in (1, 390, 1_560)]
    assert lagged[0] > 0.2
    assert lagged[1] > 0.05
    if name == "clustered":
        assert lagged[2] > 0.03


@pytest.mark.parametrize(
    ("name", "low", "high"), [("iid", 2.8, 3.2), ("martingale", 6, 1_000), ("clustered", 6, 1_000)]
)
def test_tails_are_fat_where_they_are_meant_to_be(name, low, high):
    r = returns(made(name))
    assert low < np.mean(r**4) / np.mean(r**2) ** 2 < high


def test_volatility_is_what_the_spec_says():
    for name in ("iid", "planted"):
        r = returns(made(name, volatility=0.002))
        assert abs(r.std() / 0.002 - 1) < 4 / np.sqrt(2 * N)
    spread = clustering(400_000, (6, 60), 0.6, np.random.default_rng(0))
    assert np.mean(spread**2) == pytest.approx(1, abs=0.05)
    assert np.mean(student_scale(400_000, 5, np.random.default_rng(0)) ** 2) == pytest.approx(1, abs=0.02)


def test_parkinsons_variance_is_the_variance_within_the_bar():
    bars = made("iid", 200_000)
    variance = np.log(bars.column("high") / bars.column("low")) ** 2 / (4 * np.log(2))
    error = variance.std() / np.sqrt(len(bars))
    assert abs(variance.mean() - 0.98 * 0.001**2) < 4 * error
    # ... and a sharper measure of it than the squared return, as it is of a continuous path: about 5 times.
    inside = np.log(bars.column("close") / bars.column("open")) ** 2
    assert 4.5 < inside.var() / variance.var() < 5.5


@pytest.mark.parametrize("name", ["martingale", "clustered"])
def test_volume_follows_volatility(name):
    bars = made(name)
    assert np.corrcoef(np.log(bars.column("volume")), np.log(shown(bars)["range"]))[0, 1] > 0.4


def test_sessions_have_a_u_shape_and_a_night():
    bars = made("clustered", 78 * 500)
    inside = (np.log(bars.column("close") / bars.column("open")) ** 2).reshape(500, 78)
    by_bar = np.median(inside, axis=0)
    assert np.mean(by_bar[[0, 1, 2, -3, -2, -1]]) > 2 * np.mean(by_bar[36:42])
    night = np.log(bars.column("open")[78::78] / bars.column("close")[77:-1:78])
    between = np.log(bars.column("open")[1:78] / bars.column("close")[:77])
    assert night.std() > 3 * between.std()
    clock = bars.t % NS_PER_DAY
    assert clock.min() == (14 * 60 + 35) * 60 * 10**9
    assert clock.max() == 21 * 3_600 * 10**9
    weekday = (bars.t // NS_PER_DAY + 3) % 7
    assert weekday.max() == 4


def test_daily_sessions_close_once_a_weekday():
    bars = made("clustered", 500, interval="1d", volatility=0.01)
    assert set(np.diff(bars.t) // NS_PER_DAY) == {1, 3}
    assert 0.2 < returns(bars).std() / 0.01 < 3


def test_a_session_holds_whole_bars():
    with pytest.raises(ConfigError, match="does not hold whole bars of 4h"):
        MARKETS.build({"name": "clustered", "interval": "4h"})


def planted_parts(bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = returns(bars)
    move = r[:-1] / 0.001
    busy = np.sign(bars.column("volume")[1:-1] - 1_000)
    return move, busy, r[1:] / 0.001


def test_the_planted_product_explains_what_it_says():
    move, busy, following = planted_parts(made("planted"))
    correlation_of_product = np.corrcoef(move * busy, following)[0, 1]
    assert abs(correlation_of_product - 0.1) < 4 / np.sqrt(N)
    none = planted_parts(made("planted", r2=0.0))
    assert abs(np.corrcoef(none[0] * none[1], none[2])[0, 1]) < 4 / np.sqrt(N)


def test_what_is_planted_is_nothing_to_a_linear_model():
    bars = made("planted")
    following = returns(bars)
    for what, column in shown(bars).items():
        assert abs(correlation(column[:-1], following)) < 4, what


def test_the_planted_signal_can_be_learnt_from_features_that_exist():
    from candlewick.features import FEATURES

    bars = made("planted", 20_000)
    shown_volume = FEATURES.build({"name": "rolling_zscore", "column": "volume", "length": 50}).run(bars)[:, 0]
    move = FEATURES.build({"name": "log_return", "length": 1}).run(bars)[:, 0]
    product = (move * shown_volume)[60:-1]
    assert np.corrcoef(product, returns(bars)[60:])[0, 1] > 0.07
