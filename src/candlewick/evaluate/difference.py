"""Paired differences: how much one model's metric exceeds another's, resampled at the same times for both."""

from collections.abc import Mapping

import numpy as np

from candlewick.core.errors import DataError
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.spread import Forecasts, drawn_score, drawn_track_score, time_groups
from candlewick.evaluate.statistics.bootstrap import Interval, block_length, checked_rows, interval
from candlewick.evaluate.statistics.groups import group_means, group_size, group_starts
from candlewick.evaluate.track import Track

RESAMPLES = 500


def forecast_difference(
    metric: ForecastMetric, first: Mapping[int, Forecasts], second: Mapping[int, Forecasts], *, seed: int
) -> Interval:
    """Interval of `first` minus `second`, each the mean of its seeds' scores; rows of one time are drawn together.

    Every seed's forecasts are in time order and of the same rows. Long series are resampled in groups, as spreads are.

    Raises:
        DataError: the two were not made for the same times and labels.
    """
    reference = next(iter(first.values()))
    for part in (*first.values(), *second.values()):
        same = np.array_equal(part.t, reference.t) and np.array_equal(part.truth, reference.truth)
        if not same or np.any(np.diff(part.t) < 0):
            raise DataError(
                "only forecasts of the same rows in time order can be compared. Run both with the same data and split."
            )
    starts, size = time_groups(reference.t)
    scores = [
        [drawn_score(metric, part, starts, whole=size == 1) for part in side.values()] for side in (first, second)
    ]

    def difference(positions: np.ndarray) -> float:
        one, other = (float(np.mean([score(positions) for score in side])) for side in scores)
        return one - other

    errors = [np.mean([part.value for part in side.values()], axis=0) - reference.truth for side in (first, second)]
    block = block_length(np.add.reduceat(errors[0] ** 2 - errors[1] ** 2, starts))
    positions = np.arange(len(starts), dtype=float)
    return interval(difference, positions, seed=seed, block=block, resamples=RESAMPLES, size=size)


def track_difference(metric: TradingMetric, first: Track, second: Track, *, seed: int) -> Interval:
    """Interval of a metric of returns, `first` minus `second`, over the same bars.

    Raises:
        DataError: the tracks cover different bars, or the metric reads trades, which have no common times.
    """
    if metric.reads == "trades" or not np.array_equal(first.t, second.t):
        raise DataError("only metrics of returns over the same bars have a paired difference.")
    sides = [checked_rows(np.column_stack([track.returns, track.traded])) for track in (first, second)]
    starts = group_starts(len(first))
    one, other = (drawn_track_score(metric, *side, starts) for side in zip((first, second), sides, strict=True))
    block = block_length(group_means(np.column_stack(sides), starts))

    def difference(positions: np.ndarray) -> float:
        return one(positions) - other(positions)

    positions = np.arange(len(starts), dtype=float)
    size = group_size(len(first))
    return interval(difference, positions, seed=seed, block=block, resamples=RESAMPLES, size=size)
