"""Positions that policies take."""

import numpy as np
import pytest

from candlewick.core.errors import DataError
from candlewick.evaluate.policies import POLICIES
from candlewick.evaluate.policies._base import benchmark_targets

NAN = np.nan


def targets(entry, value, probabilities=None, bars_per_year=252.0):
    return POLICIES.build(entry).targets(np.asarray(value, dtype=float), probabilities, bars_per_year=bars_per_year)


def test_volatility_target_holds_less_when_more_is_forecast():
    daily = np.array([0.01, 0.02, 0.001]) ** 2
    wanted = targets({"name": "volatility_target", "target": 0.16, "band": 0.0, "max_leverage": 2.0}, daily)
    np.testing.assert_allclose(wanted, [0.16 / (0.01 * np.sqrt(252)), 0.16 / (0.02 * np.sqrt(252)), 2.0])


def test_volatility_target_uses_the_bars_of_this_market():
    daily = targets({"name": "volatility_target", "band": 0.0}, [1e-4], bars_per_year=252.0)
    hourly = targets({"name": "volatility_target", "band": 0.0}, [1e-4 / 24], bars_per_year=252.0 * 24)
    np.testing.assert_allclose(daily, hourly)


def test_volatility_target_reaches_its_volatility(rng):
    variance = np.exp(rng.normal(-9.5, 0.8, 50_000))
    wanted = targets({"name": "volatility_target", "target": 0.1, "band": 0.0, "max_leverage": 100.0}, variance)
    returns = wanted * rng.normal(0, np.sqrt(variance))
    assert returns.std() * np.sqrt(252) == pytest.approx(0.1, rel=0.02)


def test_a_variance_that_is_not_positive_is_refused():
    with pytest.raises(DataError, match="positive variance"):
        targets("volatility_target", [1e-4, 0.0])


def test_a_band_saves_orders_and_no_band_saves_none(rng):
    value = rng.normal(0, 0.01, 500)

    def orders(band):
        return np.count_nonzero(np.diff(targets({"name": "proportional", "full_at": 0.1, "band": band}, value)))

    assert orders(0.0) == 499
    assert 50 < orders(0.15) < 400


def test_a_band_follows_once_the_step_is_large_enough_and_always_to_zero():
    wanted = targets({"name": "proportional", "full_at": 1.0, "band": 0.2}, [0.5, 0.6, 0.65, 0.75, NAN, 0.8, 0.1, 0.0])
    np.testing.assert_allclose(wanted, [0.5, 0.5, 0.5, 0.75, NAN, 0.75, 0.1, 0.0])


def test_threshold_stays_out_between_and_can_be_kept_from_selling_short():
    value = [0.02, 0.01, 0.0, -0.02]
    np.testing.assert_array_equal(targets({"name": "threshold", "above": 0.01, "size": 0.5}, value), [0.5, 0, 0, -0.5])
    np.testing.assert_array_equal(targets({"name": "threshold", "above": 0.01, "short": False}, value), [1, 0, 0, 0])


def test_classes_are_traded_by_up_less_down():
    chances = np.array([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.3, 0.4, 0.3]])
    value = chances.argmax(1).astype(float)
    np.testing.assert_array_equal(targets({"name": "threshold", "above": 0.1}, value, chances), [1, -1, 0])
    np.testing.assert_allclose(
        targets({"name": "proportional", "full_at": 1.0, "band": 0.0}, value, chances), [0.6, -0.4, 0.0], atol=1e-15
    )


def test_benchmarks_begin_with_the_policys_first_decision():
    policy = np.array([NAN, 0.3, NAN, 0.7])
    np.testing.assert_array_equal(benchmark_targets("buy_and_hold", policy), [NAN, 1, 1, 1])
    np.testing.assert_array_equal(benchmark_targets("flat", policy), [NAN, 0, 0, 0])
