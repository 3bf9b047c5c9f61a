"""What training keeps in memory, exactly, from the counts of a model's layers."""

from collections.abc import Iterable
from dataclasses import dataclass

from candlewick.models._base import LayerCount

_FLOAT32, _BFLOAT16 = 4, 2


@dataclass(frozen=True)
class TrainingBytes:
    """Bytes of the arrays that one fit of a network holds at the end of a forward pass.

    Attributes:
        weights: the parameters.
        gradients: one number a parameter, of the parameters' type.
        optimiser: AdamW's two moments in float32; where weights are bf16 with compensated updates, the compensation
            too. The step counters, 4 bytes a tensor, are left out.
        best: a copy of the weights of the best epoch.
        activations: what the backward pass needs of one batch, in float32, with torch's fused paths off.
    """

    weights: int
    gradients: int
    optimiser: int
    best: int
    activations: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.gradients + self.optimiser + self.best + self.activations


def training_bytes(layers: Iterable[LayerCount], *, sequences: int, steps: int, kahan: bool) -> TrainingBytes:
    """Memory of a fit on batches of `sequences` windows or lanes of `steps` bars each.

    `kahan` means weights stored in bf16 with compensated updates; products in bf16 alone change nothing here.

    >>> layer = LayerCount("head", parameters=100, multiply_adds=99, activations=10)
    >>> training_bytes([layer], sequences=2, steps=3, kahan=False)
    TrainingBytes(weights=400, gradients=400, optimiser=800, best=400, activations=240)
    >>> training_bytes([layer], sequences=2, steps=3, kahan=True).optimiser
    1000
    """
    layers = tuple(layers)
    parameters = sum(layer.parameters for layer in layers)
    stored = parameters * (_BFLOAT16 if kahan else _FLOAT32)
    return TrainingBytes(
        weights=stored,
        gradients=stored,
        optimiser=optimiser_bytes(parameters, kahan=kahan),
        best=stored,
        activations=activation_bytes(sum(layer.activations for layer in layers), sequences=sequences, steps=steps),
    )


def optimiser_bytes(parameters: int, *, kahan: bool) -> int:
    """AdamW's two float32 moments of each parameter, and with `kahan` its bf16 compensation."""
    return parameters * (2 * _FLOAT32 + (_BFLOAT16 if kahan else 0))


def activation_bytes(activations: int, *, sequences: int, steps: int) -> int:
    """`activations` numbers for every bar of every sequence of a batch, in float32."""
    return _FLOAT32 * activations * sequences * steps
