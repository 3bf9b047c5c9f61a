import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.labels import LABELS
from candlewick.labels._base import UNKNOWN
from candlewick.testing.odd_markets import HOUR, negative, ordinary

BARS = ordinary(200, seed=2)


def rows(name, bars=BARS, **parameters):
    return LABELS.build({"name": name, **parameters}).run(bars)


def closes(*prices, hours=None):
    t = np.arange(len(prices)) if hours is None else np.array(hours)
    return Bars.of("X", t * HOUR, {"close": np.array(prices, dtype=float)})


@pytest.mark.parametrize("horizon", [1, 5])
def test_forward_return_is_known_at_the_close_that_ends_it(horizon):
    got, close = rows("forward_return", horizon=horizon), BARS.column("close")
    np.testing.assert_allclose(got.value[:-horizon], np.log(close[horizon:] / close[:-horizon]), rtol=1e-12)
    assert (got.known_at[:-horizon] == BARS.t[horizon:]).all()
    assert np.isnan(got.value[-horizon:]).all()
    assert (got.known_at[-horizon:] == UNKNOWN).all()
    assert not got.crosses_gap.any()


def test_a_horizon_beyond_the_data_gives_no_label():
    got = rows("forward_return", horizon=500)
    assert np.isnan(got.value).all()
    assert (got.known_at == UNKNOWN).all()


def test_direction_counts_a_tie_as_down():
    got = rows("direction", closes(10, 11, 11, 10, 12))
    assert got.value[:-1].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert LABELS.member("direction").classes == ("down", "up")


def test_direction_works_below_zero():
    assert rows("direction", closes(2, -1, -3, 5)).value[:-1].tolist() == [0.0, 0.0, 1.0]


def test_forward_volatility_from_closes_is_the_mean_squared_return():
    got, returns = (
        rows("forward_volatility", horizon=4, estimator="close_to_close"),
        np.diff(np.log(BARS.column("close"))),
    )
    expected = [np.mean(returns[i : i + 4] ** 2) for i in range(len(BARS) - 4)]
    np.testing.assert_allclose(got.value[:-4], expected, rtol=1e-12)


def test_forward_volatility_from_ranges_is_parkinsons_mean():
    ranges = np.log(BARS.column("high") / BARS.column("low")) ** 2 / (4 * np.log(2))
    expected = [np.mean(ranges[i + 1 : i + 5]) for i in range(len(BARS) - 4)]
    np.testing.assert_allclose(rows("forward_volatility", horizon=4).value[:-4], expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", ["close_to_close", "parkinson"])
def test_forward_volatility_needs_only_the_columns_of_its_estimator(estimator):
    label = LABELS.build({"name": "forward_volatility", "estimator": estimator})
    needed = {name: BARS.column(name) for name in label.columns}
    assert np.isfinite(label.run(Bars.of("X", BARS.t, needed)).value[:-1]).all()


def test_a_step_longer_than_max_gap_takes_the_label_and_not_its_moment():
    bars = closes(10, 11, 12, 13, 14, 15, hours=[0, 1, 2, 8, 9, 10])
    got = rows("forward_return", bars, horizon=2, max_gap="2h")
    assert got.crosses_gap.tolist() == [False, True, True, False, False, False]
    assert np.isnan(got.value).tolist() == [False, True, True, False, True, True]
    assert (got.known_at[:4] == bars.t[2:]).all()


def test_a_step_of_exactly_max_gap_is_no_gap():
    bars = closes(10, 11, 12, hours=[0, 2, 4])
    assert not rows("forward_return", bars, max_gap="2h").crosses_gap.any()
    assert rows("forward_return", bars, max_gap="119m").crosses_gap.tolist() == [True, True, False]


def test_a_max_gap_that_is_no_duration_is_refused_when_the_label_is_built():
    with pytest.raises(ConfigError, match="soon"):
        LABELS.build({"name": "direction", "max_gap": "soon"})


@pytest.mark.parametrize(
    ("name", "column"), [("forward_return", "close"), ("forward_volatility", "high"), ("triple_barrier", "close")]
)
def test_a_logarithm_of_a_price_below_zero_is_refused_with_its_row(name, column):
    bars = negative(400)
    label = LABELS.build(name)
    first = int(np.argmax(bars.column(column) <= 0))
    with pytest.raises(DataError, match=rf"label {name} takes the logarithm of {column}, was -\S+ at row {first}"):
        label.run(bars)


def test_a_missing_column_is_refused():
    with pytest.raises(DataError, match="high"):
        rows("forward_volatility", closes(1, 2, 3))
