"""Out-of-sample forecasts through the policy and the back-test, one track a path."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from candlewick.data.bars import Bars
from candlewick.data.checks import open_equals_previous_close
from candlewick.data.interval import bars_per_year
from candlewick.evaluate.backtest import backtest, merged, portfolio
from candlewick.evaluate.costs import Costs, Fill
from candlewick.evaluate.policies._base import Policy, benchmark_targets
from candlewick.evaluate.track import Track
from candlewick.lab.gather import Forecasts, UnitForecast, paths
from candlewick.lab.prepare import Prepared

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Traded:
    """Every model's back-test, and the policy's benchmark over the same bars.

    Attributes:
        tracks: model -> (seed, track) of each path; all on the same stamps.
        benchmark: the benchmark's track.
        fill: which price of the next bar filled the orders.
        repeated_opens: share of opens that repeat the previous close, the reason for the fill.
    """

    tracks: dict[str, list[tuple[int, Track]]]
    benchmark: Track
    fill: Fill
    repeated_opens: float

    def combined(self, model: str) -> Track:
        """One track of a model's seeds and paths, each given an equal share anew at every bar."""
        return _in_equal_shares([track for _, track in self.tracks[model]])

    def by_seed(self, model: str) -> dict[int, Track]:
        """seed -> its track; several paths of one seed have equal shares in it."""
        own = self.tracks[model]
        return {seed: _in_equal_shares([t for s, t in own if s == seed]) for seed, _ in own}


def _in_equal_shares(tracks: Sequence[Track]) -> Track:
    if len(tracks) == 1:
        return tracks[0]
    means = {name: np.mean([getattr(track, name) for track in tracks], axis=0)
             for name in ("returns", "exposure", "traded", "cost")}  # fmt: skip
    return replace(tracks[0], trades=merged([track.trades for track in tracks]), **means)


@dataclass(frozen=True, eq=False)
class _Stage:
    """One instrument's bars from its first to one past its last forecast."""

    bars: Bars
    first_row: int
    rows: int

    def place(self, index: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Values of dataset rows as a column over the bars, NaN elsewhere."""
        out = np.full((len(self.bars), *values.shape[1:]), np.nan)
        own = (index >= self.first_row) & (index < self.first_row + self.rows)
        out[index[own] - self.first_row] = values[own]
        return out


def trade(prepared: Prepared, forecasts: Forecasts, policy: Policy, costs: Costs) -> Traded:
    """Trade every model's paths on the bars of the test rows, fees, spread and slippage paid."""
    stages = _stages(prepared, np.concatenate([part.index for part in next(iter(forecasts.values()))]))
    shares = [open_equals_previous_close(bars) for bars in prepared.panel.bars]
    repeated = float(np.mean(np.nan_to_num(shares, nan=1.0)))  # without opens only closes can fill
    fill = costs.fill_for(repeated)
    year = bars_per_year(np.unique(np.concatenate([stage.bars.t for stage in stages])))
    tracks: dict[str, list[tuple[int, Track]]] = {}
    targets = []
    for model, parts in forecasts.items():
        tracks[model] = []
        for seed, path in paths(parts):
            targets = [_targets(stage, path, policy) for stage in stages]
            tracks[model].append((seed, _track(stages, targets, costs, fill, year)))
    held = [benchmark_targets(policy.benchmark, target) for target in targets]
    return Traded(tracks, _track(stages, held, costs, fill, year), fill, repeated)


def frame(traded: Traded) -> "pl.DataFrame":
    """model, seed, path, t, returns, exposure, traded, cost of every track; the benchmark's model is `benchmark`."""
    import polars as pl

    rows = [
        (model, seed, path, track) for model, own in traded.tracks.items() for path, (seed, track) in enumerate(own)
    ]
    rows.append(("benchmark", 0, 0, traded.benchmark))
    return pl.concat(
        pl.DataFrame(
            {
                "t": track.t,
                "returns": track.returns,
                "exposure": track.exposure,
                "traded": track.traded,
                "cost": track.cost,
            }
        ).select(pl.lit(model).alias("model"), pl.lit(seed).alias("seed"), pl.lit(path).alias("path"), pl.all())
        for model, seed, path, track in rows
    )


def _stages(prepared: Prepared, index: np.ndarray) -> list[_Stage]:
    data, stages, offset = prepared.data, [], 0
    for position, bars in enumerate(prepared.panel.bars):
        rows = index[data.symbol[index] == position]
        if len(rows):
            first, last = int(rows.min()) - offset, int(rows.max()) - offset
            own = bars[first : last + 2]  # the order of the last forecast is filled on the bar after it
            stages.append(_Stage(own, int(rows.min()), len(own)))
        offset += len(bars)
    return stages


def _targets(stage: _Stage, path: UnitForecast, policy: Policy) -> np.ndarray:
    value = stage.place(path.index, path.belief.value)
    probabilities = path.belief.probabilities
    placed = None if probabilities is None else stage.place(path.index, probabilities)
    return policy.targets(value, placed, bars_per_year=bars_per_year(stage.bars.t))


def _track(stages: Sequence[_Stage], targets: Sequence[np.ndarray], costs: Costs, fill: Fill, year: float) -> Track:
    accounts = []
    for stage, target in zip(stages, targets, strict=True):
        bars = stage.bars
        opens = np.ascontiguousarray(bars.column("open")) if "open" in bars.columns else None
        close = np.ascontiguousarray(bars.column("close"))
        accounts.append(backtest(bars.t, target, opens, close, costs=costs, fill=fill))
    return portfolio(accounts, bars_per_year=year)
