"""A trained model with everything that serving it needs, in memory and on disk."""

import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from candlewick.core.spec import canonical_json
from candlewick.features._set import FeatureSet
from candlewick.labels._base import Label
from candlewick.models._base import Model, Weights
from candlewick.models._heads import Head, HeadScale


@dataclass(frozen=True)
class Judged:
    """Whether a reduced precision may serve, and the figures that decided it.

    Attributes:
        allowed: it stays within the limits.
        difference: RMS of its forecasts minus fp32's, as a share of the standard deviation of fp32's.
        skill_lost: share of fp32's skill over the trivial baseline that it loses; None where fp32 has no skill.
        steps: streamed steps (or windows) that were compared.
        reason: a sentence with the figures.
    """

    allowed: bool
    difference: float
    skill_lost: float | None
    steps: int
    reason: str


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as ONNX without its weights, and the weights by the names that the graph gives them.

    Attributes:
        proto: bytes of a ModelProto whose only initializers are small constants: shapes, indices.
        weights: arrays that are appended to it as initializers when it is loaded; the network's own are called
            `weights.NAME`.
        opset: version of the standard operator set.
    """

    proto: bytes
    weights: Weights
    opset: int


@dataclass(frozen=True, eq=False)
class Exported:
    """One fitted model: features, scaler, label, head, weights.

    Attributes:
        features: from bars to the model's columns.
        label: what is forecast; its echo feature is run where the model reads it.
        length: rows of a sample's window.
        model: the spec.
        weights: fitted arrays, as training gave them.
        scaler: the fitted scaler's arrays.
        head: turns raw outputs into beliefs.
        scale: the label's units.
        streams: whether the model carries state from bar to bar instead of reading whole windows.
        warmup: feature rows that a carried state is stepped over before the first forecast; 0 for windows.
        calibration: what `calibrate.fit` gave, applied to raw outputs before the head; empty for none.
        graphs: ONNX graphs of a network by precision, "fp32" at least; empty for estimators.
        precisions: for "bf16" and "int8", whether they may serve.
        lineage: where it comes from: run, model label, fold, seed, data hash, evidence; plain data.
    """

    features: FeatureSet
    label: Label
    length: int
    model: Model
    weights: Weights
    scaler: dict[str, np.ndarray]
    head: Head
    scale: HeadScale
    streams: bool
    warmup: int
    calibration: dict[str, np.ndarray] = field(default_factory=dict)
    graphs: dict[str, Graph] = field(default_factory=dict)
    precisions: dict[str, Judged] = field(default_factory=dict)
    lineage: dict[str, object] = field(default_factory=dict)

    @cached_property
    def echo(self) -> FeatureSet | None:
        """The feature that states the label's last known value; None where the label has none."""
        return FeatureSet.of((self.label.echo,)) if self.label.echo is not None else None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of a bar that are read, in the order the engine takes them."""
        return tuple(dict.fromkeys((*self.features.columns, *(self.echo.columns if self.echo else ()))))

    @cached_property
    def content_id(self) -> str:
        """16 hex digits of sha256 over all that its forecasts depend on: specs, arrays, units and graphs."""
        specs = (
            *(feature.identity() for feature in self.features.features),
            *(spec.identity() for spec in (self.label, self.model, self.head)),
        )
        digest = hashlib.sha256(canonical_json([*specs, self.length, asdict(self.scale), self.streams, self.warmup]))
        graphs = sorted(self.graphs.items())
        for precision, graph in graphs:
            digest.update(f"|{precision}|{graph.opset}|{len(graph.proto)}|".encode() + graph.proto)
        for arrays in (self.weights, self.scaler, self.calibration, *(graph.weights for _, graph in graphs)):
            for name, array in sorted(arrays.items()):
                digest.update(f"|{name}|{array.dtype.str}|{array.shape}|".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    @property
    def anchor(self) -> int:
        """Bars between the zero state and the first forecast: features, window and carried state are warm by then."""
        features = max(self.features.warmup, self.echo.warmup if self.echo else 1) - 1
        return features + max(self.length - 1, self.warmup)
