"""A finished run's model on other bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core.errors import DataError
from candlewick.core.progress import Progress, Silent
from candlewick.core.words import some
from candlewick.data.bars import Panel
from candlewick.data.read import read
from candlewick.evaluate.verdict.words import listed
from candlewick.lab.export import FIGURES, MODEL, export_folder
from candlewick.lab.gather import belief_columns
from candlewick.lab.offer import exported, offer, require_model
from candlewick.lab.runs import Run, open_run
from candlewick.runtime import store
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.replay import replay

if TYPE_CHECKING:
    import polars as pl


def predict(
    run: Run | str | Path, bars: Any, *, model: str | None = None, progress: Progress | None = None, **reading: Any
) -> "pl.DataFrame":
    """Forecasts for every bar with enough history before it: symbol, t, value, then quantiles or probabilities.

    The weights are those of the last fold, whose training rows reach furthest, with the seed of best validation
    loss, run in fp32 by the engine that also serves them live: torch is not needed where the model was exported, as a
    run's own and its recommended model are at its end. `bars` is anything `read` takes, with the same options;
    `model` is a label of the run (default: its own); `progress` is told what was understood of the bars and which of
    them got no forecast.

    Raises:
        ConfigError: the run has no such model.
        DataError: the bars cannot be used, or lack an instrument's scaler.
        MissingDependencyError: a network was not exported, and torch, which could, is not installed.
    """
    import polars as pl

    progress = progress or Silent()
    run = run if isinstance(run, Run) else open_run(run)
    model = model or run.experiment.model_label
    require_model(run, model)
    understood = read(bars, **reading)
    panel = understood.panel
    _require_known(run, panel)
    ready = _ready(run, model)
    for note in (*understood.mapping, *(finding.message for finding in understood.findings), *_notes(ready, panel)):
        progress.say(note)
    found = replay(ready, open_session(ready, candidates(ready)[0]), panel, progress=progress)
    order = np.lexsort((found.t, found.symbol))
    columns = {"symbol": np.array(panel.symbols)[found.symbol], "t": found.t, "value": found.belief.value}
    return pl.DataFrame({**columns, **belief_columns(found.belief)})[order]


def _ready(run: Run, model: str) -> Exported:
    # Where there is no export, as in runs of older versions, the same model is made ready here.
    folder = export_folder(run, model)
    if (folder / FIGURES).is_file():
        # What code a run may load was decided by whoever opened it: its experiment has been loaded already.
        return store.open_exported(folder / MODEL, trust_code=True)
    return exported(run, offer(run, model))


def _notes(ready: Exported, panel: Panel) -> list[str]:
    short = [f"{bars.symbol} ({len(bars):,})" for bars in panel.bars if len(bars) <= ready.anchor]
    if len(short) == len(panel.bars):
        raise DataError(
            f"too few bars for one forecast, was {some(short)}. The model looks {ready.anchor} bars back: window, "
            "warm-up of features and of carried state. Give more history."
        )
    for bars in panel.bars:
        ready.features.run(bars)  # refuses bars that the engine would pass over, naming feature and row
    if not short:
        return []
    return [f"{len(short):,} of {len(panel.bars):,} instruments have too few bars for one forecast: {some(short)}"]


def _require_known(run: Run, panel: Panel) -> None:
    known = [instrument["symbol"] for instrument in run.record["data"]["instruments"]]
    unknown = [symbol for symbol in panel.symbols if symbol not in known]
    if unknown and not getattr(run.experiment.scaler, "pooled", False):
        raise DataError(
            f"the run was fitted on {listed(tuple(known[:5]))}, the bars are of {listed(tuple(unknown[:5]))}. "
            f"Where they are the same instrument, say so with symbol={known[0]} (--symbol {known[0]}); forecasts of "
            "others need a run with scaler.pooled=true."
        )
