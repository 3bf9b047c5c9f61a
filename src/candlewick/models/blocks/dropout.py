"""Dropout whose mask costs a quarter of torch's on a processor."""

import torch
from torch import Tensor, nn

_STEPS = 2**16


class Dropout(nn.Module):
    """Zeroes each number with `rate` while training and multiplies the others by 1 / (1 - rate).

    torch draws one random number an element, one after the other; here one 64-bit draw decides four elements, so the
    rate is the nearest multiple of 2**-16. In a deep LSTM on a processor, torch's mask is 5 to 7 % of a training step.
    Off the processor torch's own, fused, is used.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropped = min(round(rate * _STEPS), _STEPS - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape; `x` itself while forecasting."""
        if not self.training or self.dropped == 0:
            return x
        rate = self.dropped / _STEPS
        if x.device.type != "cpu":
            return nn.functional.dropout(x, rate)
        draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        uniform = draws.view(torch.int16)[: x.numel()].view(x.shape)
        keep = uniform >= self.dropped - _STEPS // 2
        return x * keep.to(x.dtype).mul_(1 / (1 - rate))
