import numpy as np
import polars as pl
import pytest

from candlewick.core.errors import DataError
from candlewick.data.aggregate import aggregate
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration
from candlewick.data.synthetic.clustered import Clustered
from candlewick.data.synthetic.martingale import Martingale

TAKE = [
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("volume").sum(),
]


def oracle(bars: Bars, interval: str) -> pl.DataFrame:
    frame = pl.DataFrame({"t": bars.t, **{name: bars.column(name) for name in bars.columns}})
    frame = frame.with_columns(pl.col("t").cast(pl.Datetime("ns")))
    return frame.group_by_dynamic("t", every=interval, closed="right", label="right").agg(TAKE)


@pytest.mark.parametrize("interval", ["10m", "1h", "4h", "1d", "1w"])
@pytest.mark.parametrize("market", [Martingale(), Clustered()])
def test_bins_equal_those_of_polars(market, interval):
    bars = market.bars(6_000, seed=1)
    coarse, expected = aggregate(bars, interval), oracle(bars, interval)
    expected = expected.filter(pl.col("t").to_physical().is_in(coarse.t.tolist()))
    np.testing.assert_array_equal(coarse.t, expected["t"].to_physical().to_numpy())
    np.testing.assert_allclose(coarse.values, expected.drop("t").to_numpy(), rtol=1e-12)
    assert len(oracle(bars, interval)) - len(coarse) <= 2
    assert coarse.interval_ns == parse_duration(interval)


def test_bins_equal_those_of_pandas():
    bars = Martingale().bars(1_000, seed=1)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(bars.values, index=pandas.to_datetime(bars.t), columns=list(bars.columns))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.resample("1h", closed="right", label="right").agg(how)
    coarse = aggregate(bars, "1h")
    np.testing.assert_allclose(coarse.values, expected.to_numpy()[: len(coarse)], rtol=1e-12)


def test_half_a_bar_at_either_edge_is_no_bar():
    bars = Martingale().bars(12 * 5, seed=1)
    assert len(aggregate(bars, "1h")) == 5
    assert len(aggregate(bars[:-1], "1h")) == 4
    assert len(aggregate(bars[1:], "1h")) == 4
    np.testing.assert_array_equal(aggregate(bars[1:-1], "1h").t, aggregate(bars, "1h").t[1:-1])


def test_a_coarse_bar_is_known_when_its_last_finer_bar_is():
    bars = Martingale().bars(12 * 5, seed=1)
    coarse = aggregate(bars, "1h")
    assert np.isin(coarse.t, bars.t).all()
    np.testing.assert_array_equal(coarse.column("close"), bars.column("close")[11::12])


def test_other_columns_take_their_last_value():
    bars = Bars.of("X", np.arange(1, 11) * 60 * 10**9, {"close": np.arange(10.0), "spread": np.arange(10.0)[::-1]})
    np.testing.assert_array_equal(aggregate(bars, "5m").column("spread"), [5, 0])


@pytest.mark.parametrize("interval", ["1m", "5m", "7m"])
def test_only_longer_whole_multiples_can_be_made(interval):
    with pytest.raises(DataError, match="longer whole multiple"):
        aggregate(Martingale().bars(100, seed=1), interval)


def test_too_few_bars_are_refused():
    with pytest.raises(DataError, match="do not fill one bar"):
        aggregate(Martingale().bars(5, seed=1), "1h")
