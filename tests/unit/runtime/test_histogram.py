"""Quantiles of durations in fixed memory."""

import sys

import numpy as np
import pytest

from candlewick.runtime.histogram import Histogram


def filled(durations):
    times = Histogram()
    for ns in durations:
        times.add(int(ns))
    return times


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99, 0.999])
def test_quantiles_are_right_to_one_percent_from_100_ns_to_a_minute(q):
    durations = np.exp(np.random.default_rng(0).uniform(np.log(100), np.log(6e10), 20_000)).astype(np.int64)
    exact = np.quantile(durations, q, method="inverted_cdf")
    assert filled(durations).quantile(q) == pytest.approx(exact, rel=0.0102)


def test_the_longest_and_the_count_are_exact():
    times = filled([150, 123_456_789, 3_000])
    assert (times.count, times.max) == (3, 123_456_789)
    assert times.quantile(1.0) == pytest.approx(123_456_789, rel=0.01)
    assert times.quantile(1.0) <= times.max


@pytest.mark.parametrize("ns", [0, 1, 99, 10**15])
def test_durations_outside_the_range_are_counted(ns):
    assert filled([ns]).count == 1
    assert filled([ns]).max == ns


def test_merged_is_as_if_all_were_added_to_one():
    first, second = filled([200, 3_000]), filled([5_000, 70_000, 90_000])
    first.merge(second)
    assert first.summary() == filled([200, 3_000, 5_000, 70_000, 90_000]).summary()
    assert second.count == 3


def test_nothing_added_has_no_quantile():
    assert np.isnan(Histogram().quantile(0.5))
    assert Histogram().summary() == {"count": 0}


def test_a_summary_is_in_microseconds():
    summary = filled([1_000] * 99 + [50_000]).summary()
    assert list(summary) == ["count", "p50", "p95", "p99", "p99.9", "max"]
    assert summary["p50"] == pytest.approx(1.0, rel=0.01)
    assert summary["max"] == 50.0


def test_memory_is_fixed():
    empty, full = Histogram(), filled(range(100, 200_000, 7))
    assert sys.getsizeof(full._counts) == sys.getsizeof(empty._counts) < 10_000
