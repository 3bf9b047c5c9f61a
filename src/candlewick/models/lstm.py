"""A deep residual LSTM of any depth, with layer norm, dropout and identity skips, that can stream.

out_k = dropout(norm(lstm_k(out_{k-1}))), out_0 the features or their linear projection; a skip (j, k) adds
out_j to out_k before layer k + 1 reads it; the head is linear in the last out.

By default every odd layer from the third on receives a skip from the odd layer before it, and the third, which
has none but the first with its own view of the raw input, from the second: 2->3, 3->5, 5->7, 7->9. Depth is
a number: 3 layers have 2->3, 5 layers 2->3 and 3->5.

What norm and skips are for: in fresh weights the first of ten layers receives less than 1e-4 of the gradient of the
last with neither, a hundred times more by skips alone, and about as much as the last by norm, which
tests/learning/test_models.py holds. Weights start as torch draws them.

Reference: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); Ba, Kiros and
Hinton, "Layer normalization" (2016); He et al., "Deep residual learning for image recognition" (2015).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from candlewick.models._base import LayerCount, Network
from candlewick.models._heads import Head

if TYPE_CHECKING:
    import torch


class Lstm(Network):
    """Depth, width and the mechanisms around each layer.

    >>> Lstm(layers=5).skips
    ((2, 3), (3, 5))
    >>> Lstm(layers=3, skips=()).skips
    ()
    """

    streams: ClassVar[bool] = True
    sizes: ClassVar[tuple[str, ...]] = ("hidden", "layers", "projection")
    tiny: ClassVar[dict[str, Any]] = {"layers": 3, "hidden": 16, "dropout": 0.1}

    layers: int = Field(3, ge=1, le=64, description="LSTM layers")
    hidden: int = Field(64, ge=1, description="units of every layer")
    projection: int | None = Field(None, ge=1, description="width of a linear layer before the first; null for none")
    norm: bool = Field(True, description="layer norm after every layer")
    dropout: float = Field(0.2, ge=0.0, lt=1.0, description="dropout after every layer's norm")
    skips: tuple[tuple[int, int], ...] = Field(
        default_factory=lambda fields: default_skips(fields["layers"]) if "layers" in fields else (),
        description="pairs (from, to) of layers, counted from 1: the output of one is added to the other's",
    )

    @model_validator(mode="after")
    def _skips_go_up(self) -> "Lstm":
        for source, target in self.skips:
            if not 1 <= source < target <= self.layers:
                raise ValueError(
                    f"a skip goes from a layer to a later one of 1..{self.layers}, was {source} -> {target}; "
                    "leave skips out for the default of this depth"
                )
        if len(set(self.skips)) < len(self.skips):
            raise ValueError("a skip stands twice; keep one")
        return self

    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """Every matrix of the network; torch keeps two bias vectors of 4 x hidden a layer."""
        first, hidden = self.projection or inputs, self.hidden
        layers = [LayerCount("projection", (inputs + 1) * first, inputs * first, inputs)] if self.projection else []
        for k in range(self.layers):
            width = hidden if k else first
            products = 4 * hidden * (width + hidden)
            layers.append(LayerCount(f"lstm.{k}", products + 8 * hidden, products, width + 7 * hidden, True))
            if self.norm:
                layers.append(LayerCount(f"norm.{k}", 2 * hidden, 0, hidden + 2))
        if self.dropout:
            layers.append(LayerCount("dropout", 0, 0, self.layers * hidden))
        layers.append(LayerCount("head", (hidden + 1) * head.outputs, hidden * head.outputs, hidden))
        return tuple(layers)

    def build(self, inputs: int, outputs: int) -> "torch.nn.Module":
        """A fresh `ResidualLstm` with torch's own initialisation."""
        from candlewick.models.blocks.residual_lstm import ResidualLstm

        return ResidualLstm(inputs, outputs, **self.model_dump())


def default_skips(layers: int) -> tuple[tuple[int, int], ...]:
    """2->3, then from every odd layer to the next odd one.

    >>> default_skips(10)
    ((2, 3), (3, 5), (5, 7), (7, 9))
    >>> default_skips(2)
    ()
    """
    return tuple((2 if k == 3 else k - 2, k) for k in range(3, layers + 1, 2))
