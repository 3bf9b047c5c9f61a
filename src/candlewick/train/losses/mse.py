"""Squared error of the scaled label: the mean is its best answer."""

from typing import TYPE_CHECKING, ClassVar

from candlewick.models._heads import Head, Point
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch


class Mse(Loss):
    """(raw - z)^2."""

    heads: ClassVar[tuple[type[Head], ...]] = (Point,)

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Squared error of every sample."""
        return (raw[..., 0] - z).square()
