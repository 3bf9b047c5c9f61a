import numpy as np
import pytest
from scipy import stats

from candlewick.core.errors import ConfigError
from candlewick.models._heads import Classes, Gaussian, Point, Quantile, Variance
from candlewick.train.losses import LOSSES, loss_for

torch = pytest.importorskip("torch")

HEADS = {"point": Point(), "variance": Variance(), "gaussian": Gaussian(), "quantile": Quantile(), "classes": Classes()}
OWN = {
    "point": "mse",
    "variance": "qlike",
    "gaussian": "gaussian_nll",
    "quantile": "pinball",
    "classes": "cross_entropy",
}


def best_constant(loss, head, z, start=0.0, steps=800):
    """Raw outputs that make the mean loss over `z` smallest, found by gradient descent."""
    raw = torch.full((head.outputs,), start, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    z = torch.as_tensor(z, dtype=torch.float32)
    for _ in range(steps):
        optimiser.zero_grad()
        loss.each(raw.expand(len(z), -1), z, head=head).mean().backward()
        optimiser.step()
        scheduler.step()
    return raw.detach().numpy()


@pytest.mark.parametrize("kind", HEADS)
def test_every_head_has_its_own_loss_and_refuses_those_of_others(kind):
    head = HEADS[kind]
    assert loss_for(head).spec_name() == OWN[kind]
    for name in LOSSES.names():
        loss = LOSSES.build(name)
        if isinstance(head, loss.heads):
            assert loss_for(head, loss) is loss
        else:
            with pytest.raises(ConfigError, match=f"loss {name} does not suit the {kind} head.*{OWN[kind]}"):
                loss_for(head, loss)


def test_squared_error_is_least_at_the_mean_and_huber_resists_outliers():
    z = np.concatenate([np.random.default_rng(0).normal(1.0, 0.1, 500), [100.0]])
    assert best_constant(LOSSES.build("mse"), Point(), z)[0] == pytest.approx(z.mean(), abs=1e-3)
    robust = best_constant(LOSSES.build({"name": "huber", "delta": 0.08}), Point(), z)[0]
    assert robust == pytest.approx(np.median(z), abs=0.02)


def test_huber_equals_torch():
    error = torch.linspace(-3, 3, 61)
    ours = LOSSES.build({"name": "huber", "delta": 0.7}).each(error[:, None], torch.zeros(61), head=Point())
    theirs = torch.nn.functional.huber_loss(error, torch.zeros(61), delta=0.7, reduction="none")
    torch.testing.assert_close(ours, theirs)


def test_qlike_is_least_at_the_mean_variance_and_bounded_when_nothing_moves():
    loss, z = LOSSES.build("qlike"), np.random.default_rng(0).exponential(3.0, 4000)
    assert np.exp(best_constant(loss, Variance(), z)[0]) == pytest.approx(z.mean(), rel=1e-3)
    raw = torch.tensor([[-1e4], [-20.0]])
    still = loss.each(raw, torch.zeros(2), head=Variance())
    assert torch.equal(still, torch.full((2,), float(np.log(1e-4))))  # the least variance that the head forecasts
    moved = loss.each(raw, torch.ones(2), head=Variance())
    assert torch.isfinite(moved).all()


def test_gaussian_likelihood_is_the_normal_one():
    raw, z = torch.randn(50, 2), torch.randn(50)
    ours = LOSSES.build("gaussian_nll").each(raw, z, head=Gaussian()).numpy()
    raw, z = raw.numpy(), z.numpy()
    theirs = -stats.norm.logpdf(z, raw[:, 0], np.exp(raw[:, 1])) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_pinball_learns_the_quantiles_that_the_head_decodes():
    head, z = Quantile(levels=(0.1, 0.5, 0.9)), np.random.default_rng(0).normal(size=4000)
    raw = best_constant(LOSSES.build("pinball"), head, z)
    decoded = head.decode(raw[None].astype(float), head.fit_scale(np.array([-1.0, 1.0]))).quantiles[0]
    np.testing.assert_allclose(decoded, np.quantile(z, head.levels), atol=0.03)


def test_cross_entropy_equals_torch():
    raw, z = torch.randn(4, 7, 3), torch.randint(0, 3, (4, 7)).float()
    ours = LOSSES.build("cross_entropy").each(raw, z, head=Classes(classes=3))
    theirs = torch.nn.functional.cross_entropy(raw.reshape(-1, 3), z.reshape(-1).long(), reduction="none")
    torch.testing.assert_close(ours.reshape(-1), theirs)


@pytest.mark.parametrize("kind", HEADS)
def test_loss_is_one_number_a_sample_with_a_gradient_for_every_output(kind):
    head = HEADS[kind]
    raw = torch.randn(5, 4, head.outputs, requires_grad=True)
    z = torch.randint(0, 2, (5, 4)).float()
    each = loss_for(head).each(raw, z, head=head)
    assert each.shape == (5, 4)
    each[2, 1].backward()
    touched = raw.grad.abs().sum(dim=-1) > 0
    assert touched[2, 1]
    assert touched.sum() == 1  # no sample's loss depends on another's output
