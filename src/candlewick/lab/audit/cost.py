"""What an audit will take: a short measured fit of each model, times how often it is fitted."""

from typing import Any

from candlewick.core.clock import elapsed_s
from candlewick.data.bars import Panel
from candlewick.lab import unit
from candlewick.lab.audit import statistical
from candlewick.lab.audit.fitting import NETWORK_EPOCHS, Bench
from candlewick.lab.audit.report import KINDS, Cost
from candlewick.lab.experiment import Experiment
from candlewick.models._base import Estimator, Model
from candlewick.samples.roles import Fold, TrainRows, ValidationRows

TRIED_ROWS = 400
REFITS = 3
"""Of the fit check: as it is, with other test labels, with everything else other."""


def estimate(
    bench: Bench | None, experiment: Experiment, panel: Panel, raw: Any, wanted: frozenset[str], cuts: int
) -> Cost:
    """Seconds from one run of the features and one short fit of each model, and what they are for."""
    parts, seconds = [], 0.0
    if raw is not None and "bars" in wanted:
        seconds += cuts * _timed(lambda: experiment.data.prepare(raw))
        parts.append(f"{cuts} preparations of the raw data")
    if wanted & {"features", "labels", "echo", "truncate", "scale"}:
        once = _timed(lambda: [experiment.feature_set.run(bars) for bars in panel.bars])
        once += _timed(lambda: [experiment.label.run(bars) for bars in panel.bars])
        seconds += 2 * cuts * once
        parts.append(f"{2 * cuts} runs of {len(experiment.feature_set.outputs)} columns and the label")
    if bench is not None and wanted & {"fit", "forecasts", "truncate", "shuffle", "delay"}:
        for label, model in experiment.models.items():
            number = _fits(bench, label, model, wanted)
            fit, forecast = _measured(bench, label, model)
            asked = 2 * cuts if "forecasts" in wanted else 0
            seconds += number * fit + asked * forecast
            parts.append(f"{number} fits and {asked} forecasts of {label}{_epochs(model)}")
        tests = sum(1 + len(experiment.trivials) - (name == "shuffle") for name in wanted & {"shuffle", "delay"})
        seconds += tests * statistical.SECONDS_A_TEST
        parts.append(f"{tests} bootstraps")
    return Cost(seconds, tuple(parts) or (f"{len(wanted & set(KINDS))} checks",))


def _fits(bench: Bench, label: str, model: Model, wanted: frozenset[str]) -> int:
    folds = len(bench.folds_of(model))
    number = folds * (REFITS if "fit" in wanted else 1) if wanted & {"fit", "forecasts", "truncate"} else 0
    if label == bench.experiment.model_label:
        number += 2 * folds * ("delay" in wanted) + folds * ("shuffle" in wanted)
    return number


def _epochs(model: Model) -> str:
    return "" if isinstance(model, Estimator) else f" ({NETWORK_EPOCHS} to {statistical.NETWORK_EPOCHS} epochs)"


def _measured(bench: Bench, label: str, model: Model) -> tuple[float, float]:
    """Seconds of a fit and of the forecasts of a fold.

    An estimator is fitted to the last fold, which the checks use again; a network for one epoch on some rows, scaled
    to all of them and to the epochs of a check.
    """
    fold = bench.folds[-1]
    step = max(1, len(fold.train) // TRIED_ROWS)  # over all instruments: each needs rows of its own
    some = Fold(fold.id, TrainRows(fold.train.index[::step]), ValidationRows(fold.validation.index[::step]), fold.test)
    once = bench.experiment.model_copy(update={"train": bench.experiment.train.model_copy(update={"epochs": 1})})
    fitted, _ = unit.fit(once, bench.data, some, model, bench.seed)  # the first of a process also loads libraries
    forecast = _timed(lambda: unit.forecast(once, bench.data, model, fitted, fold.test.index))
    if isinstance(model, Estimator):
        return _timed(lambda: bench.fitted(label, model, fold)), forecast
    epochs = (NETWORK_EPOCHS + statistical.NETWORK_EPOCHS) / 2
    return _timed(lambda: unit.fit(once, bench.data, some, model, bench.seed)) * epochs * step, forecast


def _timed(work: Any) -> float:
    started = elapsed_s()
    work()
    return elapsed_s() - started
