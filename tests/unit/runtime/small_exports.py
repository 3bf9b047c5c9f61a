"""Fitted models small enough for a test, exported as a run exports them, and the forecasts the run itself makes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from candlewick.data.bars import Bars, Panel
from candlewick.lab.experiment import Experiment
from candlewick.lab.unit import Fitted, fit, forecast
from candlewick.models._base import Network
from candlewick.models._heads import Belief
from candlewick.runtime.exported import Exported
from candlewick.runtime.session import Lanes, Session
from candlewick.samples.build import build
from candlewick.samples.dataset import Dataset

HOUR = 3_600 * 10**9

VOLATILITY: dict[str, Any] = {
    "features": [
        {"name": "parkinson_volatility", "length": 1, "unit": "log_volatility"},
        {"name": "parkinson_volatility", "length": 5, "unit": "log_volatility"},
        {"name": "log_return", "length": 3},
    ],
    "label": {"name": "forward_volatility", "estimator": "parkinson", "horizon": 2},
}
RETURN: dict[str, Any] = {
    "features": ["log_return", {"name": "log_return", "length": 4}],
    "label": {"name": "forward_return", "horizon": 2},
}
DIRECTION: dict[str, Any] = {**RETURN, "label": {"name": "direction", "horizon": 3}}


def market(symbols: tuple[str, ...] = ("A",), bars: int = 500, *, seed: int = 0) -> Panel:
    """Hourly bars; every instrument after the first lacks some of them and begins later."""
    rng = np.random.default_rng(seed)
    instruments = []
    for k, symbol in enumerate(symbols):
        spread = np.exp(rng.standard_normal(bars) / 3 - 5)
        close = 100 * np.exp(np.cumsum(rng.standard_normal(bars) * spread))
        high, low = close * np.exp(spread * rng.random(bars)), close * np.exp(-spread * rng.random(bars))
        kept = (rng.random(bars) > 0.1 * (k > 0)) & (np.arange(bars) >= 30 * k)
        columns = {"high": high, "low": low, "close": close}
        t = HOUR * np.arange(1, bars + 1)
        instruments.append(Bars.of(symbol, t[kept], {n: c[kept] for n, c in columns.items()}, interval_ns=HOUR))
    return Panel(tuple(instruments))


@dataclass(frozen=True, eq=False)
class Small:
    """A model fitted on the first half of a panel, and how a run would forecast with it."""

    experiment: Experiment
    data: Dataset
    fitted: Fitted
    exported: Exported

    def forecast(self, index: np.ndarray) -> Belief:
        """As `lab` does it, for rows of the dataset."""
        return forecast(self.experiment, self.data, self.experiment.model, self.fitted, index)


def small(panel: Panel, model: Any, *, asks: dict[str, Any] = VOLATILITY, length: int = 12, **changes: Any) -> Small:
    """Fit `model` by the lab's own code and export it."""
    experiment = Experiment.of({
        "data": "given", **asks, "length": length, "split": {"name": "holdout", "test": 0.4}, "model": model,
        "scaler": "standard", "baselines": [], "policy": None, "seeds": [0],
        "train": {"sampling": "streams", "epochs": 1, "batch": 4, "chunk": 16, "warmup": 16}, **changes,
    })  # fmt: skip
    data, _ = build(panel, experiment.feature_set, experiment.label, length=length)
    fold = experiment.split.folds(data, streams=False)[0]
    fitted, _ = fit(experiment, data, fold, experiment.model, 0)
    streams = isinstance(experiment.model, Network) and experiment.train.sampling == "streams"
    exported = Exported(
        features=experiment.feature_set, label=experiment.label, length=length, model=experiment.model,
        weights=fitted.weights, scaler=fitted.scaler, head=experiment.answer, scale=fitted.scale,
        streams=streams, warmup=experiment.train.warmup if streams else 0,
    )  # fmt: skip
    return Small(experiment, data, fitted, exported)


class FadingSum(Session):
    """A stand-in for a network that streams: state = .9 state + x, each raw output the sum of it."""

    kernel = "compiled"
    precision = "fp32"
    threads = 1

    def __init__(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs = inputs, outputs

    def begin(self, capacity: int) -> "FadingLanes":
        return FadingLanes(self.inputs, self.outputs, capacity)


class FadingLanes(Lanes):
    def __init__(self, inputs: int, outputs: int, capacity: int) -> None:
        self.x = np.zeros((capacity, inputs), np.float32)
        self.echo = np.empty((capacity, 0))
        self.state = (np.zeros((capacity, inputs), np.float32),)
        self.raw = np.zeros((capacity, outputs))
        self.fails = False

    def step(self, rows: int) -> None:
        if self.fails:
            self.state[0][:] = 7.0
            raise RuntimeError("the kernel broke off")
        self.state[0][:rows] = np.float32(0.9) * self.state[0][:rows] + self.x[:rows]
        self.raw[:rows] = self.state[0][:rows].sum(axis=1, keepdims=True) / 100
