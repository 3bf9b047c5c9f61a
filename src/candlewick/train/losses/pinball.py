"""Pinball loss: every output learns its own quantile."""

from typing import TYPE_CHECKING, ClassVar

from candlewick.models._heads import Head, Quantile
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch


class Pinball(Loss):
    """Mean over levels p of max(p (z - q), (p - 1) (z - q)); q is raw first, then raised by softplus(raw) a level.

    Reference: Koenker and Bassett, Regression Quantiles, 1978.
    """

    heads: ClassVar[tuple[type[Head], ...]] = (Quantile,)

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Mean pinball loss over the levels of every sample."""
        import torch

        assert isinstance(head, Quantile)
        steps = torch.cat([raw[..., :1], torch.nn.functional.softplus(raw[..., 1:])], dim=-1)
        # cumsum has no deterministic backward on every device; a product with a triangle of ones is the same sum.
        quantiles = steps @ torch.ones(raw.shape[-1], raw.shape[-1], device=raw.device).triu()
        levels = torch.tensor(head.levels, device=raw.device)
        below = z[..., None] - quantiles
        return torch.maximum(levels * below, (levels - 1) * below).mean(dim=-1)
