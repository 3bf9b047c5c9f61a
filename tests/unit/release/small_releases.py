"""Releases small enough for a test, made of fits by the lab's own code without a whole run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core.spec import canonical_json
from candlewick.core.versions import versions
from candlewick.data.bars import Bars, Panel
from candlewick.evaluate.costs import Costs
from candlewick.lab.experiment import Experiment
from candlewick.lab.unit import fit
from candlewick.models._base import Network
from candlewick.release.bundle import EXPERIMENT, MODEL, REFERENCE
from candlewick.release.card import schema_hash, symbols_of
from candlewick.release.golden import GOLDEN, Golden, compared
from candlewick.release.make import LIBRARIES, usual_step_ns
from candlewick.release.publish import publish
from candlewick.release.registry import Registry
from candlewick.runtime import store
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.members import portable, without_place
from candlewick.runtime.reference import Reference
from candlewick.runtime.replay import replay
from candlewick.samples.build import build

HOUR = 3_600 * 10**9
BEGIN = 1_700_000_000 * 10**9 // HOUR * HOUR

FEATURES: list[dict[str, Any]] = [
    {"name": "parkinson_volatility", "length": 1, "unit": "log_volatility"},
    {"name": "log_return", "length": 3},
]
LABEL: dict[str, Any] = {"name": "forward_volatility", "estimator": "parkinson", "horizon": 1}
LSTM: dict[str, Any] = {"name": "lstm", "layers": 1, "hidden": 8, "dropout": 0.0}
POLICY: dict[str, Any] = {"name": "volatility_target"}


def market(symbols: tuple[str, ...] = ("A",), bars: int = 500, *, seed: int = 0) -> Panel:
    """Hourly bars with open, high, low, close and volume, all instruments at the same times."""
    rng = np.random.default_rng(seed)
    instruments = []
    for symbol in symbols:
        spread = np.exp(rng.standard_normal(bars) / 3 - 5)
        close = 100 * np.exp(np.cumsum(rng.standard_normal(bars) * spread))
        opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.standard_normal(bars) * 1e-4)
        high = np.maximum(opened, close) * np.exp(spread * rng.random(bars))
        low = np.minimum(opened, close) * np.exp(-spread * rng.random(bars))
        columns = {"open": opened, "high": high, "low": low, "close": close, "volume": rng.random(bars) * 1e3}
        instruments.append(Bars.of(symbol, BEGIN + HOUR * np.arange(1, bars + 1), columns, interval_ns=HOUR))
    return Panel(tuple(instruments))


def small_exported(panel: Panel, model: Any = "linear", **changes: Any) -> tuple[Exported, Experiment]:
    """Fit a model on the first part of a panel; a network is trained for one epoch on streams."""
    experiment = Experiment.of({
        "data": "given", "features": FEATURES, "label": LABEL, "length": 24,
        "split": {"name": "holdout", "test": 0.4}, "model": LSTM if model == "lstm" else model, "scaler": "standard",
        "baselines": [], "policy": None, "seeds": [0],
        "train": {"sampling": "streams", "epochs": 1, "batch": 4, "chunk": 16, "warmup": 16}, **changes,
    })  # fmt: skip
    data, _ = build(panel, experiment.feature_set, experiment.label, length=experiment.length)
    fold = experiment.split.folds(data, streams=False)[0]
    fitted, _ = fit(experiment, data, fold, experiment.model, 0)
    streams = isinstance(experiment.model, Network) and experiment.train.sampling == "streams"
    exported = Exported(
        features=experiment.feature_set, label=experiment.label, length=experiment.length, model=experiment.model,
        weights=fitted.weights, scaler=fitted.scaler, head=experiment.answer, scale=fitted.scale, streams=streams,
        warmup=experiment.train.warmup if streams else 0,
        lineage={"run": "small", "model": experiment.model_label, "fold": 0, "seed": 0, "data": panel.content_hash},
    )  # fmt: skip
    if isinstance(experiment.model, Network):
        from candlewick.train.export import to_graph

        graph = to_graph(
            experiment.model, fitted.weights, inputs=experiment.feature_set.width, head=experiment.answer,
            length=experiment.length, streams=streams,
        )  # fmt: skip
        exported = replace(exported, graphs={"fp32": graph})
    return exported, experiment


def small_release(
    folder: Path, model: Any = "linear", *, policy: Any = POLICY, symbols: tuple[str, ...] = ("A",), bars: int = 500,
    seed: int = 0, forced: str = "", passed: bool = True, **changes: Any,
) -> tuple[str, Panel]:  # fmt: skip
    """Write a release into `folder/releases` and register it; gives its id and the bars it was made of.

    `model` is "linear", "har", "lstm" or an entry of models; `changes` replace keys of the experiment (`label`,
    `features`, `scaler` ...).
    """
    panel = market(symbols, bars, seed=seed)
    exported, experiment = small_exported(panel, model, policy=policy, **changes)
    contents, card = parts(exported, experiment, panel, forced=forced, passed=passed)
    release, _ = publish(contents, card, folder)
    Registry(folder).register(release, origin="run", reason=forced)
    return release, panel


def parts(
    exported: Exported, experiment: Experiment, panel: Panel, *, forced: str = "", passed: bool = True, **changes: Any
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a release and its card, whose keys `changes` replaces."""
    setting = candidates(exported)[0]
    stretch = Panel(tuple(bars[-(exported.anchor + 60) :] for bars in panel.bars))
    replayed = replay(exported, open_session(exported, setting), stretch)
    spread = compared(replayed.belief).std(axis=0)
    last = Panel(tuple(bars[-(exported.anchor + 8) :] for bars in panel.bars))
    contents = {f"{MODEL}/{name}": data for name, data in store.contents(exported, placeless=True).items()} | {
        GOLDEN: Golden.made(exported, last, setting, spread).packed(),
        REFERENCE: Reference.of(exported, stretch, replayed, setting).packed(),
        EXPERIMENT: canonical_json({"title": "small", "label": experiment.label.to_dict()}),
    }
    sources = {without_place(name): digest for name, digest in experiment.sources.items()}
    label = experiment.model_label
    card = {
        "format": 1, "title": "a small release", "model": label, "content_id": exported.content_id,
        "interval_ns": HOUR, "usual_step_ns": usual_step_ns(panel, HOUR), "columns": list(exported.columns),
        "symbols": symbols_of(exported), "nonpositive": False, "bars_per_year": 8_766.0, "fill": "next_open",
        "policy": portable(experiment.policy) if experiment.policy else None,
        "costs": Costs().model_dump(mode="json"), "schema_hash": schema_hash(exported), "sources": sources,
        "verdict": {"passed": passed, "use": label, "sentences": [f"Made for a test with {label}."]},
        "forced": forced, "lineage": exported.lineage, "made_by": versions(LIBRARIES), **changes,
    }  # fmt: skip
    return contents, card
