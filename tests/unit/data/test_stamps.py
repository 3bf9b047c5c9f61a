"""When a bar is known: the meaning of stamps, zones and dates."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest

from candlewick.core.errors import DataError
from candlewick.data.read import read

HOUR = 3_600 * 10**9
DAY = 24 * HOUR


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def closes(stamps, name="time", **options) -> np.ndarray:
    values = np.linspace(100, 101, len(stamps))
    return read(pl.DataFrame({name: stamps, "close": values}), **options).panel.bars[0].t


MINUTES = [f"2024-01-02 14:{minute:02}:00" for minute in range(30, 35)]
FIRST = ns("2024-01-02 14:30:00")


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
        lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda t: t.strftime("%Y-%m-%d %H:%M:%S.000000+00:00"),
        lambda t: (t + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S+0200"),
        lambda t: t.strftime("%Y.%m.%d %H:%M"),
        lambda t: t.strftime("%Y%m%d %H%M%S"),
        lambda t: int(t.strftime("%Y%m%d%H%M%S")),
        lambda t: t.strftime("%d.%m.%Y %H:%M:%S.000 GMT+0000"),
        lambda t: t.strftime("%m/%d/%Y %H:%M"),
        lambda t: int(t.timestamp()),
        lambda t: t.timestamp(),
        lambda t: int(t.timestamp()) * 10**3,
        lambda t: int(t.timestamp()) * 10**6,
        lambda t: int(t.timestamp()) * 10**9,
    ],
)
def test_stamps_are_read_however_they_are_written(write):
    start = datetime(2024, 1, 22, 14, 30, tzinfo=UTC)
    stamps = [write(start + timedelta(minutes=5 * i)) for i in range(4)]
    expected = [ns("2024-01-22 14:30:00") + i * 300 * 10**9 for i in range(4)]
    assert closes(stamps, stamp="close", zone="UTC").tolist() == expected


def test_days_and_months_that_cannot_be_told_apart_are_refused():
    with pytest.raises(DataError, match="Write the year first"):
        closes(["01/02/2024 10:00", "02/02/2024 10:00"], stamp="close", zone="UTC")


def test_a_date_and_a_time_of_day_apart_are_joined():
    frame = pl.DataFrame(
        {"<DATE>": ["2024.01.02"] * 3, "<TIME>": ["14:30", "14:31", "14:32"], "close": [1.0, 1.1, 1.2]}
    )
    t = read(frame, stamp="close", zone="UTC").panel.bars[0].t
    assert t[0] == FIRST
    assert np.all(np.diff(t) == 60 * 10**9)


def test_a_bar_stamped_with_its_open_is_known_one_interval_later():
    assert closes(MINUTES, stamp="close", zone="UTC")[0] == FIRST
    assert closes(MINUTES, stamp="open", zone="UTC")[0] == FIRST + 60 * 10**9
    assert closes(MINUTES, name="open_time", zone="UTC")[0] == FIRST + 60 * 10**9
    assert closes(MINUTES, name="open_time_utc")[0] == FIRST + 60 * 10**9


def test_the_interval_is_the_median_step_unless_it_is_said():
    missing = [MINUTES[0], MINUTES[1], MINUTES[2], MINUTES[4]]
    assert closes(missing, stamp="open", zone="UTC")[-1] == FIRST + 5 * 60 * 10**9
    assert closes(MINUTES[:1], stamp="open", zone="UTC", interval="5m")[0] == FIRST + 300 * 10**9


def test_the_short_last_bar_of_a_session_closes_at_the_next_open():
    opens = [f"2024-01-{day:02} {clock}:00" for day in (2, 3, 4) for clock in ("09:30", "10:30", "11:30", "12:00")]
    t = closes(opens, stamp="open", zone="UTC")
    assert t[2] == ns("2024-01-02 12:00:00")
    assert t[3] == ns("2024-01-02 13:00:00")


def test_the_last_millisecond_of_a_bar_is_its_close():
    ends = [ns(text) // 10**6 + 59_999 for text in MINUTES]
    assert closes(ends, name="close_time")[0] == FIRST + 60 * 10**9


def test_both_opens_and_closes_known_the_closes_count():
    frame = pl.DataFrame({"open_time": MINUTES[:-1], "close_time": MINUTES[1:], "close": [1.0, 2.0, 3.0, 4.0]})
    assert read(frame, zone="UTC").panel.bars[0].t[0] == FIRST + 60 * 10**9


DATES = ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"]
"""New York's clocks go forward on 10 March: its day ends at 05:00 UTC before and at 04:00 UTC after."""


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ({"stamp": "close"}, "2024-03-08 05:00:00", "2024-03-13 04:00:00"),
        ({"stamp": "close", "session_close": "16:00"}, "2024-03-07 21:00:00", "2024-03-12 20:00:00"),
        ({"stamp": "open"}, "2024-03-08 05:00:00", "2024-03-13 04:00:00"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "date", "midnight", "aware"])
