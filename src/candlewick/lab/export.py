"""A run's model as a folder that serves without torch: exported, judged, and replayed for reference."""

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.clock import iso
from candlewick.core.errors import CandlewickError, ConfigError, StorageError, TrainingError
from candlewick.core.progress import Progress, Silent
from candlewick.data.bars import Panel
from candlewick.lab.experiment import Experiment
from candlewick.lab.offer import Offer, exported, offer, require_model
from candlewick.lab.precision import judged
from candlewick.lab.prepare import Prepared, prepare, reading_of
from candlewick.lab.refit import refitted
from candlewick.lab.runs import Run, open_run
from candlewick.lab.unit import folder_name, raw_forecast, read_forecasts
from candlewick.models._base import Network
from candlewick.models._heads import Belief
from candlewick.runtime import store
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.reference import Reference
from candlewick.runtime.replay import Replayed, replay
from candlewick.samples.build import build

TOLERANCE = 1e-5
"""Largest difference of raw outputs, in the head's space, between the exported model and the one that was fitted."""

MODEL, REFERENCE, FIGURES = "model", "reference.safetensors", "export.json"


def export(
    run: Run | str | Path, *, model: str | None = None, refit: bool = False, out: str | Path | None = None,
    data: Any = None, progress: Progress | None = None, **reading: Any,
) -> Path:  # fmt: skip
    """Write a finished run's model as a folder that serves without torch; an export that is there is left as it is.

    The folder, `RUN/export/MODEL` or `out`, holds `model/` (what `runtime.store.open_exported` opens),
    `reference.safetensors` (the last fold's test rows, forecast by the engine from its anchor) and `export.json` (the
    figures: differences to the fitted model and to the run's own forecasts, and which precisions may serve).

    Args:
        model: a label of the run; the one it is about by default.
        refit: fit the same recipe anew on all labelled rows; see `lab.refit.refitted`.
        data: the bars of the run, where it was given them in Python; anything `read` takes, with its options.

    Raises:
        ConfigError: no such model, data of another run, or a network that ONNX has no operators for.
        TrainingError: the exported model forecasts otherwise than the fitted one.
        MissingDependencyError: it is a network and torch is not installed.
        StorageError: `out` holds something, the folder cannot be written, or another process works on the run.
    """
    run = run if isinstance(run, Run) else open_run(run)
    model = model or run.experiment.model_label
    require_model(run, model)
    folder = Path(out) if out else export_folder(run, model, refit=refit)
    if out is None and (folder / FIGURES).is_file():
        return folder
    prepared = prepare(run.experiment, reading_of(data, reading))
    if prepared.panel.content_hash != run.record["data"]["hash"]:
        raise ConfigError(
            f"the data is not that of {run.folder}: its hash begins {prepared.panel.content_hash[:12]}, the run's "
            f"{run.record['data']['hash'][:12]}. Give the bars that the run was made of."
        )
    progress = progress or Silent()
    with files.locked(run.folder / ".lock", wait=False) if out is None else nullcontext():
        if out is None and _kept(folder):
            return folder  # made by another process meanwhile
        made = refitted(run, model, prepared, progress) if refit else offer(run, model)
        write(run, made, prepared, folder, progress)
    return folder


def export_all(run: Run, models: Sequence[str], prepared: Prepared, progress: Progress) -> dict[str, Any]:
    """Export some models of a run whose units are whole, and give what its record says of them.

    A model that cannot be exported is told and recorded with the reason: the run's verdict stands without it. What
    was exported before the run was stopped is kept.

    Raises:
        StorageError: the folder cannot be written.
    """
    record = {}
    for model in models:
        folder = export_folder(run, model)
        progress.say(f"exporting {model}")
        try:
            figures = _kept(folder) or write(run, offer(run, model), prepared, folder, progress)
        except StorageError:
            raise
        except CandlewickError as error:
            progress.say(f"{model} is not exported: {error}")
            record[model] = {"folder": None, "refused": str(error)}
        else:
            told = ("setting", "difference_to_model", "difference_to_run", "precisions", "forecasts", "latency_us")
            record[model] = {"folder": str(folder.relative_to(run.folder)), **{name: figures[name] for name in told}}
    return record


def _kept(folder: Path) -> dict[str, Any] | None:
    # The figures of a whole export; what was left behind by one that was stopped is removed.
    if (folder / FIGURES).is_file():
        figures: dict[str, Any] = files.read_json(folder / FIGURES)
        return figures
    shutil.rmtree(folder, ignore_errors=True)
    return None


def export_folder(run: Run, model: str, *, refit: bool = False) -> Path:
    """Where a run keeps the export of one of its models."""
    return run.folder / "export" / (folder_name(model) + "-refit" * refit)


