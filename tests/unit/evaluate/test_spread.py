"""Spreads of metrics over seeds, folds and time."""

import numpy as np
import pytest

from candlewick.core.errors import DataError
from candlewick.evaluate.backtest import backtest, portfolio
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.metrics import METRICS
from candlewick.evaluate.spread import Forecasts, forecast_spread, track_spread


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


def test_a_fold_counts_its_own_trades_only(rng):
    track = made_track(rng)
    fold = np.arange(900) // 300
    spread = track_spread(METRICS.build("win_rate"), {0: track}, seed=1, fold=fold)
    early = track.trades.profit[track.trades.entry < 300]
    assert spread.by_fold[0] == pytest.approx(np.mean(early > 0))
