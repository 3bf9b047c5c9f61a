"""How much a metric varies: over seeds, over folds, and over what the market could have done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from candlewick.core.errors import DataError
from candlewick.core.random import seed_for
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.statistics.bootstrap import Interval, block_length, checked_rows, interval
from candlewick.evaluate.statistics.groups import drawn_rows, group_means, group_size, group_starts, group_sums
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

    In series of more than `MOST_GROUPS` times it is groups of consecutive ones that are resampled, by their sums.

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

    Of more than `MOST_GROUPS` bars or trades it is groups of consecutive ones that are resampled, by their sums. A
    drawdown follows the equity within each group and from group to group, so that no bar is skipped.

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
    forecasts = forecasts[np.argsort(forecasts.t, kind="stable")]
    starts, size = time_groups(forecasts.t)
    rows = metric.rows(forecasts.truth, forecasts.value, forecasts.probabilities)
    if rows is None:
        block = block_length(np.add.reduceat(forecasts.truth * forecasts.value, starts))
        score = drawn_score(metric, forecasts, starts, whole=size == 1)
    else:
        counted = ~np.isnan(rows)
        block = block_length(group_sums(np.column_stack([np.where(counted, rows, 0.0), counted]), starts))
        score = drawn_score(metric, forecasts, starts, whole=False)
    return interval(score, _positions(starts), seed=seed, resamples=RESAMPLES, block=block, size=size)


def time_groups(t: np.ndarray) -> tuple[np.ndarray, int]:
    """Where groups of rows begin in rows of times `t`, in order, and the times in a group.

    A group is one time, or in series of more than `MOST_GROUPS` times several.
    """
    times = np.flatnonzero(np.diff(t, prepend=t[0] - 1))
    return times[group_starts(len(times))], group_size(len(times))


def drawn_score(
    metric: ForecastMetric, forecasts: Forecasts, starts: np.ndarray, *, whole: bool
) -> Callable[[np.ndarray], float]:
    """The metric as a statistic of drawn groups of rows: positions in `starts`, where each begins.

    It is the metric of all their rows where `whole`, and else made of the groups' sums where the metric has such.
    """
    groups = None if whole else metric.grouped(forecasts.truth, forecasts.value, forecasts.probabilities, starts)

    def of_rows(positions: np.ndarray) -> float:
        part = forecasts[drawn_rows(positions.astype(np.int64), starts, len(forecasts.t))]
        return metric.score(part.truth, part.value, part.probabilities)

    return of_rows if groups is None else lambda positions: metric.of_groups(groups[positions.astype(np.int64)])


def _over_track(metric: TradingMetric, track: Track, seed: int) -> Interval:
    trades = metric.reads == "trades"
    columns = [track.trades.gross, track.trades.profit] if trades else [track.returns, track.traded]
    rows = checked_rows(np.column_stack(columns))
    starts = group_starts(len(rows))
    score = drawn_track_score(metric, track, rows, starts)
    block = block_length(group_means(rows, starts))
    return interval(score, _positions(starts), seed=seed, resamples=RESAMPLES, block=block, size=group_size(len(rows)))


def drawn_track_score(
    metric: TradingMetric, track: Track, rows: np.ndarray, starts: np.ndarray
) -> Callable[[np.ndarray], float]:
    """The metric as a statistic of drawn groups: positions in `starts`, where each begins.

    `rows` is float64 (n, 2), what the metric reads of the track: returns and what was traded of each bar, or profit
    before and after costs of each trade. Groups of one row are scored as tracks, longer ones by their sums.
    """
    groups = metric.grouped(track, starts) if len(starts) < len(rows) else None
    made = _with_trades if metric.reads == "trades" else _with_bars

    def of_rows(positions: np.ndarray) -> float:
        return metric.score(made(track, rows[drawn_rows(positions.astype(np.int64), starts, len(rows))]))

    if groups is None:
        return of_rows
    return lambda positions: metric.of_groups(groups[positions.astype(np.int64)], track.bars_per_year)


def _positions(starts: np.ndarray) -> np.ndarray:
    return np.arange(len(starts), dtype=np.float64)


def _with_bars(track: Track, rows: np.ndarray) -> Track:
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
