"""Planted faults in networks that the checks of training and forecasting must catch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from candlewick.models._heads import Point  # noqa: E402
from candlewick.models.lstm import Lstm  # noqa: E402
from candlewick.samples.dataset import Dataset, Samples  # noqa: E402
from candlewick.train import infer  # noqa: E402
from candlewick.train.checkpoint import weights_hash  # noqa: E402
from candlewick.train.infer import predict  # noqa: E402
from candlewick.train.loop import fit  # noqa: E402
from candlewick.train.recipe import Recipe  # noqa: E402

HEAD = Point()
RECIPE = Recipe(sampling="streams", batch=4, chunk=16, warmup=8, epochs=1)


def planted(change):
    """A small LSTM whose forward pass went through `change(forward)`."""

    class Faulty(Lstm):
        def build(self, inputs: int, outputs: int):
            built = super().build(inputs, outputs)
            built.forward = change(built.forward)
            return built

    return Faulty(layers=1, hidden=6, dropout=0.0)


HEALTHY = planted(lambda forward: forward)
UNSEEDED = planted(
    lambda forward: lambda x, state=None: forward(x + 0.01 * float(np.random.default_rng().normal()), state)
)
FORGETFUL = planted(lambda forward: lambda x, state=None: forward(x, None))
LOOKS_AHEAD = planted(lambda forward: lambda x, state=None: forward(x - x.mean(dim=1, keepdim=True), state))


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    n = 300
    t = np.arange(n) * 60_000_000_000
    return Dataset(
        x=rng.normal(size=(n, 3)).astype(np.float32), columns=("a", "b", "c"), t=t, symbol=np.zeros(n, dtype=np.int64),
        symbols=("SYN",), y=rng.normal(size=n), known_at=t + 1, echo=np.full(n, np.nan), start=t, length=4,
        ready=np.arange(n) >= 3,
    )  # fmt: skip


def trained(network, data):
    train, nothing = Samples(data, np.arange(10, 200)), Samples(data, np.arange(0))
    return fit(network, train, nothing, head=HEAD, scale=HEAD.fit_scale(train.y), recipe=RECIPE, seed=0).weights


def same_bits_twice(network, data) -> bool:
    return weights_hash(trained(network, data)) == weights_hash(trained(network, data))


def same_however_chunked(network, data, monkeypatch) -> bool:
    weights, samples = trained(HEALTHY, data), Samples(data, np.arange(200, 300))
    found = []
    for bars in (256, 7):
        monkeypatch.setattr(infer, "_BARS_AT_ONCE", bars)
        found.append(predict(network, weights, samples, head=HEAD, recipe=RECIPE))
    return np.allclose(*found, rtol=0, atol=1e-6)


def future_moves_nothing(network, data) -> bool:
    weights, rows = trained(HEALTHY, data), np.arange(200, 300)
    changed = data.x.copy()
    changed[250:] += 3.0
    before, after = (
        predict(network, weights, Samples(d, rows), head=HEAD, recipe=RECIPE) for d in (data, data.with_x(changed))
    )
    return np.array_equal(before[:50], after[:50])


def test_randomness_that_the_seed_does_not_rule_is_caught(data):
    assert same_bits_twice(HEALTHY, data)
    assert not same_bits_twice(UNSEEDED, data)


def test_lost_state_is_caught(data, monkeypatch):
    assert same_however_chunked(HEALTHY, data, monkeypatch)
    assert not same_however_chunked(FORGETFUL, data, monkeypatch)


def test_looking_ahead_inside_a_chunk_is_caught(data, monkeypatch):
    assert future_moves_nothing(HEALTHY, data)
    assert not future_moves_nothing(LOOKS_AHEAD, data)
    assert not same_however_chunked(LOOKS_AHEAD, data, monkeypatch)
