"""Metric tables: every metric of every model, with an interval and the spread over seeds and folds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from candlewick.evaluate import spread
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.verdict.words import plain
from candlewick.lab.gather import Forecasts, UnitForecast, by_seed
from candlewick.lab.trade import Traded
from candlewick.samples.dataset import Dataset


def forecast_rows(
    forecasts: Forecasts, data: Dataset, metrics: Sequence[ForecastMetric], *, seed: int
) -> list[dict[str, Any]]:
    """One row a model and metric: score, interval, by seed and by fold."""
    by_model = {model: {seed: _joined(own, data) for seed, own in by_seed(parts)} for model, parts in forecasts.items()}
    return [
        _row(model, metric, spread.forecast_spread(metric, seeds, seed=seed))
        for metric in metrics
        for model, seeds in by_model.items()
    ]


def trading_rows(
    traded: Traded, forecasts: Forecasts, data: Dataset, metrics: Sequence[TradingMetric], *, seed: int
) -> list[dict[str, Any]]:
    """One row a model and metric, the policy's benchmark last under the name `benchmark`."""
    fold = _fold_of_bars(next(iter(forecasts.values())), data, traded.benchmark.t)
    tracks = {model: traded.by_seed(model) for model in traded.tracks} | {"benchmark": {0: traded.benchmark}}
    return [
        _row(model, metric, spread.track_spread(metric, seeds, seed=seed, fold=fold))
        for metric in metrics
        for model, seeds in tracks.items()
    ]


def _row(model: str, metric: ForecastMetric | TradingMetric, found: spread.Spread) -> dict[str, Any]:
    row = {
        "model": model, "metric": metric.spec_name(), "direction": metric.direction, "units": metric.units,
        "over_seeds": found.over_seeds, "over_folds": found.over_folds, **asdict(found),
    }  # fmt: skip
    return dict(plain(row))


def _joined(parts: Sequence[UnitForecast], data: Dataset) -> spread.Forecasts:
    index = np.concatenate([part.index for part in parts])
    probabilities = [part.belief.probabilities for part in parts if part.belief.probabilities is not None]
    return spread.Forecasts(
        t=data.t[index],
        fold=np.concatenate([np.full(len(part.index), part.unit.fold) for part in parts]),
        truth=data.y[index],
        value=np.concatenate([part.belief.value for part in parts]),
        probabilities=np.concatenate(probabilities) if probabilities else None,
    )


def _fold_of_bars(parts: Sequence[UnitForecast], data: Dataset, t: np.ndarray) -> np.ndarray | None:
    """The fold whose test began last before each bar; None where folds share moments (combinatorial splits)."""
    _, own = next(by_seed(parts))
    spans = sorted((data.t[part.index].min(), data.t[part.index].max(), part.unit.fold) for part in own)
    first, last, fold = (np.array(column) for column in zip(*spans, strict=True))
    if np.any(first[1:] <= last[:-1]):
        return None
    return np.asarray(fold[np.maximum(np.searchsorted(first, t, side="right") - 1, 0)])
