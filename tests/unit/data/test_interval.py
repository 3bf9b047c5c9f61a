import numpy as np
import pytest

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import ConfigError, DataError
from candlewick.data.interval import bars_per_year, format_duration, parse_duration

HOUR = 3_600 * 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("5m", 300 * 10**9),
        ("15 min", 900 * 10**9),
        ("1h30m", 5_400 * 10**9),
        ("1D", NS_PER_DAY),
        ("250ms", 250 * 10**6),
    ],
)
def test_lengths_of_time_are_read(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "5", "m", "5 parsecs", "0s", "-5m", "5m!", "1.5h"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ConfigError, match="length of time"):
        parse_duration(text)


@pytest.mark.parametrize(("ns", "text"), [(7 * NS_PER_DAY, "1w"), (10 * NS_PER_DAY, "10d"), (90 * 10**9, "1m30s")])
def test_lengths_of_time_are_written_short(ns, text):
    assert format_duration(ns) == text
    assert format_duration(-ns) == f"-{text}"


def sessions(weeks: int, bars_a_day: int) -> np.ndarray:
    days = np.add.outer(7 * np.arange(weeks), np.arange(5)).ravel() * NS_PER_DAY
    return (days[:, None] + 14 * HOUR + 60 * 10**9 * np.arange(1, bars_a_day + 1)).ravel()


@pytest.mark.parametrize("weeks", [2, 3, 10, 200])
def test_a_year_of_sessions_does_not_depend_on_where_in_a_week_the_data_ends(weeks):
    expected = 390 * 5 * 365.2425 / 7
    assert bars_per_year(sessions(weeks, 390)) == pytest.approx(expected, rel=1e-9)
    assert bars_per_year(sessions(weeks, 390)[1_000:]) == pytest.approx(expected, rel=0.001 if weeks > 2 else 0.3)


def test_round_the_clock_minutes_have_all_minutes_of_the_year():
    assert bars_per_year(np.arange(100) * 60 * 10**9) == pytest.approx(365.2425 * 1440)


def test_one_stamp_makes_no_rate():
    with pytest.raises(DataError, match="two stamps"):
        bars_per_year(np.array([1]))
