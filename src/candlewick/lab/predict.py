"""A finished run's model on other bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core import files
from candlewick.core.errors import ConfigError, DataError
from candlewick.core.progress import Progress, Silent
from candlewick.data.bars import Panel
from candlewick.data.read import read
from candlewick.evaluate.verdict.words import listed
from candlewick.lab.gather import belief_columns
from candlewick.lab.runs import Run, open_run
from candlewick.lab.unit import forecast, load
from candlewick.samples.build import build

if TYPE_CHECKING:
    import polars as pl


def predict(
    run: Run | str | Path, bars: Any, *, model: str | None = None, progress: Progress | None = None, **reading: Any
) -> "pl.DataFrame":
    """Forecasts for every bar that has a whole window before it: symbol, t, value, then quantiles or probabilities.

    The weights are those of the last fold, whose training rows reach furthest, with the seed of best validation
    loss. `bars` is anything `read` takes, with the same options; `model` is a label of the run (default: its own);
    `progress` is told what was understood of the bars and which of them got no forecast.

    Raises:
        ConfigError: the run has no such model.
        DataError: the bars cannot be used, or lack an instrument's scaler.
    """
    import polars as pl

    run = run if isinstance(run, Run) else open_run(run)
    experiment = run.experiment
    model = model or experiment.model_label
    if model not in experiment.everything:
        raise ConfigError(f"the run has no model {model!r}. It has: {', '.join(experiment.everything)}.")
    fitted = load(_chosen(run, model) / "fitted.safetensors")
    understood = read(bars, **reading)
    panel = understood.panel
    _require_known(run, panel)
    data, notes = build(panel, experiment.feature_set, experiment.label, length=experiment.length)
    for note in (*understood.mapping, *(finding.message for finding in understood.findings), *notes):
        (progress or Silent()).say(note)
    index = np.flatnonzero(data.ready)
    if len(index) == 0:
        raise DataError(
            f"none of {len(data)} bars has a whole window before it. The run's samples reach "
            f"{experiment.length + experiment.feature_set.warmup - 1} bars back. Give more history."
        )
    belief = forecast(experiment, data, experiment.everything[model], fitted, index)
    columns = {"symbol": np.array(data.symbols)[data.symbol[index]], "t": data.t[index], "value": belief.value}
    return pl.DataFrame({**columns, **belief_columns(belief)})


def _require_known(run: Run, panel: Panel) -> None:
    known = [instrument["symbol"] for instrument in run.record["data"]["instruments"]]
    unknown = [symbol for symbol in panel.symbols if symbol not in known]
    if unknown and not getattr(run.experiment.scaler, "pooled", False):
        raise DataError(
            f"the run was fitted on {listed(tuple(known[:5]))}, the bars are of {listed(tuple(unknown[:5]))}. "
            f"Where they are the same instrument, say so with symbol={known[0]} (--symbol {known[0]}); forecasts of "
            "others need a run with scaler.pooled=true."
        )


def _chosen(run: Run, model: str) -> Path:
    places = [path.parent for path in (run.folder / "units").glob("*/record.json")]
    records = [(files.read_json(place / "record.json"), place) for place in places]
    own = [(record, place) for record, place in records if record["model"] == model]
    if not own:
        raise ConfigError(f"{run.folder} holds no fitted {model}. The run is {run.status}; resume it.")
    last = max(record["fold"] for record, _ in own)

    def loss(record: dict[str, Any]) -> tuple[float, int]:
        losses = [e["validation_loss"] for e in record.get("curve", []) if e["validation_loss"] is not None]
        return min(losses, default=0.0), record["seed"]

    return min(((r, p) for r, p in own if r["fold"] == last), key=lambda pair: loss(pair[0]))[1]
