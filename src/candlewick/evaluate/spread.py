"""How much a metric varies: over seeds, over folds, and over what the market could have done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from candlewick.core.errors import DataError
from candlewick.core.random import seed_for
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.statistics.bootstrap import Interval, block_length, interval
from candlewick.evaluate.track import Track, Trades

RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Out-of-sample forecasts of one model and one seed, all folds and instruments together.

    Attributes:
        t: int64 (n,), when each was made, ns UTC; instruments repeat it.
        fold: int64 (n,), the fold it was a test row of.
        truth: float64 (n,), the label.
        value: float64 (n,), the point forecast.
        probabilities: float64 (n, classes) for class labels.
    """

    t: np.ndarray
    fold: np.ndarray
    truth: np.ndarray
    value: np.ndarray
    probabilities: np.ndarray | None = None

    def __getitem__(self, rows: np.ndarray) -> "Forecasts":
        """The forecasts of some rows, or of a boolean mask."""
        chances = None if self.probabilities is None else self.probabilities[rows]
        return Forecasts(self.t[rows], self.fold[rows], self.truth[rows], self.value[rows], chances)


@dataclass(frozen=True)
class Spread:
    """One metric of one model.

    Attributes:
        score: mean over seeds of the metric over all folds.
        interval: block bootstrap over time; its ends are means of the seeds' own, so it takes no credit for averaging.
        by_seed: seed -> the metric over all folds.
        by_fold: fold -> mean over seeds of the metric in that fold.
    """

    score: float
    interval: Interval
    by_seed: dict[int, float]
    by_fold: dict[int, float]

    @property
    def over_seeds(self) -> float:
        """Sample deviation over seeds; NaN for a single one."""
        return _deviation(self.by_seed)

    @property
    def over_folds(self) -> float:
        """Sample deviation over folds; NaN for a single one."""
        return _deviation(self.by_fold)


def forecast_spread(metric: ForecastMetric, by_seed: Mapping[int, Forecasts], *, seed: int) -> Spread:
    """The spread of a forecast metric from each seed's forecasts; rows of one time are resampled together.

    Raises:
        DataError: no seeds, or forecasts that the metric refuses.
    """

    def score(forecasts: Forecasts) -> float:
        return metric.score(forecasts.truth, forecasts.value, forecasts.probabilities)

    by_fold = {
        key: {fold: score(part[part.fold == fold]) for fold in np.unique(part.fold).tolist()}
        for key, part in by_seed.items()
    }
    intervals = [_over_times(metric, part, seed_for(seed, "seed", key)) for key, part in by_seed.items()]
    return _spread({key: score(part) for key, part in by_seed.items()}, by_fold, intervals)


def track_spread(
    metric: TradingMetric, by_seed: Mapping[int, Track], *, seed: int, fold: np.ndarray | None = None
) -> Spread:
    """The spread of a trading metric from each seed's track; `fold` int64 (n,) says which fold each bar belongs to.

    Bars are resampled in blocks for metrics of returns, trades for metrics of trades. A trade belongs to the fold of
    its entry. A drawdown of resampled bars keeps short dependence only; read its interval as a rough one.

    Raises:
        DataError: no seeds, or a track that the metric refuses.
    """
    by_fold = {
        key: {}
        if fold is None
        else {part: metric.score(_bars(track, fold == part)) for part in np.unique(fold).tolist()}
        for key, track in by_seed.items()
    }
    intervals = [_over_track(metric, track, seed_for(seed, "seed", key)) for key, track in by_seed.items()]
    return _spread({key: metric.score(track) for key, track in by_seed.items()}, by_fold, intervals)


