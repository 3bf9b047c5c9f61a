"""The clock: exact nanoseconds, printed as people write them."""

import time

import pytest

from candlewick.core import clock


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
    ],
)
def test_stamps_are_printed_to_the_nanosecond(t: int, text: str) -> None:
    assert clock.iso(t) == text


def test_now_is_now() -> None:
    assert abs(clock.now_ns() - time.time_ns()) < 5 * clock.NS_PER_SECOND
    before = clock.elapsed_s()
    assert clock.elapsed_s() >= before


def test_sleeping_takes_that_long_and_never_fails_for_the_past() -> None:
    before = clock.elapsed_s()
    clock.sleep_s(0.02)
    clock.sleep_s(-5.0)
    assert 0.02 <= clock.elapsed_s() - before < 2.0
