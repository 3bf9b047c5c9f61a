"""A model under trial: planted data whose answer is known, and one way to fit and forecast for both bases."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from candlewick.core import random
from candlewick.core.clock import NS_PER_SECOND
from candlewick.models import Estimator, Model, Network
from candlewick.models._base import Weights
from candlewick.models._heads import Belief, Classes, Gaussian, Head, HeadScale, Point, Quantile, Variance
from candlewick.models._spread import around, fit_spread
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train.recipe import Recipe
from candlewick.train.schedules import Constant

HEADS: tuple[Head, ...] = (Point(), Variance(), Gaussian(), Quantile(), Classes(classes=3))
BARS, LENGTH, WIDTH = 1600, 6, 3
FIRST, CUT, TEST = 100, 1100, 1110
"""Training rows are FIRST .. CUT - 1, test rows TEST .. BARS - 2; the label of the last bar is not known."""

_MINUTE = 60 * NS_PER_SECOND

RECIPE = Recipe(epochs=8, batch=32, learning_rate=3e-3, patience=None, schedule=Constant())
"""How networks are trained in a trial."""


def dataset(
    x: np.ndarray,
    y: np.ndarray,
    *,
    echo: np.ndarray | None = None,
    length: int = 1,
    horizon: int = 1,
    symbol: np.ndarray | None = None,
) -> Dataset:
    """Feature rows and labels as they are, one bar a minute; the label is known `horizon` bars later.

    One instrument, unless `symbol` (increasing) says which each row is of. Without `echo` the label has none.
    """
    n = len(y)
    symbol = np.zeros(n, np.int64) if symbol is None else np.asarray(symbol, np.int64)
    first = np.searchsorted(symbol, symbol)
    bar = np.arange(n) - first
    t = _MINUTE * bar.astype(np.int64)
    return Dataset(
        x=np.asarray(x, np.float32),
        columns=tuple(f"x{k}" for k in range(np.shape(x)[1])),
        t=t,
        symbol=symbol,
        symbols=tuple(f"S{k}" for k in range(symbol[-1] + 1)),
        y=np.asarray(y, np.float64),
        known_at=t + horizon * _MINUTE,
        echo=np.full(n, np.nan) if echo is None else np.asarray(echo, np.float64),
        start=t[np.maximum(np.arange(n) - length + 1, first)],
        length=length,
        ready=bar >= length - 1,
    )


def samples(x: np.ndarray, y: np.ndarray, **options: Any) -> Samples:
    """All samples of `dataset(x, y, ...)` whose window is whole."""
    data = dataset(x, y, **options)
    return Samples(data, np.flatnonzero(data.ready))


def fit_decode(
    model: Estimator, head: Head, train: Samples, test: Samples | None = None, *, seed: int = 0
) -> tuple[Weights, Belief]:
    """Fitted weights, and the belief about `test` (by default about the training samples)."""
    scale = head.fit_scale(train.y)
    weights = model.fit(train, head=head, scale=scale, seed=seed)
    return weights, head.decode(model.predict(weights, test or train, head=head, scale=scale), scale)


def planted(head: Head, seed: int, *, shuffled: bool = False) -> Dataset:
    """One instrument whose label is the next value of a persistent hidden state, in the form the head expects.

    Column 0 shows the state with a little noise and the echo is the label before, so that either is enough to
    forecast well. `shuffled` deals the labels out at random (and the echoes with them): nothing can be forecast.
    """
    rng = random.stream(seed, "planted", type(head).__name__)
    state = np.zeros(BARS + 1)
    for i in range(1, BARS + 1):
        state[i] = 0.95 * state[i - 1] + np.sqrt(1 - 0.95**2) * rng.standard_normal()
    y = _label(head, state[1:], rng)
    x = rng.standard_normal((BARS, WIDTH))
    x[:, 0] = state[:-1] + 0.1 * x[:, 0]
    if shuffled:
        rng.shuffle(y)
    echo = np.concatenate([[np.nan], y[:-1]])
    y[-1] = np.nan
    return dataset(x, y, echo=echo, length=LENGTH)


def _label(head: Head, state: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if isinstance(head, Variance):
        return np.exp(state) * rng.gamma(25.0, 0.04, len(state))
    if isinstance(head, Classes):
        return np.digitize(state, np.quantile(state, np.arange(1, head.classes) / head.classes)).astype(float)
    return state.copy()


@dataclass(frozen=True, eq=False)
class Trial:
    """A model with one head, and the data it is tried on."""

    model: Model
    head: Head
    seed: int = 0

    @cached_property
    def data(self) -> Dataset:
        """The planted dataset."""
        return planted(self.head, self.seed)

    @cached_property
    def weights(self) -> Weights:
        """Fitted on the training rows of `data`."""
        return self.fit(self.data)

    @cached_property
    def raw(self) -> np.ndarray:
        """Raw forecasts of the test rows of `data`."""
        return self.predict(self.weights, self.data)

    def fit(self, data: Dataset) -> Weights:
        """Weights from the training rows of `data`."""
        train = Samples(data, np.arange(FIRST, CUT))
        scale = self.scale(data)
        if isinstance(self.model, Estimator):
            return self.model.fit(train, head=self.head, scale=scale, seed=self.seed)
        from candlewick.train.loop import fit

        assert isinstance(self.model, Network)
        nothing = Samples(data, np.empty(0, np.int64))
        return fit(self.model, train, nothing, head=self.head, scale=scale, recipe=RECIPE, seed=self.seed).weights

    def predict(self, weights: Weights, data: Dataset, index: np.ndarray | None = None) -> np.ndarray:
        """Raw outputs at `index`, by default the test rows."""
        samples = Samples(data, np.arange(TEST, BARS - 1) if index is None else index)
        if isinstance(self.model, Estimator):
            return self.model.predict(weights, samples, head=self.head, scale=self.scale(data))
        from candlewick.train.infer import predict

        assert isinstance(self.model, Network)
        return predict(self.model, weights, samples, head=self.head, recipe=RECIPE)

    def scale(self, data: Dataset) -> HeadScale:
        """The head's units from the training labels."""
        return self.head.fit_scale(data.y[FIRST:CUT])

    def skill(self, data: Dataset, raw: np.ndarray) -> float:
        """How many standard errors the mean test loss lies below that of the best constant in hindsight.

        The constant is taken from the test labels themselves: where the state wanders, a constant from the training
        labels can be beaten by another constant.
        """
        y, scale = data.y[TEST : BARS - 1], self.scale(data)
        gain = losses(self.head, constant(self.head, y, scale), y, scale) - losses(self.head, raw, y, scale)
        return float(np.mean(gain) / max(np.std(gain) / np.sqrt(len(gain)), 1e-12))


