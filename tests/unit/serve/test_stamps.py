"""Moments as people and files write them."""

import pytest

from candlewick.core.clock import NS_PER_DAY, NS_PER_SECOND
from candlewick.core.errors import DataError
from candlewick.serve.stamps import moment

DAY = 1_795_737_600 * NS_PER_SECOND  # 2026-11-27


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-27", 0), ("2026-11-27T00:00Z", 0), ("2026-11-27 14:03:07", 50_587 * 10**9),
        ("2026-11-27T14:03:07.123456789Z", 50_587_123_456_789), ("2026-11-27T14:03:07,5Z", 50_587_500_000_000),
        ("2026-11-27T15:03:07+01:00", 50_587 * 10**9), ("2026-11-27T09:03:07-0500", 50_587 * 10**9),
        ("2026-11-27T14:03:07 UTC", 50_587 * 10**9), (str(DAY + 7), 7),
    ],
)  # fmt: skip
def test_a_moment_is_what_it_says(text, ns):
    assert moment(text) == DAY + ns


def test_a_time_of_day_is_the_last_such_moment():
    now = DAY + 51_000 * NS_PER_SECOND
    assert moment("14:03:07", now=now) == DAY + 50_587 * NS_PER_SECOND
    assert moment("14:30", now=now) == DAY + 52_200 * NS_PER_SECOND - NS_PER_DAY


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-11-27T25:00Z", "1.5", "-5", "14:03:07", "1" * 30, "٣"]
)
def test_what_is_none_is_refused(text):
    with pytest.raises(DataError, match="a moment is ns"):
        moment(text)


def test_a_time_of_day_that_there_is_not_is_refused():
    with pytest.raises(DataError, match="a time of day"):
        moment("25:00", now=DAY)
