import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_fits import LENGTH, Recurrent, cut, dataset, recipe, train  # noqa: E402

from candlewick.core.errors import ConfigError, TrainingError  # noqa: E402
from candlewick.models._heads import Point  # noqa: E402
from candlewick.samples.dataset import Samples  # noqa: E402
from candlewick.train import infer  # noqa: E402
from candlewick.train.infer import predict  # noqa: E402

HEAD, NETWORK = Point(), Recurrent()
DATA = dataset(symbols=3)
WEIGHTS = train(DATA, sampling="streams").weights


def forecast(samples, sampling="streams", **changes):
    return predict(NETWORK, WEIGHTS, samples, head=HEAD, recipe=recipe(sampling=sampling, **changes))


def module():
    built = NETWORK.build(3, 1).eval()
    built.load_state_dict({name: torch.from_numpy(part) for name, part in WEIGHTS.items()})
    return built


@torch.no_grad()
def by_hand(symbol, rows, warmup):
    """One instrument, bar by bar from the anchor."""
    first, net, state, out = 400 * symbol, module(), None, {}
    for row in range(max(first, rows[0] - warmup), rows[-1] + 1):
        raw, state = net(torch.from_numpy(DATA.x[row][None, None]), state)
        out[row] = float(raw[0, 0, 0])
    return [out[row] for row in rows]


def test_streams_step_every_bar_from_the_anchor_of_each_instrument():
    rows = [np.array([300, 301, 305, 340]), np.array([405, 407]), 800 + np.arange(90, 399)]
    raw = forecast(Samples(DATA, np.concatenate(rows)))
    expected = np.concatenate([by_hand(symbol, part, warmup=10) for symbol, part in enumerate(rows)])
    assert raw.shape == (len(expected), 1)
    assert raw.dtype == np.float64
    np.testing.assert_allclose(raw[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("bars", [1, 7, 64, 1000])
def test_streams_do_not_depend_on_how_they_are_chunked(bars, monkeypatch):
    samples = cut(DATA, 200, 400)
    usual = forecast(samples)
    monkeypatch.setattr(infer, "_BARS_AT_ONCE", bars)
    np.testing.assert_allclose(forecast(samples), usual, rtol=0, atol=1e-6)


def test_warmup_moves_the_anchor():
    late = Samples(DATA, np.array([300]))
    assert forecast(late, warmup=0) != pytest.approx(forecast(late, warmup=2), abs=1e-4)
    assert forecast(late, warmup=0)[0, 0] == pytest.approx(by_hand(0, [300], 0)[0], abs=1e-6)


@torch.no_grad()
def test_windows_read_the_window_and_nothing_else(monkeypatch):
    samples = Samples(DATA, np.array([50, 300, 777]))
    raw = forecast(samples, "windows")
    for got, row in zip(raw, samples.index, strict=True):
        window = torch.from_numpy(DATA.x[row - LENGTH + 1 : row + 1][None])
        assert got[0] == pytest.approx(float(module()(window)[0][0, -1, 0]), abs=1e-6)
    monkeypatch.setattr(infer, "_WINDOWS_AT_ONCE", 2)
    np.testing.assert_allclose(forecast(samples, "windows"), raw, atol=1e-6)


@pytest.mark.parametrize("sampling", ["windows", "streams"])
def test_bars_after_a_row_do_not_move_its_forecast(sampling):
    rows = np.arange(250, 300)
    before = forecast(Samples(DATA, rows), sampling)
    changed = DATA.x.copy()
    changed[280:400] = 9.0
    after = forecast(Samples(DATA.with_x(changed), rows), sampling)
    np.testing.assert_array_equal(after[:30], before[:30])
    assert not np.isclose(after[30:], before[30:]).any()


def test_dropout_is_off_and_nothing_is_random():
    samples = cut(DATA, 200, 260)
    np.testing.assert_array_equal(forecast(samples), forecast(samples))


def test_no_samples_give_no_forecasts():
    for sampling in ("windows", "streams"):
        assert forecast(Samples(DATA, np.array([], dtype=np.int64)), sampling).shape == (0, 1)


def test_input_that_is_not_finite_is_named_by_its_time():
    x = DATA.x.copy()
    x[300, 0] = np.nan
    with pytest.raises(TrainingError, match="1970-01-01T05:00:00Z is not finite"):
        forecast(Samples(DATA.with_x(x), np.arange(290, 310)))


def test_weights_of_another_network_are_refused():
    with pytest.raises(ConfigError, match="weights do not fit"):
        predict(Recurrent(hidden=9), WEIGHTS, cut(DATA, 200, 210), head=HEAD, recipe=recipe())
