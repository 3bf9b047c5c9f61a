import pytest

torch = pytest.importorskip("torch")

from candlewick.models.blocks.dropout import Dropout  # noqa: E402


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.7])
@pytest.mark.parametrize("shape", [(1_000_001,), (101, 99, 100)])
def test_rate_and_mean_are_kept(rate, shape):
    torch.manual_seed(0)
    out = Dropout(rate).train()(torch.ones(shape))
    n = out.numel()
    error = (rate * (1 - rate) / n) ** 0.5
    assert abs(float((out == 0).double().mean()) - rate) < 4 * error + 2**-17
    torch.testing.assert_close(out[out != 0].unique(), torch.tensor([1 / (1 - rate)]), rtol=1e-4, atol=0)


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    dropped = (Dropout(0.5).train()(torch.ones(400_000)) == 0).double()
    for lag in (1, 2, 3, 4, 8):
        both = float((dropped[:-lag] * dropped[lag:]).mean())
        assert abs(both - 0.25) < 4 * (0.25 * 0.75 / 400_000) ** 0.5 * 1.5


def test_the_seed_decides_the_mask_and_the_gradient_follows_it():
    layer, x = Dropout(0.3).train(), torch.ones(5000, requires_grad=True)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    first.sum().backward()
    assert torch.equal(x.grad, first.detach())


def test_does_nothing_while_forecasting_or_at_rate_zero():
    x = torch.randn(100)
    assert Dropout(0.9).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_a_rate_next_to_one_stays_finite():
    assert torch.isfinite(Dropout(0.9999999).train()(torch.ones(100_000))).all()


def test_other_devices_draw_their_own_mask():
    assert Dropout(0.5).train()(torch.ones(3, device="meta")).device.type == "meta"