def constant(head: Head, y: np.ndarray, scale: HeadScale) -> np.ndarray:
    """Raw outputs (m, outputs) of one forecast for all: mean, deviation, quantiles or class frequencies of `y`."""
    if isinstance(head, Classes):
        shares = np.bincount(y.astype(np.int64), minlength=head.classes) / len(y)
        return head.encode(Belief(y, probabilities=np.tile(shares, (len(y), 1))), scale)
    mean = np.full(len(y), np.mean(y))
    return head.encode(around(head, mean, fit_spread(head, y - mean)), scale)


def losses(head: Head, raw: np.ndarray, y: np.ndarray, scale: HeadScale) -> np.ndarray:
    """Loss of each forecast, (m,): squared error, QLIKE, log score, mean pinball or log loss, by the head."""
    belief = head.decode(raw, scale)
    if belief.probabilities is not None:
        chosen = belief.probabilities[np.arange(len(y)), y.astype(np.int64)]
        return -np.log(np.maximum(chosen, 1e-12))
    if isinstance(head, Variance):
        return y / belief.value - np.log(y / belief.value) - 1
    if belief.deviation is not None:
        return np.log(belief.deviation) + 0.5 * np.square((y - belief.value) / belief.deviation)
    if belief.quantiles is not None:
        error = y[:, None] - belief.quantiles
        levels = np.array(belief.levels)
        return np.asarray(np.mean(np.maximum(levels * error, (levels - 1) * error), axis=1))
    return np.square(y - belief.value)
