"""Squared error near zero, absolute error beyond `delta`: outliers pull with bounded force."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from candlewick.models._heads import Head, Point
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch


class Huber(Loss):
    """With e = |raw - z|: e^2 / 2 up to `delta`, then delta * (e - delta / 2).

    Reference: Huber, Robust Estimation of a Location Parameter, 1964.
    """

    heads: ClassVar[tuple[type[Head], ...]] = (Point,)

    delta: float = Field(1.0, gt=0, description="scaled error at which the loss turns from squared to absolute")

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Huber loss of every sample."""
        error = (raw[..., 0] - z).abs()
        squared = error.clamp(max=self.delta)
        return squared * (error - squared / 2)
