import json
from dataclasses import asdict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_fits import Recurrent, cut, dataset, recipe  # noqa: E402

from candlewick.models._heads import Point  # noqa: E402
from candlewick.models.lstm import Lstm  # noqa: E402
from candlewick.train.device import has_bf16  # noqa: E402
from candlewick.train.numerics import gradient_flow  # noqa: E402

SAMPLES, HEAD = cut(dataset(), 0, 240), Point()
SCALE = HEAD.fit_scale(SAMPLES.y)


def flows(network, **changes):
    found = gradient_flow(network, SAMPLES, head=HEAD, scale=SCALE, recipe=recipe(**changes), seed=1, steps=6)
    return {flow.title: flow for flow in found}


@pytest.fixture(scope="module")
def five():
    return flows(Lstm(layers=5, hidden=8, dropout=0.0), sampling="streams", clip=0.1, learning_rate=1e-4)


def total(flow):
    return np.sqrt((np.array(flow.gradient) ** 2).sum(axis=1))


def test_each_mechanism_is_switched_once(five):
    titles = ["as configured", "clipping off", "layer norm off", "skips off"]
    stored = ["bf16 weights, Kahan on", "bf16 weights, Kahan off"] if has_bf16("cpu") else []
    assert list(five) == titles + stored
    off = flows(Lstm(layers=3, hidden=8, norm=False, skips=()), clip=None)
    assert list(off)[1:4] == ["clipping on", "layer norm on", "skips on"]
    assert list(flows(Recurrent()))[:3] == ["as configured", "clipping off", *stored[:1]][:3]


def test_it_is_plain_data_of_every_layer(five):
    flow = five["as configured"]
    assert flow.layers == (*(f"lstm.{k}" for k in range(5)), *(f"norm.{k}" for k in range(5)), "head")
    assert len(five["layer norm off"].layers) == 6
    assert np.shape(flow.gradient) == np.shape(flow.update) == (6, 11)
    assert (np.array(flow.gradient) > 0).all()
    json.dumps([asdict(flow) for flow in five.values()], allow_nan=False)


def test_clipping_bounds_what_the_optimiser_receives_and_off_does_not(five):
    assert total(five["as configured"]).max() <= 0.1 * 1.0001
    assert total(five["clipping off"]).max() > 0.2


def test_skips_and_norm_change_the_gradient_of_the_first_layers(five):
    first = {title: np.mean(flow.gradient, axis=0)[0] for title, flow in five.items()}
    assert not np.isclose(first["skips off"], first["as configured"], rtol=0.01)
    assert not np.isclose(first["layer norm off"], first["as configured"], rtol=0.01)


@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no bf16")
def test_kahan_keeps_updates_that_bf16_loses(five):
    kept, lost = five["bf16 weights, Kahan on"].lost, five["bf16 weights, Kahan off"].lost
    assert five["as configured"].lost == (0.0,) * 11
    assert np.mean(lost) > 0.5
    assert np.max(kept) < 0.05


def test_same_seed_gives_the_same_flow():
    assert flows(Recurrent()) == flows(Recurrent())
