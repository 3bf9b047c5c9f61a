"""Quasi-likelihood of a variance: the mean is its best answer even when the label is a noisy proxy."""

import math
from typing import TYPE_CHECKING, ClassVar

from candlewick.models._heads import SMALLEST_VARIANCE_SHARE, Head, Variance
from candlewick.train.losses._base import Loss

if TYPE_CHECKING:
    import torch


class Qlike(Loss):
    """raw + z * exp(-raw), raw the log of the forecast variance and z the realised one, in units of its mean.

    It is log f + y / f up to a constant. raw is held to the range that the head can forecast, so a bar without
    any variance cannot pull the loss to minus infinity.

    Reference: Patton, Volatility forecast comparison using imperfect volatility proxies, 2011.
    """

    heads: ClassVar[tuple[type[Head], ...]] = (Variance,)

    def each(self, raw: "torch.Tensor", z: "torch.Tensor", *, head: Head) -> "torch.Tensor":
        """QLIKE of every sample."""
        limit = -math.log(SMALLEST_VARIANCE_SHARE)
        log_variance = raw[..., 0].clamp(-limit, limit)
        return log_variance + z * (-log_variance).exp()