def write(run: Run, made: Offer, prepared: Prepared, folder: Path, progress: Progress) -> dict[str, Any]:
    """Export a fit into `folder`, a new one, and give the figures that `export.json` holds, which is written last.

    Raises:
        ConfigError, TrainingError, MissingDependencyError, StorageError: see `export`.
    """
    model = exported(run, made)
    if model.graphs:
        model = _with_precisions(run, model, made, prepared)
    setting = candidates(model)[0]  # fp32 on one thread, the steadiest
    stretch = _stretch(prepared, made.unit.fold, model.anchor)
    replayed = replay(model, open_session(model, setting), stretch, progress=progress)
    to_model = _to_model(run.experiment, made, stretch, replayed, model.anchor)
    if not to_model <= TOLERANCE:
        raise TrainingError(
            f"{made.unit.model} is not exported: run by {setting} it forecasts otherwise than as it was fitted, by "
            f"{to_model:.1e} of the head's raw units. At most {TOLERANCE:.0e} is rounding. Report this model's spec."
        )
    figures = {
        "model": made.unit.model, "content_id": model.content_id, "lineage": model.lineage,
        "anchor": model.anchor, "setting": asdict(setting), "forecasts": len(replayed.t),
        "first": iso(replayed.t.min()) if len(replayed.t) else None,
        "last": iso(replayed.t.max()) if len(replayed.t) else None,
        "difference_to_model": to_model,
        "difference_to_run": None if made.seen else _to_run(run, made, prepared, replayed, stretch),
        "precisions": {precision: asdict(one) for precision, one in model.precisions.items()},
        "latency_us": replayed.latency["total"].summary(),
    }  # fmt: skip
    store.save(model, folder / MODEL)
    Reference.of(model, stretch, replayed, setting).save(folder / REFERENCE)
    files.write_json(folder / FIGURES, figures)
    return figures


def _with_precisions(run: Run, model: Exported, made: Offer, prepared: Prepared) -> Exported:
    from candlewick.train.export import quantised

    model = replace(model, graphs={**model.graphs, "int8": quantised(model.graphs["fp32"])})
    fold = prepared.folds[made.unit.fold]
    rows = fold.validation if len(fold.validation) else fold.train
    trivials = {name: offer(run, name).fitted for name in run.experiment.trivials}
    return replace(model, precisions=judged(model, run.experiment, prepared.data, rows.index, trivials))


def _stretch(prepared: Prepared, fold: int, anchor: int) -> Panel:
    # Of every instrument with test rows, the bars from the anchor of its first one to its last one.
    index, symbol = prepared.folds[fold].test.index, prepared.data.symbol
    found = []
    for k, bars in enumerate(prepared.panel.bars):
        rows = index[symbol[index] == k] - np.searchsorted(symbol, k)
        if len(rows):
            found.append(bars[max(int(rows[0]) - anchor, 0) : int(rows[-1]) + 1])
    return Panel(tuple(found))


def _to_model(experiment: Experiment, made: Offer, stretch: Panel, replayed: Replayed, anchor: int) -> float:
    # Largest difference to the raw outputs of the model as it was fitted, along the same bars.
    if not len(replayed.t):
        # Nothing to compare with is as good as equal only where no bar was warm.
        return 0.0 if all(len(bars) <= anchor for bars in stretch.bars) else np.inf
    spec = experiment.everything[made.unit.model]
    if isinstance(spec, Network):
        experiment = Experiment.of(experiment, "train.device=cpu")
    data, _ = build(stretch, experiment.feature_set, experiment.label, length=experiment.length)
    rows = _rows(stretch, replayed)
    order = np.argsort(rows)
    raw = raw_forecast(experiment, data, spec, made.fitted, rows[order])
    return float(np.abs(raw - replayed.raw[order]).max())


def _to_run(run: Run, made: Offer, prepared: Prepared, replayed: Replayed, stretch: Panel) -> float | None:
    # Largest difference to the run's own forecasts, whose features and state had seen all history, in label units.
    index, belief = read_forecasts(run.folder / "units" / made.unit.key)
    panel = prepared.panel
    begins = [int(np.searchsorted(panel[bars.symbol].t, bars.t[0])) for bars in stretch.bars]
    edges = dict(zip(panel.symbols, np.cumsum([0, *(len(bars) for bars in panel.bars)]), strict=False))
    shift = np.array([edges[name] + begin for name, begin in zip(stretch.symbols, begins, strict=True)])
    rows = shift[replayed.symbol] + replayed.row
    _, mine, its = np.intersect1d(rows, index, return_indices=True)
    if not len(mine):
        return None
    return _largest(replayed.belief, mine, belief, its) / made.fitted.scale.scale


def _largest(one: Belief, mine: np.ndarray, other: Belief, its: np.ndarray) -> float:
    if one.probabilities is not None and other.probabilities is not None:
        return float(np.abs(one.probabilities[mine] - other.probabilities[its]).max())
    if one.quantiles is not None and other.quantiles is not None:
        return float(np.abs(one.quantiles[mine] - other.quantiles[its]).max())
    return float(np.abs(one.value[mine] - other.value[its]).max())


def _rows(panel: Panel, replayed: Replayed) -> np.ndarray:
    edges = np.cumsum([0, *(len(bars) for bars in panel.bars)])
    return edges[replayed.symbol] + replayed.row
