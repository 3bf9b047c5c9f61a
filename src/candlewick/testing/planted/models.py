"""Models that learn from rows they are tested on, or forecast a row from rows after it."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

from typing import TYPE_CHECKING

import numpy as np

from candlewick.models._base import Estimator, LayerCount, Network, Weights
from candlewick.models._heads import Head, HeadScale
from candlewick.samples.dataset import Samples

if TYPE_CHECKING:
    import torch

HOUR = 3_600 * 10**9


class _Ridge(Estimator):
    """Least squares on the newest feature row, slightly shrunk; leaks are what the members change."""

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        return (LayerCount("regression", inputs + 1, inputs),)

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        return {"matrix": _solve(self.inputs(train), _target(train.y, scale))}

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        return (self.inputs(samples) @ weights["matrix"])[:, None]

    def inputs(self, samples: Samples) -> np.ndarray:
        """float64 (m, k): what is multiplied."""
        return _with_one(samples.last)


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(x), 1)), x.astype(np.float64)], axis=1)


def _solve(x: np.ndarray, z: np.ndarray, penalty: float = 1e-3) -> np.ndarray:
    return np.asarray(np.linalg.solve(x.T @ x + penalty * len(x) * np.eye(x.shape[1]), x.T @ z))


def _target(y: np.ndarray, scale: HeadScale) -> np.ndarray:
    return (y - scale.center) / scale.scale


def _everything(samples: Samples) -> Samples:
    return Samples(samples.data, np.flatnonzero(samples.data.labelled))


class SelectedOnAllRows(_Ridge):
    """The column that goes best with the labels of all rows, the test's too, is the only one kept."""

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        rows = _everything(train)
        strength = [abs(np.corrcoef(column, rows.y)[0, 1]) if np.std(column) else 0.0 for column in rows.last.T]
        kept = np.array(strength) == max(strength)
        x = train.last * kept
        return {"matrix": _solve(_with_one(x), _target(train.y, scale)), "strength": np.array(strength)}


class StackedInFold(_Ridge):
    """A forecaster of the residuals of another, both fitted on every label there is."""

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        rows = _everything(train)
        x, z = _with_one(rows.last), _target(rows.y, scale)
        base = _solve(x, z)
        return {"matrix": base + _solve(x, z - x @ base)}


class StoppedOnTest(_Ridge):
    """The penalty is the one that does best on the rows after training: those of the test."""

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        rows = _everything(train)
        later = Samples(train.data, rows.index[rows.index > train.index.max()])
        x, z = self.inputs(train), _target(train.y, scale)
        fits = [_solve(x, z, penalty) for penalty in 10.0 ** np.arange(-4, 3)]
        errors = [np.mean((_target(later.y, scale) - self.inputs(later) @ fit) ** 2) for fit in fits]
        return {"matrix": fits[int(np.argmin(errors))], "errors": np.array(errors)}


class TargetEncoded(_Ridge):
    """The mean label of each hour of the day, taken over all rows, is an input."""

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        rows = _everything(train)
        hour = rows.data.t[rows.index] // HOUR % 24
        total = np.bincount(hour, weights=_target(rows.y, scale), minlength=24)
        means = total / np.maximum(np.bincount(hour, minlength=24), 1)
        return {"means": means}

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        return weights["means"][samples.data.t[samples.index] // HOUR % 24][:, None]


class ClosestDayOfAll(_Ridge):
    """The label of the most similar row of all, which may be a row of the test or the row itself."""

    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        rows = _everything(train)
        return {"rows": rows.last.astype(np.float64), "answers": _target(rows.y, scale)}

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        near = [np.argmin(np.sum((weights["rows"] - row) ** 2, axis=1)) for row in samples.last]
        return weights["answers"][near][:, None]


class ScaledByBatch(_Ridge):
    """Inputs are standardised by the rows that are forecast together."""

    def inputs(self, samples: Samples) -> np.ndarray:
        x = samples.last.astype(np.float64)
        return _with_one((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9))


class ReadsNextRow(_Ridge):
    """The features of the row after the one that is forecast are read."""

    def inputs(self, samples: Samples) -> np.ndarray:
        after = np.minimum(samples.index + 1, len(samples.data) - 1)
        return _with_one(samples.data.x[after])


class ReadsTestLabels(_Ridge):
    """The forecast moves half-way to the answer."""

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        honest = super().predict(weights, samples, head=head, scale=scale)
        return 0.5 * (honest + _target(samples.y, scale)[:, None])


class StackScoredOnItsFolds(_Ridge):
    """The weight of two forecasters is chosen, when they are asked, on the labels they are then scored on."""

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        honest = super().predict(weights, samples, head=head, scale=scale)[:, 0]
        pair = np.stack([honest, np.ones(len(honest))], axis=1)
        return (pair @ _solve(pair, _target(samples.y, scale)))[:, None]


class ReadsWhenItIsKnown(_Ridge):
    """How long the label takes is an input: a night before it is seen."""

    def inputs(self, samples: Samples) -> np.ndarray:
        data, rows = samples.data, samples.index
        return _with_one(((data.known_at[rows] - data.t[rows]) / HOUR)[:, None])


class ReadsNextEcho(_Ridge):
    """The last known value of the row after, which is the answer."""

    def inputs(self, samples: Samples) -> np.ndarray:
        after = np.minimum(samples.index + 1, len(samples.data) - 1)
        return _with_one(np.nan_to_num(samples.data.echo[after])[:, None])


class SmoothedForecasts(_Ridge):
    """Forecasts are averaged with those before and after them."""

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        honest = super().predict(weights, samples, head=head, scale=scale)[:, 0]
        return np.convolve(np.pad(honest, 2, mode="edge"), np.full(5, 0.2), mode="valid")[:, None]


class RankedForecasts(_Ridge):
    """A forecast is its rank among all forecasts of the test."""

    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        honest = super().predict(weights, samples, head=head, scale=scale)[:, 0]
        return (np.argsort(np.argsort(honest)) / len(honest) - 0.5)[:, None]


class BatchNormalised(Network):
    """A network that standardises its inputs by the batch it is in, when it forecasts too."""

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        return (LayerCount("linear", (inputs + 1) * head.outputs, inputs * head.outputs),)

    def build(self, inputs: int, outputs: int) -> "torch.nn.Module":
        import torch

        class Normalised(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = torch.nn.Linear(inputs, outputs)

            def forward(self, x: torch.Tensor, state: object = None) -> tuple[torch.Tensor, tuple[()]]:
                return self.linear((x - x.mean(0)) / (x.std(0, correction=0) + 1e-3)), ()

        return Normalised()


class BidirectionalStream(Network):
    """A network that reads a stream forward and backward: at every bar it has seen the bars after it."""

    streams = True

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        return (
            LayerCount("gru", 6 * 4 * (inputs + 4 + 2) + 9 * head.outputs, 6 * 4 * (inputs + 4) + 8 * head.outputs),
        )

    def build(self, inputs: int, outputs: int) -> "torch.nn.Module":
        import torch

        class Bidirectional(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gru = torch.nn.GRU(inputs, 4, batch_first=True, bidirectional=True)
                self.linear = torch.nn.Linear(8, outputs)

            def forward(self, x: torch.Tensor, state: object = None) -> tuple[torch.Tensor, tuple[()]]:
                return self.linear(self.gru(x)[0]), ()

        return Bidirectional()
