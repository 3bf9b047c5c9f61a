"""Negative log-likelihood of a normal belief: mean and deviation are learnt together."""

from typing import TYPE_CHECKING, ClassVar

from candlewick.models._heads import Gaussian, Head
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch

_LOG_DEVIATION_LIMIT = 7.0  # as the head decodes it


class GaussianNll(Loss):
    """s + ((z - m) / exp(s))^2 / 2, with m and s the raw mean and log deviation; log(2 pi) / 2 is left out."""

    heads: ClassVar[tuple[type[Head], ...]] = (Gaussian,)

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """Negative log-likelihood of every sample."""
        log_deviation = raw[..., 1].clamp(-_LOG_DEVIATION_LIMIT, _LOG_DEVIATION_LIMIT)
        return log_deviation + ((z - raw[..., 0]) * (-log_deviation).exp()).square() / 2
