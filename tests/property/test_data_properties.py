"""What holds of reading, aggregating and lengths of time whatever the data."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import DataError
from candlewick.data.aggregate import aggregate
from candlewick.data.bars import Bars
from candlewick.data.checks import inspect
from candlewick.data.interval import UNITS, bars_per_year, format_duration, parse_duration
from candlewick.data.read import read
from candlewick.data.stamps import parse
from candlewick.data.synthetic.martingale import Martingale
from candlewick.data.zones import to_utc, to_wall

MINUTE = UNITS["m"]
BARS = Martingale(interval="1m").bars(240, seed=0)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def columns(bars: Bars) -> dict[str, np.ndarray]:
    return {name: np.array(bars.column(name)) for name in bars.columns}


@given(st.integers(1, 10**18))
def test_lengths_of_time_survive_a_round_trip(ns):
    assert parse_duration(format_duration(ns)) == ns


@given(st.lists(st.integers(1, 3 * 10**18), min_size=1, max_size=30))
@quick
def test_stamps_survive_a_round_trip_through_text(moments):
    column = pl.Series("time", moments).cast(pl.Datetime("ns", "UTC"))
    text = column.dt.strftime("%Y-%m-%dT%H:%M:%S%.9f%z")
    assert parse(text).ns.tolist() == moments
    assert parse(column).ns.tolist() == moments


@given(
    st.sampled_from(["America/New_York", "Europe/Athens", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    st.datetimes(datetime(2005, 1, 1), datetime(2024, 12, 1)),
    st.sampled_from([1, 5, 15, 30]),
)
@quick
def test_bars_round_the_clock_come_back_from_any_wall_clock(zone, start, minutes):
    first = int(start.replace(second=0, microsecond=0, tzinfo=UTC).timestamp()) * UNITS["s"]
    # Whole days on both sides of the start, so that an hour that comes twice is there twice.
    utc = first // NS_PER_DAY * NS_PER_DAY + np.arange(3 * 1440 // minutes) * minutes * MINUTE
    wall = to_wall(utc, zone)
    back, skipped, undecided = to_utc(wall, zone, np.zeros(len(utc), np.int64))
    inside = ~undecided
    np.testing.assert_array_equal(back[inside], utc[inside])
    assert not skipped.any()
    # Only an hour cut in two by the edge of the data is left undecided.
    edge = (utc < utc[0] + 2 * UNITS["h"]) | (utc > utc[-1] - 2 * UNITS["h"])
    assert edge[undecided].all()


@given(st.integers(0, 2**40), st.integers(2, 60), st.integers(20, 200))
@quick
def test_coarse_bars_are_the_whole_bins_and_nothing_else(offset, factor, count):
    t = (offset + 1 + np.arange(count)) * MINUTE
    bars = Bars.of("X", t, {name: column[:count] for name, column in columns(BARS).items()})
    length = factor * MINUTE
    ends = np.arange(t[0] - t[0] % length, t[-1] + length, length)
    whole = ends[(ends - length >= t[0] - MINUTE) & (ends <= t[-1])]
    if len(whole) == 0:
        with pytest.raises(DataError, match="do not fill one bar"):
            aggregate(bars, f"{factor}m")
        return
    coarse = aggregate(bars, f"{factor}m")
    np.testing.assert_array_equal(coarse.t, whole)
    # Every coarse bar holds exactly the fine bars that closed in it, and only whole bars are kept.
    for end, row in zip(coarse.t, coarse.values, strict=True):
        inside = (bars.t > end - length) & (bars.t <= end)
        assert inside.sum() == factor
        assert row[1] == bars.column("high")[inside].max()
        assert row[3] == bars.column("close")[inside][-1]


@given(st.sets(st.integers(0, 239), min_size=1, max_size=20), st.sampled_from(["nan", "low", "volume", "twice"]))
@quick
def test_rows_at_fault_are_dropped_and_no_others(rows, fault):
    chosen = sorted(rows)
    table = {"close_time": np.array(BARS.t), **columns(BARS)}
    if fault == "twice":
        order = np.sort(np.concatenate([np.arange(240), chosen]))
        table = {name: column[order] for name, column in table.items()}
        expected = np.arange(240)
    else:
        column, value = {"nan": ("open", np.nan), "low": ("low", 1e6), "volume": ("volume", -1.0)}[fault]
        table[column][chosen] = value
        expected = np.setdiff1d(np.arange(240), chosen)
    assert len({row for error in inspect(table, zone="UTC").errors for row in error.rows}) == len(chosen)
    kept = read(table, zone="UTC", on_error="drop").panel.bars[0]
    np.testing.assert_array_equal(kept.t, BARS.t[expected])
    np.testing.assert_array_equal(kept.values, BARS.values[expected])


@given(st.integers(1, 239))
@quick
def test_what_came_after_changes_nothing_that_was_read_before(cut):
    table = {"open_time": BARS.t - MINUTE, **columns(BARS)}
    part = read({name: column[:cut] for name, column in table.items()}, zone="UTC", interval="1m").panel.bars[0]
    whole = read(table, zone="UTC", interval="1m").panel.bars[0]
    np.testing.assert_array_equal(part.t, whole.t[:cut])
    np.testing.assert_array_equal(part.values, whole.values[:cut])


@given(st.integers(1, 12), st.integers(1, 400))
@quick
def test_a_year_of_regular_bars_has_a_year_of_them(minutes, days):
    t = np.arange(days * 1440 // minutes + 1) * minutes * MINUTE
    # Whole weeks or days are at least half of the span, and may hold one bar more or less.
    assert abs(bars_per_year(t) * minutes * MINUTE / (365.2425 * NS_PER_DAY) - 1) <= 2 / len(t) + 1e-9


@given(st.datetimes(datetime(2001, 1, 1), datetime(2024, 1, 1)), st.sampled_from(["America/New_York", "Asia/Tokyo"]))
@quick
def test_a_session_date_is_known_at_its_close_on_the_wall_of_its_zone(start, zone):
    days = [(start + timedelta(days=i)).date() for i in range(5)]
    frame = pl.DataFrame({"date": days, "close": np.arange(1.0, 6)})
    t = read(frame, stamp="close", zone=zone, session_close="16:00").panel.bars[0].t
    known = [datetime.fromtimestamp(int(ns) // 10**9, ZoneInfo(zone)) for ns in t]
    assert [moment.date() for moment in known] == days
    assert {(moment.hour, moment.minute) for moment in known} == {(16, 0)}
