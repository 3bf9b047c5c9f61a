"""Units' forecasts side by side: rows, losses over time, and paths that can be traded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from candlewick.evaluate.metrics import DEFAULT_LOSS, METRICS
from candlewick.evaluate.metrics._base import ForecastMetric
from candlewick.lab.unit import Unit, read_forecasts
from candlewick.labels._base import Kind
from candlewick.models._heads import Belief
from candlewick.samples.dataset import Dataset

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class UnitForecast:
    """What one unit forecast: rows of the dataset and beliefs about them."""

    unit: Unit
    index: np.ndarray
    belief: Belief

    def loss(self, data: Dataset, metric: ForecastMetric) -> np.ndarray:
        """float64 (m,), the metric's rows."""
        rows = metric.rows(data.y[self.index], self.belief.value, self.belief.probabilities)
        assert rows is not None, "the loss of a label kind is a mean over rows"
        return rows


Forecasts = dict[str, list[UnitForecast]]


def collect(units: Sequence[Unit], folder: Path) -> Forecasts:
    """Forecasts of whole units below `folder`, by model, in the order of `units`."""
    found: Forecasts = {}
    for unit in units:
        index, belief = read_forecasts(folder / unit.key)
        found.setdefault(unit.model, []).append(UnitForecast(unit, index, belief))
    return found


def loss_metric(kind: Kind) -> ForecastMetric:
    """The metric that judges forecasts of this kind."""
    metric = METRICS.build(DEFAULT_LOSS[kind])
    assert isinstance(metric, ForecastMetric)
    return metric


def losses_over_time(forecasts: Forecasts, data: Dataset, metric: ForecastMetric) -> dict[str, np.ndarray]:
    """For every model its mean loss over seeds, folds and instruments at each test time, in order."""
    index = np.concatenate([f.index for f in next(iter(forecasts.values()))])
    times = np.unique(data.t[index])
    return {name: _by_time(parts, data, metric, times) for name, parts in forecasts.items()}


def _by_time(parts: Sequence[UnitForecast], data: Dataset, metric: ForecastMetric, times: np.ndarray) -> np.ndarray:
    place = np.searchsorted(times, data.t[np.concatenate([part.index for part in parts])])
    loss = np.concatenate([part.loss(data, metric) for part in parts])
    return np.bincount(place, loss, len(times)) / np.bincount(place, minlength=len(times))


def by_seed(parts: Sequence[UnitForecast]) -> Iterator[tuple[int, list[UnitForecast]]]:
    """One model's parts seed by seed, seeds and parts in the order in which they come."""
    for seed in dict.fromkeys(part.unit.seed for part in parts):
        yield seed, [part for part in parts if part.unit.seed == seed]


def paths(parts: Sequence[UnitForecast]) -> Iterator[tuple[int, UnitForecast]]:
    """Complete out-of-sample histories of one model: (seed, forecasts of every test row once, in order of rows).

    Walk-forward and k-fold give one path a seed. Combinatorial splits forecast a row in several folds and give
    as many paths: the k-th of them takes each row's k-th forecast.
    """
    for seed, own in by_seed(parts):
        index = np.concatenate([part.index for part in own])
        order = np.argsort(index, kind="stable")
        first = np.searchsorted(index[order], index[order], side="left")
        occurrence = np.arange(len(index)) - first
        for k in range(int(occurrence.max()) + 1):
            chosen = order[occurrence == k]
            yield seed, UnitForecast(own[0].unit, index[chosen], _joined([part.belief for part in own], chosen))


def frame(forecasts: Forecasts, data: Dataset) -> "pl.DataFrame":
    """model, fold, seed, symbol, t, value, truth, known_at, then `q0.05` ... or `p0` ... where the head gives them."""
    import polars as pl

    return pl.concat([_unit_frame(part, data) for parts in forecasts.values() for part in parts], how="diagonal")


def belief_columns(belief: Belief) -> Mapping[str, np.ndarray]:
    """Quantiles and probabilities as named columns."""
    columns: dict[str, np.ndarray] = {}
    if belief.quantiles is not None:
        columns |= {f"q{level:g}": belief.quantiles[:, k] for k, level in enumerate(belief.levels)}
    if belief.probabilities is not None:
        columns |= {f"p{k}": belief.probabilities[:, k] for k in range(belief.probabilities.shape[1])}
    return columns


def _unit_frame(part: UnitForecast, data: Dataset) -> "pl.DataFrame":
    import polars as pl

    index = part.index
    columns = {
        "symbol": np.array(data.symbols)[data.symbol[index]], "t": data.t[index], "value": part.belief.value,
        "truth": data.y[index], "known_at": data.known_at[index], **belief_columns(part.belief),
    }  # fmt: skip
    unit = part.unit
    about = [pl.lit(unit.model).alias("model"), pl.lit(unit.fold).alias("fold"), pl.lit(unit.seed).alias("seed")]
    return pl.DataFrame(columns).select(*about, pl.all())


def _joined(beliefs: Sequence[Belief], chosen: np.ndarray) -> Belief:
    def rows(name: str) -> np.ndarray | None:
        arrays = [getattr(belief, name) for belief in beliefs]
        return None if arrays[0] is None else np.concatenate(arrays)[chosen]

    value = rows("value")
    assert value is not None
    return Belief(value, rows("quantiles"), beliefs[0].levels, rows("probabilities"))
