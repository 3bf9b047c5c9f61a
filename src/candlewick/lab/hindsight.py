"""What was predicted of a run beside what was then measured, for its record and for the planner's own."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from candlewick.core.clock import now_ns
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import Prepared
from candlewick.lab.pricing import Pricing
from candlewick.models._base import Model
from candlewick.sizing.machine import Machine
from candlewick.sizing.record import Outcome, note
from candlewick.sizing.training_time import TrainingTime

Pair = tuple[str, float | None, float | None]
"""What, as it was predicted, and as it was measured."""


def hindsight(
    experiment: Experiment, prepared: Prepared, record: Mapping[str, Any], machine: Machine | None, *, workers: int
) -> dict[str, Any]:
    """By model, predicted against measured: seconds of an epoch and of a fit, memory, and live latency.

    A prediction follows from specs, data and the machine's measurement, so it is what a plan said before. A fit is
    the median over folds and seeds, with the epochs that were really trained; the first fit of a process also loads
    libraries. Fits and latencies are noted for the planner's past error.

    Raises:
        StorageError: the folder of what was noted cannot be written.
    """
    if machine is None:
        return {"machine": None, "untold": "this machine was not measured; `candlewick plan` measures it once"}
    pricing = Pricing(experiment, prepared, machine, workers)
    models = {
        label: {
            what: {"predicted": float(predicted), "measured": float(measured)}
            for what, predicted, measured in _pairs(pricing, label, model, record)
            if predicted and measured
        }
        for label, model in experiment.models.items()
    }
    note(list(_outcomes(experiment, machine, models)))
    return {"machine": machine.key, "models": models}


def _pairs(pricing: Pricing, label: str, model: Model, record: Mapping[str, Any]) -> Iterator[Pair]:
    yield from _times(pricing, label, model, record)
    predicted = pricing.predicted(model)
    memory = predicted.training_memory if predicted else None
    yield "memory_bytes", memory, record["resources"][label]["memory_bytes"]
    exported = record["export"].get(label, {})
    measured = exported.get("latency_us", {})
    if measured.get("count"):
        instruments = len(pricing.prepared.panel.symbols)
        live = pricing.latency(model, exported["setting"]["precision"], instruments)
        if live is not None:
            yield "latency_p50_s", live.p50, measured["p50"] / 1e6
            yield "latency_p99_s", live.p99, measured["p99"] / 1e6


def _times(pricing: Pricing, label: str, model: Model, record: Mapping[str, Any]) -> Iterator[Pair]:
    by_fold = {fold.id: pricing.time(model, fold) for fold in pricing.prepared.folds}
    fits: list[tuple[float, float]] = []
    epochs: list[tuple[float, float]] = []
    for unit in record["units"]:
        time = by_fold.get(unit["fold"]) if unit["model"] == label else None
        if isinstance(time, TrainingTime):
            number = len(unit["curve"])
            epochs.append((time.epoch, unit["train_seconds"] / number))
            fits.append((time.epoch * number, unit["train_seconds"]))
        elif time is not None and time.shortest == time.longest:
            fits.append((time.longest, unit["seconds"]))
    for what, pairs in (("epoch_seconds", epochs), ("fit_seconds", fits)):
        if pairs:
            predicted, measured = np.median(pairs, axis=0)
            yield what, predicted, measured


def _outcomes(
    experiment: Experiment, machine: Machine, models: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> Iterator[Outcome]:
    kinds: dict[str, Literal["time", "latency"]] = {"fit_seconds": "time", "latency_p50_s": "latency"}
    for label, figures in models.items():
        name = experiment.models[label].spec_name()
        for what in kinds.keys() & figures.keys():
            yield Outcome(machine=machine.key, model=name, what=kinds[what], at=now_ns(), **figures[what])
