import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_fits import Recurrent, recipe, train  # noqa: E402

from candlewick.train.device import has_bf16  # noqa: E402
from candlewick.train.optimiser import CompensatedAdamW, optimiser  # noqa: E402


def drift(compensate, steps=400, rate=1e-4):
    """How far a bf16 weight of 1 comes in `steps` updates of about `rate` each."""
    weight = torch.nn.Parameter(torch.ones(64, dtype=torch.bfloat16))
    adam = CompensatedAdamW([{"params": [weight]}], lr=rate, weight_decay=0.0, compensate=compensate)
    for _ in range(steps):
        weight.grad = torch.ones_like(weight)
        adam.step()
    return 1.0 - float(weight.detach().float().mean())


def test_small_updates_are_kept_with_compensation_and_lost_without():
    assert drift(compensate=True) == pytest.approx(400 * 1e-4, rel=0.1)
    assert drift(compensate=False) == 0.0


def test_compensated_steps_follow_adamw_in_float32():
    torch.manual_seed(0)
    start = torch.randn(32, 16).bfloat16()
    exact = torch.nn.Parameter(start.float())
    stored = torch.nn.Parameter(start.clone())
    reference = torch.optim.AdamW([exact], lr=1e-3, weight_decay=0.1)
    adam = CompensatedAdamW([{"params": [stored]}], lr=1e-3, weight_decay=0.1)
    for _ in range(300):
        gradient = torch.randn(32, 16).bfloat16()
        exact.grad, stored.grad = gradient.float(), gradient
        reference.step()
        adam.step()
    moved = (exact - start.float()).norm()
    sum_of_both = stored.float() + adam.state[stored]["compensation"].float()
    assert (sum_of_both - exact).norm() < 0.02 * moved
    assert (stored.float() - exact).abs().max() <= 2**-8 * exact.abs().max()  # one rounding, not three hundred


def test_matrices_decay_and_vectors_do_not():
    module = Recurrent().build(3, 1)
    groups = optimiser(module.parameters(), recipe(weight_decay=0.3)).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in module.named_parameters()} == {
        name: 0.3 if p.ndim > 1 else 0.0 for name, p in module.named_parameters()
    }


@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no bf16")
def test_kahan_fit_stores_bf16_weights_resumes_and_learns(tmp_path):
    path = tmp_path / "fit.safetensors"
    fitted = train(precision="bf16", kahan=True, epochs=25, patience=None, sampling="streams", checkpoint=path)
    again = train(precision="bf16", kahan=True, epochs=25, patience=None, sampling="streams", checkpoint=path)
    assert fitted.precision == "bf16"
    for name, weight in fitted.weights.items():
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, torch.from_numpy(weight).bfloat16().float().numpy())
        np.testing.assert_array_equal(weight, again.weights[name])
    assert fitted.curve[-1].train_loss < 0.9 * fitted.curve[0].train_loss
