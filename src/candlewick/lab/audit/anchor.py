"""Histories that begin at the anchor: the declared warm-up is all that features and forecasts need."""

from dataclasses import replace

import numpy as np

from candlewick.features._set import FeatureSet
from candlewick.lab.audit.causality import memory_fault
from candlewick.lab.audit.fitting import Bench, forecast, values
from candlewick.lab.audit.report import Check, Figure
from candlewick.samples.dataset import Dataset

FADED_SHARE = 0.1
"""Largest change of forecasts, in standard deviations of them, that a later anchor may make where memory fades."""


def truncate_check(bench: Bench, starts: int) -> Check:
    """Features and forecasts stay when history begins at the anchor: the declared warm-up before them."""
    features = bench.experiment.feature_set
    fault, widest = memory_fault(features, bench.panel, starts)
    if fault:
        return Check("truncate", False, fault, {"largest_feature_change": widest})
    figures: dict[str, Figure] = {"largest_feature_change": widest}
    label = bench.experiment.label
    echo = FeatureSet.of((label.echo,)) if label.echo is not None else None
    late, anchor = _late(bench, features, echo)
    if late is None:
        return Check("truncate", True, f"features stay; history is shorter than the anchor's {anchor} bars", figures)
    fold = bench.folds[-1]
    index = fold.test.index[late.ready[fold.test.index] & _deep_enough(late, fold.test.index, bench)]
    fades = features.fade_bound > 0 or (echo is not None and echo.fade_bound > 0)
    for name, model in bench.experiment.models.items():
        fitted = bench.fitted(name, model, fold)
        whole, cut = (values(forecast(bench, model, fitted, d, index)) for d in (bench.data, late))
        change = float(np.sqrt(np.mean((whole - cut) ** 2)) / (np.std(whole[:, 0]) or 1.0)) if len(index) else 0.0
        figures[f"change of {name}"] = change
        if change > (FADED_SHARE if fades else 0.0):
            return Check("truncate", False, _truncate_message(name, anchor, change, fades), figures)
    how = "within what their fading memory allows" if fades else "to the bit"
    return Check("truncate", True, f"forecasts stay {how} when history begins {anchor} bars before them", figures)


def _reach(bench: Bench) -> int:
    """Bars a forecast may depend on: windows, the features' and the echo's warm-up, and the anchor's own bars."""
    label = bench.experiment.label
    warm = FeatureSet.of((label.echo,)).warmup if label.echo is not None else 1
    features = bench.experiment.feature_set.warmup
    return bench.data.length + max(features, warm) + bench.experiment.train.warmup


def _late(bench: Bench, features: FeatureSet, echo: FeatureSet | None) -> tuple[Dataset | None, int]:
    """The dataset of a history that begins `_reach` bars before the last test block; rows before are not known."""
    data, reach = bench.data, _reach(bench)
    x, echoed, ready = np.full_like(data.x, np.nan), np.full_like(data.echo, np.nan), np.zeros_like(data.ready)
    end, any_ = 0, False
    for symbol, bars in enumerate(bench.panel.bars):
        rows = np.arange(end, end := end + len(bars))
        test = bench.folds[-1].test.index
        own = test[data.symbol[test] == symbol]
        if len(own) == 0:
            continue
        begin = max(int(own[0]) - rows[0] - reach, min(len(bars) // 3, len(bars) - reach - 1))
        if begin <= 0:
            continue
        any_ = True
        late = bars[begin:]
        x[rows[begin:]] = features.run(late)
        if echo is not None:
            echoed[rows[begin:]] = echo.run(late)[:, 0]
        first = rows[begin] + data.length - 1 + max(features.warmup, echo.warmup if echo else 1) - 1
        ready[first:end] = data.ready[first:end]
    return (replace(data, x=x, echo=echoed, ready=ready) if any_ else None), reach


def _deep_enough(late: Dataset, index: np.ndarray, bench: Bench) -> np.ndarray:
    """bool per row: at least the anchor's warm-up of ready rows stands before it."""
    seen = np.cumsum(late.ready)
    starts = np.searchsorted(late.symbol, np.arange(len(late.symbols)))
    before = np.where(starts > 0, seen[starts - 1], 0)
    return np.asarray(seen[index] - before[late.symbol[index]] > bench.experiment.train.warmup)


def _truncate_message(name: str, anchor: int, change: float, fades: bool) -> str:
    allowed = f"{FADED_SHARE:g} with fading features" if fades else "not one bit"
    return (
        f"forecasts of {name} change by {change:.3g} of their spread when history begins {anchor} bars before them "
        f"(allowed: {allowed}). They depend on bars older than the anchor's warm-up. Raise train.warmup, or let the "
        "model read its window only."
    )
