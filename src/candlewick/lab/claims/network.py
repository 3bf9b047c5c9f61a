"""The network that the figures are about, ready to train or to run: fresh weights, forty feature columns."""

from typing import Any

import numpy as np

from candlewick.features._set import FeatureSet
from candlewick.labels.forward_return import ForwardReturn
from candlewick.models._base import Weights
from candlewick.models._heads import HeadScale, Point
from candlewick.models.lstm import Lstm
from candlewick.runtime.exported import Exported, Judged

LAYERS, HIDDEN, PROJECTION = 5, 512, 256

FEATURES: tuple[Any, ...] = (
    "relative_transform",
    "candle_shape",
    "time_of_day",
    *({"name": "log_return", "length": bars} for bars in (2, 3, 5, 10, 22, 60)),
    *({"name": "realised_volatility", "length": bars, "unit": "log_volatility"} for bars in (5, 10, 22, 60)),
    *({"name": "parkinson_volatility", "length": bars, "unit": "log_volatility"} for bars in (1, 5, 10, 22, 60)),
    *({"name": "ema_gap", "length": bars} for bars in (10, 20, 50)),
    *({"name": "rsi", "length": bars} for bars in (7, 14)),
    *({"name": "rolling_zscore", "length": 22, "column": column} for column in ("close", "volume")),
)
"""Packaged features, forty columns."""

INPUTS = 40


def published(layers: int = LAYERS, hidden: int = HIDDEN) -> Lstm:
    """Layers of 512 behind a projection to 256, with layer norm, dropout and identity skips.

    >>> published().skips
    ((2, 3), (3, 5))
    """
    return Lstm(layers=layers, hidden=hidden, projection=min(PROJECTION, hidden), dropout=0.2)


def deployed(network: Lstm, *, length: int | None = None, weights: Weights | None = None) -> Exported:
    """The network exported with fresh weights, or with `weights`; with `length` it reads whole windows of bars.

    Reduced precisions are allowed without having been judged: fresh weights have no skill to lose, and only their
    speed and their distance from fp32 are of interest here.
    """
    from candlewick.train.export import quantised, to_graph

    features, head = FeatureSet.of(FEATURES), Point()
    weights = fresh_weights(network) if weights is None else weights
    streams, rows = length is None, length or 1
    graph = to_graph(network, weights, inputs=features.width, head=head, length=rows, streams=streams)
    scaler = {
        "center": np.zeros((1, features.width)), "scale": np.ones((1, features.width)), "clip": np.array([10.0]),
        "constant": np.zeros((1, features.width), dtype=bool), "symbols": np.zeros(0, dtype=np.uint8),
    }  # fmt: skip
    judged = {precision: Judged(True, 0.0, None, 0, "not judged: fresh weights") for precision in ("bf16", "int8")}
    return Exported(
        features=features, label=ForwardReturn(horizon=1), length=rows, model=network, weights=weights,
        scaler=scaler, head=head, scale=HeadScale(0.0, 1.0), streams=streams, warmup=0,
        graphs={"fp32": graph, "int8": quantised(graph)}, precisions=judged,
    )  # fmt: skip


def fresh_weights(network: Lstm) -> Weights:
    """Weights as torch draws them, forty inputs and a head of one output."""
    return {name: array.numpy() for name, array in network.build(INPUTS, 1).state_dict().items()}


def multiply_adds(network: Lstm) -> int:
    """Of one step of one sequence.

    >>> f"{multiply_adds(published()):,}"
    '9,972,224'
    """
    return sum(layer.multiply_adds for layer in network.count(INPUTS, Point(), 1))
