"""Skill that must vanish with shuffled labels, and must not rise with features that are a bar late.

Both questions are put about labels whose heavy tails were drawn in, order kept: where one day in a thousand makes
half of the loss, no test of a mean sees a leak.
"""

from dataclasses import dataclass, replace

import numpy as np

from candlewick.core.random import stream
from candlewick.evaluate.metrics import DEFAULT_LOSS, METRICS
from candlewick.evaluate.metrics._base import ForecastMetric
from candlewick.evaluate.statistics.spa import superiority
from candlewick.lab import unit
from candlewick.lab.audit.fitting import Bench
from candlewick.lab.audit.report import Check, Figure
from candlewick.lab.experiment import Experiment
from candlewick.models._base import Model
from candlewick.samples.dataset import Dataset

LEVEL = 0.01
"""Chance of a false alarm of all statistical checks together."""

NETWORK_EPOCHS = 5
SMALLEST_BLOCK = 20
RESAMPLES = 4999
LOG_DEVIATION = 0.7
MOST_STRETCHES = 2000
SECONDS_A_TEST = 0.5
"""Of a bootstrap of that many stretches."""


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

    A model that then beats every trivial forecast has seen the labels it is tested on.
    """
    data = _shuffled(_drawn_in(bench), bench.experiment.label.horizon, seed)
    trivial = [_losses(bench, data, model) for model in bench.experiment.trivials.values()]
    p, gain = _better(_losses(bench, data, bench.experiment.model), trivial, seed)
    return Evidence(
        "shuffle", p, gain, f"the lead over trivial forecasts of shuffled labels is {gain:+.3g} of their loss",
        "The labels of test rows, or of rows that overlap them, reach the model. Look at the split and at what the "
        "model reads.",
    )  # fmt: skip


def delayed(bench: Bench, seed: int) -> Evidence:
    """Every feature and the echo come one bar later than they could.

    Less is then known at every row. Skill that rises, above that of the features in time and above every trivial
    forecast, says that training rows were told more than test rows are.
    """
    data = _drawn_in(bench)
    late = _losses(bench, _a_bar_late(data), bench.experiment.model)
    others = [bench.experiment.model, *bench.experiment.trivials.values()]
    p, gain = _better(late, [_losses(bench, data, model) for model in others], seed)
    return Evidence(
        "delay", p, gain, f"features that are one bar late gain {gain:+.3g} of the loss",
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
        figures: dict[str, Figure] = {"p": one.p, "threshold": threshold, "gain": one.gain}
        said = f"{one.said} (p = {one.p:.2g}, allowed above {threshold:.2g})"
        checks[k] = Check(one.name, not still, f"{said}. {one.mend}" if still else said, figures)
    return [checks[k] for k in range(len(evidence))]


def _better(model: np.ndarray, others: list[np.ndarray], seed: int) -> tuple[float, float]:
    """One-sided p-value that `model` loses less than each of `others`, and its lead before the closest of them.

    The largest of the single p-values: that it beats all is claimed only where it beats every one.
    """
    found = [superiority(other, model[:, None], seed=seed, resamples=RESAMPLES) for other in others]
    leads = [one.lead[0] / (abs(float(np.mean(other))) or 1.0) for one, other in zip(found, others, strict=True)]
    return max(one.p for one in found), min(leads)


def _losses(bench: Bench, data: Dataset, model: Model) -> np.ndarray:
    """Mean loss of the test rows at each moment, or stretch of moments, in time order, over the audited folds."""
    metric = METRICS.build(DEFAULT_LOSS[bench.experiment.label.kind])
    assert isinstance(metric, ForecastMetric)
    experiment = _short(bench.experiment)
    t, rows = [], []
    # Every model is measured on the folds of the one that the verdict is about.
    for fold in bench.folds_of(bench.experiment.model):
        fitted = unit.fit(experiment, data, fold, model, bench.seed)[0]
        belief = unit.forecast(experiment, data, model, fitted, fold.test.index)
        loss = metric.rows(data.y[fold.test.index], belief.value, belief.probabilities)
        assert loss is not None, "a label's loss is a mean of rows"
        rows.append(loss)
        t.append(data.t[fold.test.index])
    _, at = np.unique(np.concatenate(t), return_inverse=True)
    losses = np.bincount(at, weights=np.concatenate(rows)) / np.bincount(at)
    # A mean of means of neighbours: the test is as sharp, and the choice of its block length costs the square of this.
    return np.array([part.mean() for part in np.array_split(losses, min(len(losses), MOST_STRETCHES))])


def _short(experiment: Experiment) -> Experiment:
    epochs = min(NETWORK_EPOCHS, experiment.train.epochs)
    return experiment.model_copy(update={"train": experiment.train.model_copy(update={"epochs": epochs})})


def _drawn_in(bench: Bench) -> Dataset:
    """Labels and echoes with normal ranks: numbers become normal, variances log-normal; classes stay."""
    from scipy.special import ndtri

    data, kind = bench.data, bench.experiment.label.kind
    if kind == "classes":
        return data
    known = np.sort(data.y[data.labelled])
    normal = ndtri((np.arange(len(known)) + 0.5) / len(known))
    scale = float(np.std(known)) or 1.0
    target = scale * normal if kind == "number" else known.mean() * np.exp(LOG_DEVIATION * normal)
    y, echo = (np.where(np.isnan(v), np.nan, np.interp(v, known, target)) for v in (data.y, data.echo))
    return replace(data, y=y, echo=echo)


def _shuffled(data: Dataset, horizon: int, seed: int) -> Dataset:
    """Blocks of labels in another order, across instruments too: one may simply be livelier than another."""
    rows = np.flatnonzero(data.labelled)
    blocks = np.array_split(rows, max(2, len(rows) // max(SMALLEST_BLOCK, 3 * horizon)))
    order = stream(seed, "audit", "shuffle").permutation(len(blocks))
    y = data.y.copy()
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
