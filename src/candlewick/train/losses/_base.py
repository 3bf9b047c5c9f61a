"""What a loss is: raw outputs and scaled labels to one number a sample."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from candlewick.core.spec import Spec
from candlewick.models._heads import Head

if TYPE_CHECKING:
    import torch


class Loss(Spec):
    """A frozen spec of what training makes small.

    Labels arrive scaled, z = (y - center) / scale with the head's own scale, so a loss has no units.
    """

    heads: ClassVar[tuple[type[Head], ...]]
    """The heads whose raw outputs it understands."""

    @abstractmethod
    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Loss of every sample: raw (..., outputs) and z (...) in float32 give (...)."""
