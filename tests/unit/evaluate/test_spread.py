"""Spreads of metrics over seeds, folds and time."""

import numpy as np
import pytest
from scipy.signal import lfilter

from candlewick.core.errors import DataError
from candlewick.evaluate import spread as spread_module
from candlewick.evaluate.backtest import backtest, portfolio
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.metrics import METRICS
from candlewick.evaluate.spread import Forecasts, forecast_spread, track_spread
from candlewick.evaluate.statistics import groups
from candlewick.evaluate.track import Track, Trades


def forecasts(rng, noise, n=600, instruments=1, truth=None):
    t = np.repeat(np.arange(n // instruments), instruments)
    truth = rng.standard_normal(n) if truth is None else truth
    return Forecasts(t, t * 3 // (t[-1] + 1), truth, truth + noise * rng.standard_normal(n))


def test_score_is_the_mean_over_seeds_and_folds_are_told_apart(rng):
    truth = rng.standard_normal(600)
    by_seed = {seed: forecasts(rng, noise, truth=truth) for seed, noise in ((0, 0.5), (1, 1.0), (2, 1.5))}
    by_seed[2].value[400:] += 5.0
    spread = forecast_spread(METRICS.build("mae"), by_seed, seed=1)
    singles = [METRICS.build("mae").score(one.truth, one.value) for one in by_seed.values()]
    assert spread.score == pytest.approx(np.mean(singles))
    assert list(spread.by_seed.values()) == pytest.approx(singles)
    assert spread.over_seeds == pytest.approx(np.std(singles, ddof=1))
    assert set(spread.by_fold) == {0, 1, 2}
    assert spread.by_fold[2] > 1.5 * spread.by_fold[0]
    assert spread.interval.low < spread.score < spread.interval.high


@pytest.mark.parametrize("name", ["rmse", "hit_rate", "information_coefficient"])
def test_rows_of_one_time_are_resampled_together(rng, name):
    # Four instruments that move as one hold no more evidence than one of them.
    alone = forecasts(rng, 1.0, n=400)
    four = Forecasts(*(np.repeat(column, 4) for column in (alone.t, alone.fold, alone.truth, alone.value)))
    single, copied = (forecast_spread(METRICS.build(name), {0: one}, seed=1).interval for one in (alone, four))
    assert copied.estimate == pytest.approx(single.estimate)
    assert (copied.high - copied.low) / (single.high - single.low) == pytest.approx(1.0, abs=0.15)


def test_one_seed_has_no_deviation(rng):
    spread = forecast_spread(METRICS.build("mae"), {0: forecasts(rng, 1.0)}, seed=1)
    assert np.isnan(spread.over_seeds)
    assert spread.over_folds > 0
    with pytest.raises(DataError, match="at least one seed"):
        forecast_spread(METRICS.build("mae"), {}, seed=1)


def made_track(rng, n=900):
    close = 100 * np.exp(np.cumsum(rng.normal(2e-4, 0.01, n)))
    account = backtest(np.arange(n), rng.choice([-1.0, 0.0, 1.0], n), None, close, costs=Costs(), fill="next_close")
    return portfolio([account], bars_per_year=252.0)


@pytest.mark.parametrize(
    "name", ["sharpe", "annual_return", "maximum_drawdown", "turnover", "win_rate", "profit_factor"]
)
def test_trading_metrics_have_intervals_and_folds(rng, name):
    metric, track = METRICS.build(name), made_track(rng)
    spread = track_spread(metric, {0: track}, seed=1, fold=np.arange(900) // 300)
    assert spread.score == pytest.approx(metric.score(track))
    assert spread.interval.low < spread.interval.high
    assert set(spread.by_fold) == {0, 1, 2}


def ar(rng, n, persistence=0.7):
    return lfilter([1.0], [1.0, -persistence], rng.standard_normal(n))


def long_forecasts(rng, n):
    truth = ar(rng, n)
    t = np.arange(n)
    return Forecasts(t, np.zeros(n, dtype=np.int64), truth, 0.8 * truth + ar(rng, n))


def bare_track(returns):
    zeros, none = np.zeros(len(returns)), np.empty(0, dtype=np.int64)
    t = np.arange(len(returns))
    return Track(t, returns, zeros, np.abs(returns), zeros, Trades(none, none, none, none, zeros[:0], zeros[:0]), 252.0)


def width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize("name", ["rmse", "information_coefficient"])
def test_grouped_rows_give_the_interval_of_single_ones(rng, monkeypatch, name):
    metric, made = METRICS.build(name), long_forecasts(rng, 20_000)
    grouped = forecast_spread(metric, {0: made}, seed=1).interval
    monkeypatch.setattr(groups, "MOST_GROUPS", 20_000)
    single = forecast_spread(metric, {0: made}, seed=1).interval
    assert width(grouped) / width(single) == pytest.approx(1.0, abs=0.1)
    assert grouped.low == pytest.approx(single.low, abs=0.1 * width(single))


@pytest.mark.parametrize("name", ["sharpe", "sortino", "annual_return", "turnover", "maximum_drawdown"])
def test_grouped_bars_give_the_interval_of_single_ones(rng, monkeypatch, name):
    metric, made = METRICS.build(name), bare_track(2e-4 + 0.004 * ar(rng, 20_000, 0.3))
    grouped = track_spread(metric, {0: made}, seed=1).interval
    monkeypatch.setattr(groups, "MOST_GROUPS", 20_000)
    single = track_spread(metric, {0: made}, seed=1).interval
    assert width(grouped) / width(single) == pytest.approx(1.0, abs=0.25 if name == "maximum_drawdown" else 0.12)


def test_long_series_are_never_drawn_row_by_row(rng, monkeypatch):
    drawn = []
    whole = spread_module.interval
    monkeypatch.setattr(
        spread_module, "interval", lambda score, rows, **how: drawn.append(len(rows)) or whole(score, rows, **how)
    )
    made, track = long_forecasts(rng, 300_000), bare_track(0.01 * rng.standard_normal(300_000))
    scored = []
    for name in ("rmse", "information_coefficient"):
        metric = METRICS.build(name)
        monkeypatch.setattr(type(metric), "score", lambda *_: scored.append(1) or 0.0)
        forecast_spread(metric, {0: made}, seed=1)
    for name in ("sharpe", "maximum_drawdown"):
        metric = METRICS.build(name)
        monkeypatch.setattr(type(metric), "score", lambda *_: scored.append(1) or 0.0)
        track_spread(metric, {0: track}, seed=1)
    assert drawn == [groups.MOST_GROUPS] * 4
    assert len(scored) == 6  # each whole once, and forecasts once more for their one fold


def test_a_track_without_trades_has_no_interval_of_them(rng):
    found = track_spread(METRICS.build("win_rate"), {0: bare_track(0.01 * rng.standard_normal(100))}, seed=1)
    assert np.isnan(found.score)
    assert np.isnan(found.interval.low)


def test_a_fold_counts_its_own_trades_only(rng):
    track = made_track(rng)
    fold = np.arange(900) // 300
    spread = track_spread(METRICS.build("win_rate"), {0: track}, seed=1, fold=fold)
    early = track.trades.profit[track.trades.entry < 300]
    assert spread.by_fold[0] == pytest.approx(np.mean(early > 0))