def test_a_session_date_is_never_known_before_its_session_ends(kind, options, first, last):
    stamps = {
        "text": DATES,
        "date": [datetime.fromisoformat(text).date() for text in DATES],
        "midnight": [datetime.fromisoformat(text) for text in DATES],
        "aware": pl.Series(
            [datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")) for text in DATES]
        ),
    }[kind]
    t = closes(stamps, zone="America/New_York", **options)
    assert (t[0], t[-1]) == (ns(first), ns(last))


def test_dates_need_a_zone_and_a_meaning_too():
    with pytest.raises(DataError, match="stamp: open or stamp: close"):
        closes(DATES, zone="UTC")
    with pytest.raises(DataError, match="zone: UTC"):
        closes(DATES, stamp="close")


def test_a_session_close_is_for_dates_and_must_be_a_time_of_day():
    with pytest.raises(DataError, match="have a time of day"):
        closes(MINUTES, stamp="close", zone="UTC", session_close="16:00")
    for text in ("4pm", "25:00", "24:30", "16:75"):
        with pytest.raises(DataError, match="session_close"):
            closes(DATES, stamp="close", zone="UTC", session_close=text)


def test_a_pandas_index_in_a_zone_needs_no_word_about_the_zone():
    index = pd.date_range("2024-03-07", periods=5, tz="America/New_York", name="Date")
    frame = pd.DataFrame({"Close": np.arange(1.0, 6)}, index=index)
    assert read(frame, stamp="close").panel.bars[0].t[0] == ns("2024-03-08 05:00:00")


def wall(start: str, zone: str, count: int, minutes: int) -> list[str]:
    moments = [datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(minutes=minutes * i) for i in range(count)]
    return [moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S") for moment in moments]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe"])
@pytest.mark.parametrize("minutes", [1, 15, 30])
def test_an_hour_that_comes_twice_is_told_by_the_order_of_rows(zone, minutes):
    for start in ("2024-11-03 03:00:00", "2024-10-26 22:00:00", "2024-04-06 12:00:00", "2024-03-10 05:00:00"):
        count = 480 // minutes
        t = closes(wall(start, zone, count, minutes), stamp="close", zone=zone)
        np.testing.assert_array_equal(t, ns(start) + np.arange(count) * minutes * 60 * 10**9)


def test_an_hour_that_comes_twice_but_was_written_once_is_refused_with_its_rows():
    stamps = ["2024-11-03 00:00:00", "2024-11-03 01:00:00", "2024-11-03 02:00:00", "2024-11-03 03:00:00"]
    with pytest.raises(DataError, match=r"clock shows twice in 1 row \(row 1\)"):
        closes(stamps, stamp="close", zone="America/New_York")


def test_an_hour_that_never_was_is_refused_with_its_row():
    stamps = ["2024-03-10 01:00:00", "2024-03-10 02:00:00", "2024-03-10 03:00:00"]
    with pytest.raises(DataError, match=r"clock skips in 1 row \(row 1\)"):
        closes(stamps, stamp="close", zone="America/New_York")


def test_stamps_with_and_without_an_offset_do_not_mix():
    stamps = [*(text + "+00:00" for text in MINUTES[:4]), MINUTES[4]]
    with pytest.raises(DataError, match=r"without an offset, unlike the others, in 1 row \(row 4\)"):
        closes(stamps, stamp="close")
    assert closes(stamps, stamp="close", zone="UTC", on_error="drop").tolist() == [
        FIRST + i * 60 * 10**9 for i in range(4)
    ]


def test_offsets_that_change_with_the_season_are_moments_all_the_same():
    frame = pl.DataFrame({"time": ["2024-03-10 01:59:00-05:00", "2024-03-10 03:00:00-04:00"], "close": [1.0, 1.0]})
    assert np.diff(read(frame, stamp="close").panel.bars[0].t) == 60 * 10**9


def test_a_stamp_that_cannot_be_read_is_refused_with_its_row():
    with pytest.raises(DataError, match=r"cannot be read in 2 rows \(rows 1, 3\)"):
        closes([MINUTES[0], "yesterday", MINUTES[2], "2024-02-31 10:00:00", MINUTES[4]], stamp="close", zone="UTC")
    with pytest.raises(DataError, match="no stamp"):
        closes(["a", "b"], stamp="close", zone="UTC")


@pytest.mark.parametrize("said", ["5m", "30s"])
def test_an_interval_that_is_not_that_of_the_stamps_is_refused(said):
    # A length that is too short would call a bar known while it is still open.
    with pytest.raises(DataError, match=f"interval: {said} was said, but the median step of the stamps is 1m"):
        closes(MINUTES, stamp="open", zone="UTC", interval=said)


def test_rare_trading_may_leave_most_minutes_out():
    stamps = [f"2024-01-02 14:{minute:02}:00" for minute in (30, 34, 35, 39, 45, 51)]
    assert closes(stamps, stamp="open", zone="UTC", interval="1m")[0] == FIRST + 60 * 10**9


def test_one_stamp_of_an_open_does_not_say_when_its_bar_closes():
    with pytest.raises(DataError, match="Say interval"):
        closes(MINUTES[:1], stamp="open", zone="UTC")
    assert closes(MINUTES[:1], stamp="close", zone="UTC")[0] == FIRST
