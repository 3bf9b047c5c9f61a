"""What people really have: bars of trades, midnights of another zone, files with an odd line, counts that are none."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from candlewick.core.errors import DataError
from candlewick.data.checks import inspect
from candlewick.data.read import read

NY_CLOSE = {"stamp": "close", "session_close": "16:00", "zone": "America/New_York"}
HOURS = [f"2024-01-02 {hour:02d}:00:00,10.0,10.5,9.5,10.{hour:02d},100" for hour in range(24)]
HEADER = "time,open,high,low,close,volume"


def closes(times) -> dict[str, np.ndarray]:
    return {"time": np.asarray(times), "close": np.linspace(9.0, 10.0, len(times))}


def csv(tmp_path, *lines: str):
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_midnight_names_its_own_day_whatever_the_zone_of_the_session(zone):
    dates = pd.bdate_range("2024-01-01", periods=20, tz=zone)
    frame = pd.DataFrame({"date": dates, "close": np.linspace(9, 10, 20)})
    panel = read(frame, **NY_CLOSE).panel
    same_day = read(frame.assign(date=dates.tz_localize(None)), **NY_CLOSE).panel
    np.testing.assert_array_equal(panel.bars[0].t, same_day.bars[0].t)
    assert np.datetime64(int(panel.bars[0].t[0]), "ns") == np.datetime64("2024-01-01T21:00")


def test_midnights_of_an_unsaid_zone_are_no_dates():
    texts = [f"2024-01-{day:02d} 00:00:00-06:00" for day in range(2, 30)]
    with pytest.raises(DataError, match="no midnights in America/New_York"):
        read(closes(texts), **NY_CLOSE)


def test_opens_of_bars_of_trades_do_not_say_when_they_close():
    steps = np.random.default_rng(0).exponential(5e9, 300).astype(np.int64)
    arrays = closes(1_700_000_000 * 10**9 + np.cumsum(steps))
    with pytest.raises(DataError, match="do not show when they close"):
        read(arrays, stamp="open")
    assert len(read(arrays, stamp="close").panel) == 300


def test_rare_trading_makes_gaps_and_needs_the_interval():
    minutes = np.cumsum(np.random.default_rng(1).geometric(0.4, 300)) * 60
    arrays = closes(1_700_000_040 + minutes)
    bars = read(arrays, stamp="open", interval="1m").panel.bars[0]
    np.testing.assert_array_equal(bars.t, (1_700_000_100 + minutes) * 10**9)


@pytest.mark.parametrize("times", [np.arange(300), np.arange(19_000, 19_300)])
def test_row_numbers_and_days_are_no_stamps(times):
    with pytest.raises(DataError, match="too small for counts"):
        read(closes(times), stamp="close")


def test_counts_beyond_int64_are_unreadable_and_never_wrap():
    times = np.arange(300, dtype=np.uint64) + np.uint64(2**63 + 5)
    with pytest.raises(DataError, match="can be read"):
        read(closes(times), stamp="close")


def test_shuffled_rows_are_refused_as_a_whole(frame):
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=0)
    found = inspect(shuffled, on_error="drop")
    assert [error.kind for error in found.errors] == ["order"]
    assert found.panel is None


def test_prices_that_may_be_negative_have_no_decimal_points_to_slip():
    spread = np.sin(np.arange(300) / 20.0) + 1.2
    arrays = {"time": 1_700_000_000 + np.arange(300) * 60, "open": spread * 10.02, "close": spread,
              "high": spread * 10.02, "low": spread}  # fmt: skip
    assert {error.kind for error in inspect(arrays, stamp="close").errors} == {"spike"}
    assert not inspect(arrays, stamp="close", nonpositive=True).errors


def test_a_line_with_too_many_cells_is_named(tmp_path):
    long = csv(tmp_path, HEADER, *HOURS[:5], HOURS[5] + ",7,8", *HOURS[6:])
    with pytest.raises(DataError, match=r"row 7, has 8 cells where the first line names 6"):
        read(long, stamp="close", zone="UTC")


def test_two_columns_of_one_name_are_refused_in_files_too(tmp_path):
    with pytest.raises(DataError, match="several columns called close"):
        read(csv(tmp_path, HEADER.replace("volume", "close"), *HOURS), stamp="close", zone="UTC")


def test_blank_lines_at_the_end_are_no_rows_and_elsewhere_they_are_faults(tmp_path):
    assert len(read(csv(tmp_path, HEADER, *HOURS, "", "", ""), stamp="close", zone="UTC").panel) == 24
    with pytest.raises(DataError, match="row 7"):
        read(csv(tmp_path, HEADER, *HOURS[:5], "", *HOURS[5:]), stamp="close", zone="UTC")


def test_an_index_without_a_name_survives_parquet(tmp_path, frame, bars):
    pandas = frame.to_pandas().set_index("close_time")
    pandas.index.name = None
    pandas.to_parquet(tmp_path / "bars.parquet")
    read_back = read(tmp_path / "bars.parquet", stamp="close").panel.bars[0]
    np.testing.assert_array_equal(read_back.t, bars.t)


def test_arrow_columns_of_pandas_keep_their_zone(frame, bars):
    arrow = frame.to_pandas().convert_dtypes(dtype_backend="pyarrow")
    np.testing.assert_array_equal(read(arrow).panel.bars[0].t, bars.t)
    assert read(pl.from_pandas(arrow)).panel.content_hash == read(frame).panel.content_hash
