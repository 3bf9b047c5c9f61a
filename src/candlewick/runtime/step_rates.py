"""Short measurements of what a live forecast is made of: the step of a network, and all that stands around it."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from candlewick.core.clock import elapsed_ns
from candlewick.core.random import stream
from candlewick.features import FEATURES
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.models._base import Weights
from candlewick.models._heads import HeadScale, Point
from candlewick.models._trees import walk
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.runtime.engine import Engine
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.exported import Exported
from candlewick.runtime.kernels.residual_lstm import CompiledLstm, compiled_precisions
from candlewick.runtime.rates import Trial, timed
from candlewick.runtime.session import Precision, Session

LAYERS, HIDDEN, BATCHES = 3, (16, 64, 256, 512), (1, 32)
"""Sizes of the networks that are stepped."""

COLUMNS = (4, 40)
"""Feature columns of the engines that are tried."""

_STEPS = {1: 300, 32: 100}  # of one trial of an engine, enough for a 99th percentile
_TREES, _DEPTH = 200, 4


def trials(threads: int) -> Iterator[Trial]:
    """Steps of estimators and of whole engines; none on more than one thread, for they take no more.

    Shapes: `estimator step` (batch, columns); `tree walk` (rows, comparisons a row); `engine` and `engine p99`
    (instruments, columns), a linear model's whole way from bar to forecast.
    """
    if threads == 1:
        yield _trees()
        for instruments, columns in itertools.product(BATCHES, COLUMNS):
            yield from _engine(instruments, columns)


def network_trials(precision: Precision, threads: int) -> Iterator[Trial]:
    """Steps of compiled networks, shape (batch, hidden, layers), which may have to be compiled first."""
    for hidden in HIDDEN:
        spec = Lstm(layers=LAYERS, hidden=hidden)
        if precision in compiled_precisions(spec):
            yield from _network(spec, precision, threads)


def _network(spec: Lstm, precision: Precision, threads: int) -> Iterator[Trial]:
    session = CompiledLstm(
        spec, _weights(spec), inputs=spec.hidden, outputs=1, streams=True, length=1,
        precision=precision, threads=threads,
    )  # fmt: skip
    for batch in BATCHES:
        step = _step(session, batch)
        times = max(4, 2**26 // (batch * spec.hidden**2 * LAYERS * 8 + 2**18))
        shape = (batch, spec.hidden, spec.layers)
        yield Trial("step", "compiled", precision, threads, shape, 1.0, partial(_hot, step, times))


def _hot(step: Callable[[], None], times: int) -> float:
    for _ in range(3):
        step()  # other trials took the weights' place in the cache
    return timed(step, times)


def _step(session: Session, batch: int) -> "partial[None]":
    lanes = session.begin(batch)
    lanes.x[:] = stream(0, "trials").standard_normal(lanes.x.shape)
    lanes.echo[:] = 1.0
    return partial(lanes.step, batch)


def _weights(spec: Lstm) -> Weights:
    rng, hidden = stream(0, "trials"), spec.hidden
    weights: Weights = {"head.weight": np.ones((1, hidden), np.float32), "head.bias": np.zeros(1, np.float32)}
    for k in range(spec.layers):
        for name in ("ih", "hh"):
            weights[f"lstm.{k}.weight_{name}_l0"] = rng.random((4 * hidden, hidden), np.float32) / hidden
            weights[f"lstm.{k}.bias_{name}_l0"] = np.zeros(4 * hidden, np.float32)
        weights[f"norm.{k}.weight"], weights[f"norm.{k}.bias"] = np.ones((2, hidden), np.float32)
    return weights


def _trees() -> Trial:
    """Full trees of `_DEPTH` levels that all lead to their leaves in the middle of what they compare."""
    inner, nodes = 2**_DEPTH - 1, 2 ** (_DEPTH + 1) - 1
    own = np.arange(nodes)
    first = np.repeat(np.arange(_TREES) * nodes, nodes).astype(np.int32)
    inside = np.tile(own < inner, _TREES)
    rng = stream(0, "trials")
    weights = {
        "feature": rng.integers(0, COLUMNS[-1], _TREES * nodes).astype(np.int32),
        "threshold": rng.standard_normal(_TREES * nodes), "value": np.ones(_TREES * nodes),
        "left": np.where(inside, first + np.tile(2 * own + 1, _TREES), -1).astype(np.int32),
        "right": np.where(inside, first + np.tile(2 * own + 2, _TREES), -1).astype(np.int32),
        "root": np.arange(_TREES) * nodes, "column": np.zeros(_TREES, np.int64), "baseline": np.zeros(1),
    }  # fmt: skip
    x = rng.standard_normal((1, COLUMNS[-1]))
    return Trial(
        "tree walk", "estimator", "fp32", 1, (1, _TREES * _DEPTH), 1.0, partial(timed, partial(walk, weights, x), 50)
    )


def _engine(instruments: int, columns: int) -> Iterator[Trial]:
    exported = _linear(columns)
    session = EstimatorSession(exported)
    shape, step = (instruments, columns), partial(timed, _step(session, instruments), 50)
    yield Trial("estimator step", "estimator", "fp32", 1, shape, 1.0, step)
    engine = Engine(exported, [f"instrument {k}" for k in range(instruments)], session)
    rows = 100.0 + stream(0, "trials").random((_STEPS[instruments], instruments, len(exported.columns)))
    for what, share in (("engine", 0.5), ("engine p99", 0.99)):
        yield Trial(what, "estimator", "fp32", 1, shape, 1.0, partial(_quantile, engine, rows, share))


def _quantile(engine: Engine, rows: np.ndarray, share: float) -> float:
    taken = np.empty(len(rows))
    for k, row in enumerate(rows):
        began = elapsed_ns()
        engine.step(began, row)
        taken[k] = elapsed_ns() - began
    return float(np.quantile(taken, share)) / 1e9


def _linear(columns: int) -> Exported:
    features = FeatureSet.of([FEATURES.build({"name": "log_return", "length": k + 1}) for k in range(columns)])
    scaler = {
        "center": np.zeros((1, columns)), "scale": np.ones((1, columns)), "clip": np.array([9.0]),
        "symbols": np.empty(0, np.uint8),
    }  # fmt: skip
    weights = {"matrix": np.ones((columns, 1)), "intercept": np.zeros(1), "spread": np.empty(0)}
    return Exported(
        features=features, label=LABELS.build("forward_return"), length=1, model=Linear(), weights=weights,
        scaler=scaler, head=Point(), scale=HeadScale(0.0, 1.0), streams=False, warmup=0,
    )  # fmt: skip
