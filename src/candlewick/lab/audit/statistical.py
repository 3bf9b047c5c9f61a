"""Skill that must vanish with shuffled labels, and must not rise with features that are a bar late."""

from dataclasses import dataclass, replace

import numpy as np

from candlewick.core.random import stream
from candlewick.evaluate.metrics import DEFAULT_LOSS, METRICS
from candlewick.evaluate.statistics.spa import superiority
from candlewick.lab import unit
from candlewick.lab.audit.fitting import Bench
from candlewick.lab.audit.report import Check
from candlewick.lab.experiment import Experiment
from candlewick.models import MODELS
from candlewick.models._base import Model
from candlewick.samples.dataset import Dataset

LEVEL = 0.01
"""Chance of a false alarm of all statistical checks together."""

NETWORK_EPOCHS = 5
SMALLEST_BLOCK = 20
RESAMPLES = 4999


@dataclass(frozen=True)
class Evidence:
    """One statistical question: its p-value, and what to say if it is too small."""

    name: str
    p: float
    gain: float
    said: str
    mend: str


def shuffled(bench: Bench, seed: int) -> Evidence:
    """Labels are moved to other times in blocks, longer than an answer, so that what overlaps still overlaps.

    A model that then beats the mean of its training labels has seen the labels it is tested on.
    """
    data = _with_shuffled_labels(bench, seed)
    trivial = MODELS.build({"name": "naive", "rule": "prior" if bench.experiment.label.classes else "mean"})
    losses, simple = _losses(bench, data, bench.experiment.model), _losses(bench, data, trivial)
    p, gain = _better(losses, simple, seed)
    return Evidence(
        "shuffle", p, gain, f"labels that were shuffled in time are forecast {gain:+.3g} of the loss better than by their mean",
        "The labels of test rows, or of rows that overlap them, reach the model. Look at the split and at what the "
        "model reads.",
    )  # fmt: skip


def delayed(bench: Bench, seed: int) -> Evidence:
    """Every feature and the echo come one bar later than they could.

    Less is then known at every row, so forecasts that become better say that training rows were told more than test
    rows are.
    """
    late = _losses(bench, _a_bar_late(bench.data), bench.experiment.model)
    p, gain = _better(late, _losses(bench, bench.data, bench.experiment.model), seed)
    return Evidence(
        "delay", p, gain, f"forecasts gain {gain:+.3g} of their loss when every feature is one bar late",
        "A column tells more in training than in the test. Look for history that was revised or filled in later, and "
        "for columns that are stamped too early.",
    )  # fmt: skip


def judged(evidence: list[Evidence]) -> list[Check]:
    """Holm's procedure over all of them at `LEVEL`."""
    order = sorted(range(len(evidence)), key=lambda k: evidence[k].p)
    checks: dict[int, Check] = {}
    still = True
    for rank, k in enumerate(order):
        one = evidence[k]
        threshold = LEVEL / (len(evidence) - rank)
        still = still and one.p <= threshold
        figures = {"p": one.p, "threshold": threshold, "gain": one.gain}
        said = f"{one.said} (p = {one.p:.2g}, allowed above {threshold:.2g})"
        checks[k] = Check(one.name, not still, f"{said}. {one.mend}" if still else said, figures)
    return [checks[k] for k in range(len(evidence))]


def _better(model: np.ndarray, other: np.ndarray, seed: int) -> tuple[float, float]:
    """One-sided p-value that `model` loses less than `other` over time, and by how much of the other's loss."""
    found = superiority(other, model[:, None], seed=seed, resamples=RESAMPLES)
    return found.p, found.lead[0] / (abs(float(np.mean(other))) or 1.0)


def _losses(bench: Bench, data: Dataset, model: Model) -> np.ndarray:
    """Mean loss of the test rows at each moment, in time order, over the folds that this audit fits."""
    metric = METRICS.build(DEFAULT_LOSS[bench.experiment.label.kind])
    experiment = _short(bench.experiment)
    t, rows = [], []
    # Every model is measured on the folds of the one that the verdict is about.
    for fold in bench.folds_of(bench.experiment.model):
        fitted = unit.fit(experiment, data, fold, model, bench.seed)[0]
        belief = unit.forecast(experiment, data, model, fitted, fold.test.index)
        rows.append(metric.rows(data.y[fold.test.index], belief.value, belief.probabilities))
        t.append(data.t[fold.test.index])
    _, at = np.unique(np.concatenate(t), return_inverse=True)
    return np.bincount(at, weights=np.concatenate(rows)) / np.bincount(at)


def _short(experiment: Experiment) -> Experiment:
    epochs = min(NETWORK_EPOCHS, experiment.train.epochs)
    return experiment.model_copy(update={"train": experiment.train.model_copy(update={"epochs": epochs})})


def _with_shuffled_labels(bench: Bench, seed: int) -> Dataset:
    """Blocks of labels in another order: the same one for instruments that have the same moments."""
    data = bench.data
    length = max(SMALLEST_BLOCK, 3 * bench.experiment.label.horizon)
    y = data.y.copy()
    for symbol in range(len(data.symbols)):
        rows = np.flatnonzero(data.labelled & (data.symbol == symbol))
        rng = stream(seed, "audit", "shuffle", len(rows))
        blocks = np.array_split(rows, max(2, len(rows) // length))
        order = rng.permutation(len(blocks))
        y[rows] = data.y[np.concatenate([blocks[k] for k in order])]
    return replace(data, y=y)


def _a_bar_late(data: Dataset) -> Dataset:
    """Each row gets the features and the echo of the row before it, where those are known."""
    first = np.flatnonzero(np.diff(data.symbol, prepend=-1))
    before = np.maximum(np.arange(len(data)) - 1, 0)
    before[first] = first
    x, echo = data.x[before], data.echo[before]
    known = np.isfinite(x).all(axis=1, keepdims=True)
    return replace(data, x=np.where(known, x, data.x), echo=np.where(np.isnan(echo), data.echo, echo))
