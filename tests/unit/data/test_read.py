import numpy as np
import pandas as pd
import polars as pl
import pytest

import candlewick.data.read as module
from candlewick.core.errors import DataError
from candlewick.data.bars import Bars, Panel
from candlewick.data.read import read


def same(panel: Panel, bars: Bars) -> None:
    (only,) = panel.bars
    np.testing.assert_array_equal(only.t, bars.t)
    np.testing.assert_array_equal(only.values, bars.values)
    assert only.columns == bars.columns
    assert only.interval_ns == bars.interval_ns


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "npz"])
def test_every_format_gives_the_same_bars(tmp_path, frame, bars, ending):
    path = tmp_path / f"coin.{ending}"
    if ending == "parquet":
        frame.write_parquet(path)
    elif ending == "npz":
        np.savez(path, **{name: frame[name].to_numpy() for name in frame.columns})
    else:
        frame.to_pandas().to_csv(path, index=False)
    reading = read(path, zone="UTC") if ending == "npz" else read(path)
    same(reading.panel, bars)
    assert reading.panel.symbols == ("coin",)


def test_frames_arrays_and_bars_are_taken_as_they_are(frame, bars):
    same(read(frame).panel, bars)
    same(read(frame.lazy()).panel, bars)
    same(read(frame.to_pandas()).panel, bars)
    same(read(frame.to_pandas().set_index("close_time")).panel, bars)
    same(read({name: frame[name].to_numpy() for name in frame.columns}, zone="UTC").panel, bars)
    same(read(bars).panel, bars)
    same(read(Panel((bars,))).panel, bars)


@pytest.mark.parametrize(
    "names",
    [
        ("Close Time", "Open", "High", "Low", "Close", "Volume"),
        ("close_time_utc", "o", "h", "l", "c", "v"),
        ("bar_close", "1. open", "2. high", "3. low", "4. close", "5. volume"),
        ("closeTime", "OPEN", "HIGH", "LOW", "last", "tick_volume"),
        ("window_end", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
    ],
)
def test_usual_names_are_understood_and_the_mapping_says_so(frame, bars, names):
    reading = read(frame.rename(dict(zip(frame.columns, names, strict=True))))
    same(reading.panel, bars)
    assert f"close = {names[4]}" in reading.mapping[1]
    assert names[0] in reading.mapping[0]


def test_names_of_ones_own_are_said_and_a_wrong_one_is_answered_with_the_nearest(frame, bars):
    other = frame.rename({"close": "px_last", "close_time": "when"})
    same(read(other, columns={"close": "px_last", "time": "when"}, stamp="close").panel, bars)
    with pytest.raises(DataError, match="Did you mean 'px_last'"):
        read(other, columns={"close": "px_lst", "time": "when"}, stamp="close")


def test_several_instruments_become_a_panel_and_one_can_be_kept(frame, bars):
    long = pl.concat([frame.with_columns(pair=pl.lit(name)) for name in ("B", "A")]).sort(
        "close_time", maintain_order=True
    )
    panel = read(long).panel
    assert panel.symbols == ("A", "B")
    np.testing.assert_array_equal(panel["B"].values, bars.values)
    assert read(long, symbol="B").panel.symbols == ("B",)
    with pytest.raises(DataError, match=r"no instrument 'C'. It has A, B"):
        read(long, symbol="C")


def test_the_long_forecasting_format_is_understood(frame, bars):
    long = frame.select(pl.lit("X").alias("unique_id"), pl.col("close_time").alias("ds"), pl.col("close").alias("y"))
    (only,) = read(long, stamp="close").panel.bars
    assert only.symbol == "X"
    assert only.columns == ("close",)
    np.testing.assert_array_equal(only.column("close"), bars.column("close"))


def test_a_series_without_prices_is_one_column_called_close(frame):
    (only,) = read(frame.select("close_time", load=pl.col("volume"))).panel.bars
    assert only.columns == ("close",)


def test_two_numbers_without_a_close_are_refused_and_named(frame):
    with pytest.raises(DataError, match=r"has no close: its columns of numbers are load, heat"):
        read(frame.select("close_time", load=pl.col("volume"), heat=pl.col("open")))


def test_columns_of_ones_own_are_kept_and_texts_are_left_out_aloud(frame):
    reading = read(frame.with_columns(spread=pl.lit(0.5), venue=pl.lit("X")))
    assert reading.panel.bars[0].columns[-1] == "spread"
    assert "not used: venue (string)" in reading.mapping


def test_two_columns_for_one_thing_are_refused(frame):
    with pytest.raises(DataError, match="both mean close"):
        read(frame.with_columns(pl.col("close").alias("Close")))


def test_a_stamp_that_may_be_open_or_close_is_refused_with_two_rows_and_the_mend(tmp_path, frame):
    path = tmp_path / "bars.csv"
    frame.rename({"close_time": "timestamp"}).with_columns(pl.col("timestamp").dt.replace_time_zone(None)).write_csv(
        path
    )
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert "stamp: open or stamp: close" in message
    assert "zone: UTC" in message
    assert "row 2: 2020-01-06" in message
    assert "row 3: 2020-01-06" in message
    assert read(path, stamp="close", zone="UTC").panel.bars[0].t[0] == frame["close_time"].to_physical()[0]


def test_a_column_called_open_time_cannot_be_said_to_be_the_close(frame):
    with pytest.raises(DataError, match="Say what is true"):
        read(frame.rename({"close_time": "open_time"}), stamp="close")


def test_adjusting_takes_the_dividend_out_of_returns_and_keeps_bars_valid(frame):
    with_dividend = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 250).then(pl.col("close") * 0.9).otherwise(pl.col("close")).alias("Adj Close")
    )
    raw, adjusted = (read(with_dividend, adjust=adjust).panel.bars[0] for adjust in (False, True))
    assert raw.columns[-1] == "adj_close"
    assert adjusted.columns == ("open", "high", "low", "close", "volume")
    np.testing.assert_allclose(adjusted.column("close"), raw.column("adj_close"), rtol=1e-12)
    np.testing.assert_array_equal(adjusted.column("volume"), raw.column("volume"))
    with pytest.raises(DataError, match="no adjusted close"):
        read(frame, adjust=True)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (3, "cannot be read from a int"),
        ("nowhere.csv", "there is no file"),
        ({"close_time": np.arange(3)}, "no close"),
        ({"close": np.arange(3.0)}, "no column of stamps"),
        ({"time": np.arange(3), "close": np.arange(2.0)}, "different lengths"),
        ({"time": np.arange(3), "close": np.ones((3, 2))}, "one dimension"),
        ({"time": np.arange(3), "close": np.array([1.0, 2.0, [3]], dtype=object)}, "row 2 is"),
        ({"close_time": np.array([]), "close": np.array([])}, "no rows"),
    ],
)
def test_what_holds_no_bars_is_refused_with_a_sentence(source, says):
    with pytest.raises(DataError, match=says):
        read(source)


