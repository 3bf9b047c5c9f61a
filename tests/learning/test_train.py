"""What training must be able to learn, and must not be able to without the mechanism that makes it possible."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from candlewick.models._heads import Classes, Gaussian, Point, Quantile, Variance  # noqa: E402
from candlewick.models.lstm import Lstm  # noqa: E402
from candlewick.samples.dataset import Dataset, Samples  # noqa: E402
from candlewick.train.infer import predict  # noqa: E402
from candlewick.train.loop import fit  # noqa: E402
from candlewick.train.recipe import Recipe  # noqa: E402

BARS = 3000


def dataset(x: np.ndarray, y: np.ndarray, length: int = 4) -> Dataset:
    n = len(x)
    t = np.arange(n) * 60_000_000_000
    return Dataset(
        x=x.astype(np.float32), columns=tuple(f"f{k}" for k in range(x.shape[1])), t=t,
        symbol=np.zeros(n, dtype=np.int64), symbols=("SYN",), y=y.astype(float), known_at=t + 1,
        echo=np.full(n, np.nan), start=t, length=length, ready=np.arange(n) >= length - 1,
    )  # fmt: skip


def held_pulse() -> Dataset:
    """A pulse of +1 or -1 every dozen bars; the label is the last pulse, far beyond a chunk of four bars."""
    rng = np.random.default_rng(0)
    pulse = rng.choice([-1.0, 0.0, 1.0], p=[0.04, 0.92, 0.04], size=BARS)
    last = np.zeros(BARS)
    for i in range(1, BARS):
        last[i] = pulse[i] if pulse[i] else last[i - 1]
    return dataset(pulse[:, None], last)


def forecasts(data: Dataset, head=None, network=None, **changes):
    head = head or Point()
    recipe = Recipe(**{"batch": 8, "chunk": 4, "warmup": 60, "epochs": 12, "learning_rate": 0.01, **changes})
    parts = [Samples(data, np.arange(a, b)) for a, b in ((10, 2200), (2220, 2500), (2520, 2990))]
    scale = head.fit_scale(parts[0].y)
    network = network or Lstm(layers=1, hidden=12, dropout=0.0)
    fitted = fit(network, *parts[:2], head=head, scale=scale, recipe=recipe, seed=0)
    raw = predict(network, fitted.weights, parts[2], head=head, recipe=recipe)
    return head.decode(raw, scale), parts[2].y


class Forgetful(Lstm):
    """Carries nothing from chunk to chunk."""

    def build(self, inputs: int, outputs: int):
        built = super().build(inputs, outputs)
        forward = built.forward
        built.forward = lambda x, state=None: forward(x, None)
        return built


def unexplained(data: Dataset, **settings) -> float:
    belief, y = forecasts(data, **settings)
    return float(np.mean((belief.value - y) ** 2) / np.var(y))


def test_signal_beyond_the_chunk_is_learnt_only_when_state_is_carried():
    data = held_pulse()
    assert unexplained(data, sampling="streams") < 0.15
    forgetful = Forgetful(layers=1, hidden=12, dropout=0.0)
    assert unexplained(data, sampling="streams", network=forgetful) > 0.5
    assert unexplained(data, sampling="windows", batch=32, epochs=3) > 0.5  # a window of four bars cannot know it


def test_every_head_learns_its_own_question():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(BARS, 2))
    size = np.exp(0.5 * x[:, 0])
    noise = rng.normal(size=BARS)
    settings = {"sampling": "streams", "chunk": 16, "warmup": 8, "epochs": 8, "batch": 16}

    variance, _ = forecasts(dataset(x, (size * noise) ** 2), Variance(), **settings)
    expected = size[2520:2990] ** 2
    assert np.corrcoef(np.log(variance.value), np.log(expected))[0, 1] > 0.9
    assert np.mean(variance.value) == pytest.approx(np.mean(expected), rel=0.25)

    for head in (Gaussian(), Quantile()):
        belief, truth = forecasts(dataset(x, x[:, 1] + size * noise), head, **settings)
        inside = np.mean((truth > belief.quantiles[:, 0]) & (truth < belief.quantiles[:, -1]))
        assert 0.8 < inside < 0.97  # of the 5 % and 95 % quantiles
        width = belief.quantiles[:, -1] - belief.quantiles[:, 0]
        assert np.corrcoef(width, size[2520:2990])[0, 1] > 0.7


@pytest.mark.parametrize(("sampling", "epochs"), [("windows", 3), ("streams", 8)])
def test_a_product_of_features_is_learnt(sampling, epochs):
    x = np.random.default_rng(1).normal(size=(BARS, 2))
    data = dataset(x, (x[:, 0] * x[:, 1] > 0).astype(float))
    belief, truth = forecasts(data, Classes(), sampling=sampling, epochs=epochs, chunk=16, warmup=8, batch=16)
    assert np.mean(belief.value == truth) > 0.85


def test_nothing_is_learnt_from_noise():
    rng = np.random.default_rng(2)
    data = dataset(rng.normal(size=(BARS, 3)), rng.normal(size=BARS))
    assert 0.97 < unexplained(data, sampling="streams", chunk=16, patience=3, learning_rate=1e-3) < 1.1
