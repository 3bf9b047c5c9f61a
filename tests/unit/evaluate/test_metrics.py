"""Metrics against values worked out by hand or by other libraries."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import log_loss

from candlewick.core.errors import DataError
from candlewick.evaluate.metrics import METRICS
from candlewick.evaluate.metrics.maximum_drawdown import deepest
from candlewick.evaluate.track import Track, Trades


def score(name, *arrays, **parameters):
    return METRICS.build({"name": name, **parameters}).score(*(np.asarray(array, dtype=float) for array in arrays))


def track(returns, profits=(), *, gross=None, traded=None, bars_per_year=252.0):
    returns, profits = np.asarray(returns, dtype=float), np.asarray(profits, dtype=float)
    t, stamps = np.arange(len(returns)), np.zeros(len(profits), dtype=np.int64)
    trades = Trades(stamps, stamps, stamps, stamps, profits if gross is None else np.asarray(gross), profits)
    flow = np.zeros(len(returns)) if traded is None else np.asarray(traded)
    return Track(t, returns, np.ones(len(returns)), flow, flow * 0, trades, bars_per_year)


def judged(name, *arguments, **how):
    return METRICS.build(name).score(track(*arguments, **how))


def test_rmse_and_mae_weigh_misses_as_their_names_say():
    truth, value = [0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, 3.0]
    assert score("rmse", truth, value) == pytest.approx(np.sqrt(3.0))
    assert score("mae", truth, value) == pytest.approx(1.5)


def test_qlike_differs_from_its_normalised_form_by_what_no_forecast_changes(rng):
    truth = rng.gamma(2.0, 1e-4, 500)
    forecasts = [truth * np.exp(rng.normal(0, 0.3, 500)), np.full(500, truth.mean())]
    normalised = [np.mean(truth / h - np.log(truth / h) - 1) for h in forecasts]
    reported = [score("qlike", truth, h) for h in forecasts]
    assert reported[0] - reported[1] == pytest.approx(normalised[0] - normalised[1], abs=1e-12)
    assert reported[0] - normalised[0] == pytest.approx(np.mean(np.log(truth)) + 1)


def test_qlike_is_least_at_the_mean_even_of_a_noisy_truth(rng):
    noisy = 2.0 * rng.chisquare(1, 200_000)
    losses = {h: score("qlike", noisy, np.full(len(noisy), h)) for h in (1.6, 2.0, 2.4)}
    assert min(losses, key=losses.get) == 2.0


def test_qlike_is_finite_for_a_bar_that_did_not_move():
    assert np.isfinite(score("qlike", [0.0, 1e-4], [1e-4, 1e-4]))


@pytest.mark.parametrize(("truth", "value"), [([1e-4], [0.0]), ([1e-4], [-1e-4]), ([-1e-4], [1e-4])])
def test_qlike_refuses_what_is_no_variance(truth, value):
    with pytest.raises(DataError, match="never negative"):
        score("qlike", truth, value)


def test_information_coefficient_equals_spearman_with_ties(rng):
    truth, value = np.round(rng.normal(size=300), 1), np.round(rng.normal(size=300), 1)
    assert score("information_coefficient", truth, value) == pytest.approx(spearmanr(truth, value).statistic)


def test_information_coefficient_of_a_constant_forecast_is_undefined(rng):
    assert np.isnan(score("information_coefficient", rng.normal(size=50), np.zeros(50)))


def test_hit_rate_does_not_count_bars_that_did_not_move():
    assert score("hit_rate", [0.1, -0.1, 0.0, 0.2], [0.5, 0.5, 0.5, 0.0]) == pytest.approx(1 / 3)
    assert np.isnan(score("hit_rate", [0.0, 0.0], [1.0, -1.0]))


def test_class_scores_against_other_libraries(rng):
    probabilities = rng.dirichlet(np.ones(3), 400)
    truth = rng.integers(0, 3, 400)
    assert score("log_loss", truth, truth, probabilities) == pytest.approx(log_loss(truth, probabilities))
    assert score("hit_rate", truth, truth, probabilities) == pytest.approx(np.mean(probabilities.argmax(1) == truth))
    two = np.column_stack([1 - probabilities[:, 0], probabilities[:, 0]])
    binary = (truth == 1).astype(float)
    assert score("brier", binary, binary, two) == pytest.approx(np.mean((two[:, 1] - binary) ** 2))


def test_one_certain_miss_does_not_make_the_log_loss_infinite():
    assert np.isfinite(score("log_loss", [0.0], [1.0], [[0.0, 1.0]]))


def test_calibration_error_is_small_for_honest_and_large_for_boastful_probabilities(rng):
    up = rng.uniform(0, 1, 20_000)
    truth = (rng.uniform(0, 1, 20_000) < up).astype(float)
    boast = np.where(up > 0.5, 0.99, 0.01)
    assert score("calibration_error", truth, truth, np.column_stack([1 - up, up])) < 0.02
    assert score("calibration_error", truth, truth, np.column_stack([1 - boast, boast])) > 0.2


@pytest.mark.parametrize(
    ("truth", "probabilities", "words"),
    [
        ([0.0, 1.0], None, "probability of every class"),
        ([0.0, 2.0], [[0.5, 0.5], [0.5, 0.5]], r"0 \.\. 1"),
        ([0.0, 0.5], [[0.5, 0.5], [0.5, 0.5]], "whole numbers"),
        ([0.0, 1.0], [[0.5, 0.6], [0.5, 0.5]], "sum to 1"),
        ([0.0, 1.0], [[1.5, -0.5], [0.5, 0.5]], "0 .. 1"),
    ],
)
def test_probabilities_that_are_none_are_refused(truth, probabilities, words):
    with pytest.raises(DataError, match=words):
        METRICS.build("brier").score(np.array(truth), np.array(truth), probabilities and np.array(probabilities))


def test_sharpe_and_sortino_by_hand():
    returns = [0.02, -0.01, 0.03, 0.0]
    assert judged("sharpe", returns) == pytest.approx(0.01 / np.std(returns, ddof=1) * np.sqrt(252))
    assert judged("sortino", returns) == pytest.approx(0.01 / np.sqrt(1e-4 / 4) * np.sqrt(252))


def test_sharpe_does_not_depend_on_leverage_and_drawdown_does(rng):
    returns = rng.normal(1e-3, 0.01, 500)
    assert judged("sharpe", 3 * returns) == pytest.approx(judged("sharpe", returns))
    assert judged("maximum_drawdown", 3 * returns) > 2 * judged("maximum_drawdown", returns)


def test_annual_return_compounds():
    assert judged("annual_return", [0.1, 0.1], bars_per_year=1.0) == pytest.approx(0.1)
    assert judged("annual_return", [0.1, 0.1], bars_per_year=4.0) == pytest.approx(1.1**4 - 1)
    assert judged("annual_return", [0.5, -1.0, 0.0]) == -1.0


def test_drawdown_knows_its_length_and_recovery():
    fall = deepest(track([0.1, -0.2, -0.1, 0.2, 0.3, -0.05]))
    assert fall.depth == pytest.approx(1 - 0.8 * 0.9)
    assert (fall.peak, fall.trough, fall.recovery) == (0, 2, 4)
    assert (fall.bars_down, fall.bars_to_recover, fall.bars) == (2, 2, 4)


def test_drawdown_from_the_money_put_in_that_never_came_back():
    fall = deepest(track([-0.1, -0.1, 0.05]))
    assert fall.depth == pytest.approx(0.19)
    assert (fall.peak, fall.trough, fall.recovery, fall.bars_to_recover, fall.bars) == (None, 1, None, None, 3)


def test_drawdown_of_a_rise_is_nothing():
    assert deepest(track([0.1, 0.0, 0.1])).depth == 0.0


def test_trade_metrics_by_hand():
    net, gross = [0.03, -0.01, 0.02, -0.01, -0.001], [0.031, -0.009, 0.021, -0.009, 0.0005]
    assert judged("win_rate", [0.0], net) == pytest.approx(0.4)
    assert judged("profit_factor", [0.0], net) == pytest.approx(0.05 / 0.021)
    assert judged("profit_per_trade", [0.0], net) == pytest.approx(0.029 / 5)
    # The last trade was right about the market and lost to its costs.
    assert judged("false_signal_share", [0.0], net, gross=gross) == pytest.approx(0.4)


def test_turnover_is_what_is_traded_in_a_year():
    assert judged("turnover", np.zeros(10), traded=[1.0] + [0.0] * 8 + [1.0], bars_per_year=20.0) == pytest.approx(4.0)


@pytest.mark.parametrize("name", ["win_rate", "profit_factor", "profit_per_trade", "false_signal_share"])
def test_without_trades_there_is_no_figure_of_trades(name):
    assert np.isnan(judged(name, [0.01, 0.02]))


def test_what_is_not_defined_is_nan():
    assert np.isnan(judged("profit_factor", [0.01], [0.01, 0.02]))
    assert np.isnan(judged("sharpe", [0.01]))
    assert np.isnan(judged("sharpe", [0.01] * 9))
    assert np.isnan(judged("sortino", [0.01, 0.02]))


def test_equity_is_the_product_of_returns():
    one = track([0.1, -0.1])
    np.testing.assert_allclose(one.equity, [1.1, 0.99])
    np.testing.assert_allclose(replace(one, returns=np.array([-1.0, 0.5])).equity, [0.0, 0.0])