def test_a_pickle_in_an_npz_is_refused(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, time=np.arange(3), close=np.array([1.0, "a", None], dtype=object))
    with pytest.raises(DataError, match=r"bad\.npz could not be read"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", "0.78,1.6\n0.79,1.7\n", "does not begin with a line of column names"),
        ("x.csv", "", "could not be read"),
        ("x.csv", "time,close\n1,2\n3,4,5\n", "row 3, has 3 cells"),
        ("x.parquet", "not parquet", "could not be read"),
        ("x.csv.gz", "not gzip", "could not be read"),
        ("x.xlsx", "", "Files may be"),
    ],
)
def test_files_that_are_not_what_they_say_are_refused(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=says):
        read(path)


def test_objects_in_a_pandas_frame_are_refused_with_the_row(frame):
    table = frame.to_pandas()
    table["close"] = table["close"].astype(object)
    table.loc[7, "close"] = "n/a"
    with pytest.raises(DataError, match=r"close has dtype object and holds float, str; row 7 is 'n/a'"):
        read(table)


def test_numbers_written_as_text_in_a_frame_are_refused(frame):
    with pytest.raises(DataError, match="close holds text"):
        read(frame.with_columns(pl.col("close").cast(pl.String)))


def test_columns_of_two_levels_are_refused_with_the_way_out(frame):
    table = frame.to_pandas()
    table.columns = pd.MultiIndex.from_product([table.columns, ["A"]])
    with pytest.raises(DataError, match="stack"):
        read(table)


def test_a_long_list_of_faults_is_cut_and_says_so(frame):
    wrong = frame.with_columns(
        low=pl.when(pl.int_range(pl.len()) == 5).then(pl.col("high") * 2).otherwise(pl.col("low"))
    )
    many = pl.concat([wrong.with_columns(symbol=pl.lit(f"S{i:02}")) for i in range(20)])
    with pytest.raises(DataError) as caught:
        read(many)
    lines = str(caught.value).splitlines()
    assert len(lines) == module.SHOWN + 2
    assert "candlewick check" in lines[-2]
    assert "on_error: drop" in lines[-1]


def test_on_error_and_stamp_take_only_what_they_know(frame):
    with pytest.raises(DataError, match="refuse or drop"):
        read(frame, on_error="ignore")
    with pytest.raises(DataError, match="there is no zone 'Mars'"):
        read(frame, zone="Mars")
