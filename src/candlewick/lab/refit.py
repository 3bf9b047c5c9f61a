"""The recipe of a run on all of its labelled rows: newer weights, for which the run is no evidence."""

from dataclasses import replace

import numpy as np

from candlewick.core import files
from candlewick.core.clock import iso
from candlewick.core.progress import Progress
from candlewick.lab.experiment import Experiment
from candlewick.lab.offer import Offer, offer
from candlewick.lab.prepare import Prepared
from candlewick.lab.runs import Run
from candlewick.lab.unit import fit
from candlewick.models._base import Network
from candlewick.samples.roles import Fold, TestRows, TrainRows, ValidationRows

EVIDENCE = "evidence for the recipe, not for these weights"


def refitted(run: Run, model: str, prepared: Prepared, progress: Progress) -> Offer:
    """The model fitted anew on every labelled row, with the seed that the run offers.

    No row is left for early stopping, so a network is trained for as many epochs as were best in the middle of the
    run's folds (the median over them, of that seed), and its schedule runs its course over those. For the same reason
    its calibration is that of the fit which the run offers.

    Raises:
        ConfigError: the run has no such model, or has not fitted it yet.
        TrainingError: the fit cannot go on.
    """
    experiment, offered = run.experiment, offer(run, model)
    unit = offered.unit
    spec = experiment.everything[model]
    facts: dict[str, object] = {}
    if isinstance(spec, Network):
        epochs = _epochs(run, model, unit.seed)
        facts["epochs"] = epochs
        recipe = {**experiment.train.model_dump(mode="json"), "epochs": epochs, "patience": None}
        experiment = Experiment.of({**experiment.to_dict(), "train": recipe})
        progress.say(f"training {model} again on all labelled rows, for {epochs} epochs: the median best of the folds")
    rows = np.flatnonzero(prepared.data.labelled)
    nothing = np.empty(0, dtype=np.int64)
    everything = Fold(unit.fold, TrainRows(rows), ValidationRows(nothing), TestRows(nothing))
    fitted, _ = fit(experiment, prepared.data, everything, spec, unit.seed, progress=progress)
    facts |= {"rows": len(rows), "last": iso(prepared.data.t[rows].max())}
    fitted = replace(fitted, calibration=offered.fitted.calibration)
    return Offer(unit, fitted, EVIDENCE, seen=True, facts=facts)


def _epochs(run: Run, model: str, seed: int) -> int:
    records = [files.read_json(path) for path in (run.folder / "units").glob("*/record.json")]
    best = [record["best_epoch"] for record in records if (record["model"], record["seed"]) == (model, seed)]
    return max(round(float(np.median(best))), 1)