def _spread(by_seed: dict[int, float], by_fold: Mapping[int, Mapping[int, float]], intervals: list[Interval]) -> Spread:
    if not by_seed:
        raise DataError("a spread needs at least one seed, was none.")
    folds = sorted({fold for scores in by_fold.values() for fold in scores})
    score = float(np.mean(list(by_seed.values())))
    low, high = (float(np.mean([getattr(one, end) for one in intervals])) for end in ("low", "high"))
    return Spread(
        score=score,
        interval=Interval(score, low, high, intervals[0].confidence, max(one.block for one in intervals)),
        by_seed=by_seed,
        by_fold={
            fold: float(np.mean([scores[fold] for scores in by_fold.values() if fold in scores])) for fold in folds
        },
    )


def _deviation(scores: Mapping[int, float]) -> float:
    return float(np.std(list(scores.values()), ddof=1)) if len(scores) > 1 else float("nan")


def _over_times(metric: ForecastMetric, forecasts: Forecasts, seed: int) -> Interval:
    order = np.argsort(forecasts.t, kind="stable")
    forecasts = forecasts[order]
    starts = np.flatnonzero(np.diff(forecasts.t, prepend=forecasts.t[0] - 1))
    rows = metric.rows(forecasts.truth, forecasts.value, forecasts.probabilities)
    if rows is not None:
        counted = ~np.isnan(rows)
        sums = np.column_stack(
            [np.add.reduceat(np.where(counted, rows, 0.0), starts), np.add.reduceat(counted, starts)]
        )
        return interval(lambda drawn: _mean_score(metric, drawn), sums, seed=seed, resamples=RESAMPLES)
    block = block_length(np.add.reduceat(forecasts.truth * forecasts.value, starts))
    positions = np.arange(len(starts), dtype=np.float64)
    return interval(drawn_score(metric, forecasts, starts), positions, seed=seed, resamples=RESAMPLES, block=block)


def _mean_score(metric: ForecastMetric, sums: np.ndarray) -> float:
    total, count = sums.sum(axis=0)
    return metric.of_mean(float(total / count)) if count else float("nan")


def drawn_score(metric: ForecastMetric, forecasts: Forecasts, starts: np.ndarray) -> Callable[[np.ndarray], float]:
    """The metric as a statistic of drawn times: positions in `starts`, where the rows of each time begin."""
    sizes = np.diff(starts, append=len(forecasts.t))

    def score(positions: np.ndarray) -> float:
        drawn = positions.astype(np.int64)
        # All rows of each drawn time, in order: the start of its run, then one further for each of its rows.
        ends = np.cumsum(sizes[drawn])
        rows = np.arange(ends[-1]) + np.repeat(starts[drawn] - ends + sizes[drawn], sizes[drawn])
        part = forecasts[rows]
        return metric.score(part.truth, part.value, part.probabilities)

    return score


def _over_track(metric: TradingMetric, track: Track, seed: int) -> Interval:
    if metric.reads == "trades":
        rows = np.column_stack([track.trades.gross, track.trades.profit])
        return interval(lambda drawn: metric.score(_with_trades(track, drawn)), rows, seed=seed, resamples=RESAMPLES)
    rows = np.column_stack([track.returns, track.traded])
    return interval(lambda drawn: metric.score(with_bars(track, drawn)), rows, seed=seed, resamples=RESAMPLES)


def with_bars(track: Track, rows: np.ndarray) -> Track:
    """The track with other bars: float64 (n, 2), returns and what was traded."""
    return replace(track, returns=rows[:, 0], traded=rows[:, 1])


def _with_trades(track: Track, profits: np.ndarray) -> Track:
    count = len(profits)
    trades = track.trades
    drawn = Trades(trades.entry[:count], trades.exit[:count], trades.side[:count], trades.bars[:count], *profits.T)
    return replace(track, trades=drawn)


def _bars(track: Track, chosen: np.ndarray) -> Track:
    mine = np.isin(track.trades.entry, track.t[chosen])
    trades = Trades(*(getattr(track.trades, field.name)[mine] for field in fields(Trades)))
    return Track(
        t=track.t[chosen],
        returns=track.returns[chosen],
        exposure=track.exposure[chosen],
        traded=track.traded[chosen],
        cost=track.cost[chosen],
        trades=trades,
        bars_per_year=track.bars_per_year,
    )
