"""From whole units to metrics, tracks, verdicts and the ledger's entry."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.spec import content_id
from candlewick.evaluate.metrics import DEFAULT_LOSS, METRICS
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.statistics.overfitting import overfitting
from candlewick.evaluate.verdict import Trials, judge_forecast, judge_trading
from candlewick.lab import gather, ledger, trade
from candlewick.lab.audit import Check
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import Prepared
from candlewick.lab.resources import resources
from candlewick.lab.stability import stability
from candlewick.lab.table import forecast_rows, trading_rows
from candlewick.lab.unit import Unit
from candlewick.models._base import Estimator, Model

SEED = 0
"""Of every bootstrap in a verdict: the same forecasts are always judged the same."""


def conclude(
    experiment: Experiment, prepared: Prepared, units: Sequence[Unit], leaks: Sequence[Check], folder: Path
) -> dict[str, Any]:
    """Judge whole units: the part of the run's record that says how it came out.

    Writes `forecasts.parquet` and `tracks.parquet`, and enters the run's trials in the ledger.
    """
    data = prepared.data
    forecasts = gather.collect(units, folder / "units")
    _write_parquet(gather.frame(forecasts, data), folder / "forecasts.parquet")
    metric = gather.loss_metric(experiment.label.kind)
    losses = gather.losses_over_time(forecasts, data, metric)
    simple = [name for name, model in experiment.models.items() if model.simple]
    verdict = judge_forecast(
        losses, trivial=list(experiment.trivials), simple=simple, main=experiment.model_label,
        leak_checks={check.name: check.passed for check in leaks}, seed=SEED,
    )  # fmt: skip
    records = [files.read_json(folder / "units" / unit.key / "record.json") for unit in units]
    scores = forecast_rows(forecasts, data, _forecast_metrics(experiment), seed=SEED)
    record: dict[str, Any] = {
        "loss": metric.spec_name(),
        "leaks": [asdict(check) for check in leaks],
        "units": records,
        "resources": resources(records),
        "metrics": scores,
        "stability": stability(
            scores, metric.spec_name(), models=list(experiment.models), trivial=list(experiment.trivials)
        ),
        "verdicts": {"forecast": verdict.to_dict(), "trading": None},
    }
    traded = _trade(experiment, prepared, forecasts, folder)
    trials = _ledger(experiment, prepared, losses, traded)
    if traded is not None:
        assert experiment.policy is not None
        strategy = traded.combined(experiment.model_label)
        judged = judge_trading(
            strategy, traded.benchmark, policy=experiment.policy.spec_name(),
            benchmark_name=experiment.policy.benchmark, trials=trials, seed=SEED,
        )  # fmt: skip
        record["verdicts"]["trading"] = judged.to_dict()
        record["trading"] = trading_rows(traded, forecasts, data, _trading_metrics(), seed=SEED)
        record["overfitting"] = _overfitting(experiment, traded)
        record["bars_per_year"] = traded.benchmark.bars_per_year
        record["fill"] = {"price": traded.fill, "repeated_opens": traded.repeated_opens}
    record["trials"] = asdict(trials)
    return record


def _forecast_metrics(experiment: Experiment) -> list[ForecastMetric]:
    members = (METRICS.build(name) for name in METRICS.names())
    return [m for m in members if isinstance(m, ForecastMetric) and experiment.label.kind in m.kinds]


def _trading_metrics() -> list[TradingMetric]:
    return [m for m in (METRICS.build(name) for name in METRICS.names()) if isinstance(m, TradingMetric)]


def _trade(
    experiment: Experiment, prepared: Prepared, forecasts: gather.Forecasts, folder: Path
) -> trade.Traded | None:
    if experiment.policy is None:
        return None
    traded = trade.trade(prepared, forecasts, experiment.policy, experiment.costs)
    _write_parquet(trade.frame(traded), folder / "tracks.parquet")
    return traded


def _ledger(
    experiment: Experiment, prepared: Prepared, losses: dict[str, np.ndarray], traded: trade.Traded | None
) -> Trials:
    """Enter every model that was tried, the trivial ones apart, and say how many trials this data has seen."""
    common = (experiment.label.content_id, experiment.split.content_id)
    sharpe = METRICS.build("sharpe")
    assert isinstance(sharpe, TradingMetric)

    def annual(name: str) -> float | None:
        value = sharpe.score(traded.combined(name)) if traded is not None else np.nan
        return float(value) if np.isfinite(value) else None

    trials = [
        ledger.Trial(*common, _trial_id(experiment, model),
                     DEFAULT_LOSS[experiment.label.kind], float(losses[name].mean()), annual(name))
        for name, model in experiment.models.items()
    ]  # fmt: skip
    state = ledger.record(prepared.panel.content_hash, trials)
    variance = state.sharpe_variance
    return Trials(len(state.trials), 0.0 if np.isnan(variance) else variance, intact=not state.fault)


def _overfitting(experiment: Experiment, traded: trade.Traded) -> dict[str, Any] | None:
    """How far choosing among the run's models by their back-tests can be trusted; None for one model or few bars."""
    returns = np.column_stack([traded.combined(name).returns for name in experiment.models])
    blocks = 16
    if returns.shape[1] < 2 or len(returns) < 2 * blocks:
        return None
    return asdict(overfitting(returns, blocks=blocks))


def _trial_id(experiment: Experiment, model: Model) -> str:
    """What was tried with one model: the recipe and the seeds are no part of it where nothing is trained by them."""
    foreign = {"title", "model", "rivals", "baselines"} | (
        {"train", "seeds"} if isinstance(model, Estimator) else set()
    )
    rest = {key: value for key, value in experiment.identity().items() if key not in foreign}
    return content_id({**rest, "model": model.identity()})


def _write_parquet(frame: Any, path: Path) -> None:
    # Through memory: polars reports a full disk as a fault of its own, we as one of storage.
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    files.write_bytes(path, buffer.getvalue())
