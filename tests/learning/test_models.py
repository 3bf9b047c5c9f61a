"""What the models are there for: memory, products, depth, and variance that clusters."""

from dataclasses import replace

import numpy as np
import pytest

from candlewick.data.synthetic import MARKETS
from candlewick.features import FEATURES
from candlewick.labels import LABELS
from candlewick.models._heads import Point, Variance
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.har import Har
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.models.naive import Naive
from candlewick.samples.dataset import Samples
from candlewick.testing.model_trial import RECIPE, dataset, fit_decode

torch = pytest.importorskip("torch")


def test_lstm_finds_a_product_over_time_that_no_line_can():
    from candlewick.train.infer import predict
    from candlewick.train.loop import fit

    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 2))
    y = x[:, 0] * np.roll(x[:, 1], 2) + 0.3 * rng.standard_normal(3000)
    data, head = dataset(x, y, length=5), Point()
    train, test = Samples(data, np.arange(10, 2400)), Samples(data, np.arange(2410, 3000))
    scale, lstm, recipe = head.fit_scale(train.y), Lstm(hidden=24, dropout=0.0), longer_recipe(epochs=12)
    nothing = Samples(data, np.empty(0, np.int64))
    weights = fit(lstm, train, nothing, head=head, scale=scale, recipe=recipe, seed=0).weights
    value = head.decode(predict(lstm, weights, test, head=head, recipe=recipe), scale).value
    explained = {
        "lstm": value,
        "linear": fit_decode(Linear(lags=5), head, train, test)[1].value,
        "trees": fit_decode(GradientBoosting(lags=5), head, train, test)[1].value,
    }
    share = {name: 1 - np.mean((test.y - value) ** 2) / np.var(test.y) for name, value in explained.items()}
    assert share["lstm"] > 0.6
    assert share["trees"] > 0.3
    assert share["linear"] < 0.02


def longer_recipe(*, epochs):
    return RECIPE.model_copy(update={"epochs": epochs, "learning_rate": 5e-3})


def gradient_share(**mechanisms):
    """Gradient norm of the first layer's recurrent weights over that of the last, fresh weights, 10 layers."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = Lstm(layers=10, hidden=32, dropout=0.0, **mechanisms).build(8, 1)
    x, z = torch.randn(16, 32, 8), torch.randn(16, 32)
    (module(x)[0][..., 0] - z).square().mean().backward()
    norms = [float(layer.weight_hh_l0.grad.norm()) for layer in module.lstm]
    return norms[0] / norms[-1]


def test_gradient_reaches_the_first_of_ten_layers_by_norm_and_by_skips():
    plain = gradient_share(norm=False, skips=())
    skips = gradient_share(norm=False)
    norm = gradient_share(skips=())
    both = gradient_share()
    assert plain < 1e-4
    assert skips > 100 * plain
    assert norm > 1e4 * plain
    assert both > norm > 0.1


def test_har_forecasts_clustered_variance_better_than_its_last_value_and_its_mean():
    bars = MARKETS.build("clustered").bars(4000, seed=1)
    label = LABELS.build({"name": "forward_volatility", "estimator": "parkinson"})
    rows = label.run(bars)
    echo = FEATURES.build(label.echo).run(bars)[:, 0]
    data = replace(dataset(np.zeros((4000, 1)), rows.value, echo=echo, length=22), known_at=rows.known_at, t=bars.t)
    train, test = Samples(data, np.arange(50, 3000)), Samples(data, np.arange(3000, 3990))
    forecasts = {
        name: fit_decode(model, Variance(), train, test)[1].value
        for name, model in (("har", Har()), ("last", Naive(rule="last")), ("mean", Naive(rule="mean")))
    }
    floor = 1e-3 * np.mean(train.y)
    ratios = {name: np.maximum(test.y, floor) / np.maximum(value, floor) for name, value in forecasts.items()}
    loss = {name: r - np.log(r) - 1 for name, r in ratios.items()}
    for rival in ("last", "mean"):
        gain = loss[rival] - loss["har"]
        assert np.mean(gain) > 4 * np.std(gain) / np.sqrt(len(gain)), rival
