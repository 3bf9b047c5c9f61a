import pytest

from candlewick.models._heads import Point
from candlewick.models.lstm import Lstm
from candlewick.sizing.count import optimiser_bytes, training_bytes

SPEC = Lstm(layers=2, hidden=12, projection=8)


def test_activations_grow_with_the_batch_and_the_rest_does_not():
    layers = SPEC.count(4, Point(), 30)
    small = training_bytes(layers, sequences=1, steps=30, kahan=False)
    large = training_bytes(layers, sequences=8, steps=60, kahan=False)
    assert large.activations == 16 * small.activations > 0
    assert large.total - small.total == large.activations - small.activations
    assert small.weights == small.gradients == small.best == 4 * sum(layer.parameters for layer in layers)


@pytest.mark.parametrize("kahan", [False, True])
def test_optimiser_and_weights_are_what_torch_holds(kahan):
    torch = pytest.importorskip("torch")
    from candlewick.train.optimiser import optimiser
    from candlewick.train.recipe import Recipe

    module = SPEC.build(4, 1).to(torch.bfloat16 if kahan else torch.float32)
    adam = optimiser(module.parameters(), Recipe(precision="bf16", kahan=True) if kahan else Recipe())
    module(torch.randn(2, 3, 4, dtype=next(module.parameters()).dtype))[0].sum().backward()
    adam.step()
    moments = [part for state in adam.state.values() for name, part in state.items() if name != "step"]
    counted = training_bytes(SPEC.count(4, Point(), 3), sequences=2, steps=3, kahan=kahan)
    assert counted.optimiser == sum(part.nbytes for part in moments)
    assert counted.weights == sum(parameter.nbytes for parameter in module.parameters())
    assert counted.gradients == sum(parameter.grad.nbytes for parameter in module.parameters())
    assert counted.optimiser == optimiser_bytes(sum(p.numel() for p in module.parameters()), kahan=kahan)
