"""Cross entropy of the class probabilities."""

from typing import TYPE_CHECKING, ClassVar

from candlewick.models._heads import Classes, Head
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch


class CrossEntropy(Loss):
    """-log of the probability given to the true class, probabilities being the softmax of raw."""

    heads: ClassVar[tuple[type[Head], ...]] = (Classes,)

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Cross entropy of every sample."""
        chosen = raw.gather(-1, z.long()[..., None])[..., 0]
        return raw.logsumexp(dim=-1) - chosen
